"""Coloured pictures from extractors to the integrator: through the pass, the cache and what a config leaves open."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.config.inference import InferConfig
from gazenet.config.picture_names import published_stems
from gazenet.cues.colour_pictures import INTEGRATOR_SIZE
from gazenet.cues.extractor import CueMaps, Windows
from gazenet.cues.extractor_spec import InputSpec, WindowSpec
from gazenet.errors import UsageError
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.fusion.gasp_spec import PICTURE, GaspSpec
from gazenet.fusion.released_integrators import DAMGMU
from gazenet.inference.cache.cache_keys import pictures_key
from gazenet.inference.cache.recall import recall
from gazenet.inference.engine.stage_graph import StageGraph, completed
from gazenet.maps.map_store import MapStore
from tests.inference.toy_graph import Bright, Frames, Toy, spec, told, toy_graph, work

SOURCE = "ab" * 16


class Painter(Toy):
    """Every second frame in one colour; its red level is the frame's number."""

    spec = spec("painter", input=InputSpec(height=8, width=8), window=WindowSpec(stride=2), pictures=True)

    def values(self, windows: Windows) -> torch.Tensor:
        return torch.full((len(windows),), 0.5)

    def extract(self, windows: Windows) -> CueMaps:
        maps = super().extract(windows)
        return replace(maps, pictures=[np.full((4, 6, 3), (int(k), 7, 9), np.uint8) for k in windows.index])


class Reds:
    """An integrator that notes what it is given."""

    spec = GaspSpec(name="reds", cues=("bright", "painter"), rendering="published", colours=("jet", PICTURE))

    def __init__(self) -> None:
        self.seen: list[dict[str, np.ndarray]] = []

    def stream(self, live: bool = False) -> Reds:
        self.start = 0
        return self

    def push(self, maps: dict[str, np.ndarray]) -> FusedChunk:
        self.seen.append(maps)
        count, self.start = len(maps["painter"]), self.start + len(maps["painter"])
        return FusedChunk(self.start - count, np.ones((count, 2, 2), np.float32), np.zeros((count, 2), np.float32))

    def finish(self) -> FusedChunk:
        return FusedChunk(self.start, np.zeros((0, 0, 0), np.float32), np.zeros((0, 0), np.float32))


def graph_of(*extractors: type[Toy], **config: Any) -> tuple[StageGraph, Reds]:
    reds: Any = Reds()
    return replace(toy_graph(*(extractors or (Bright, Painter)), **config), integrator=reds), reds


def test_an_integrator_gets_maps_and_pictures(tmp_path: Path) -> None:
    graph, reds = graph_of()
    _, chunks = work(graph, Frames(19), tmp_path)
    assert [one["bright"].ndim for one in reds.seen] == [3] * 3
    pictures = np.concatenate([one["painter"] for one in reds.seen])
    assert pictures.shape == (19, *INTEGRATOR_SIZE, 3)
    assert pictures[:, 3, 3].tolist() == [[k // 2 * 2, 7, 9] for k in range(19)]
    sent = np.concatenate([chunk.pictures["painter"] for chunk in chunks])
    assert np.array_equal(np.moveaxis(sent, 1, -1), pictures)
    assert all(chunk.cues["painter"].ndim == 3 and set(chunk.pictures) == {"painter"} for chunk in chunks)


def test_pictures_are_cached_and_recalled(tmp_path: Path) -> None:
    graph, _ = graph_of()
    first = told(work(graph, Frames(19), tmp_path)[1])
    store = MapStore(tmp_path)
    reader = store.reader(pictures_key(graph.cues[1], SOURCE))
    assert reader is not None and reader.shape == (19, 3, *INTEGRATOR_SIZE)
    known = recall(graph, SOURCE, store)
    assert known is not None and set(known.maps) == {"bright", "painter"}
    assert np.array_equal(known.pictures["painter"], reader.maps)

    class Idle(Painter):
        fail_at = 0

    again, reds = graph_of(Bright, Idle)
    assert told(work(again, Frames(19), tmp_path)[1]) == first and len(reds.seen) == 3, "nothing is computed again"


def test_lost_pictures_are_made_again_beside_their_maps(tmp_path: Path) -> None:
    graph, _ = graph_of()
    first = told(work(graph, Frames(19), tmp_path)[1])
    folder = pictures_key(graph.cues[1], SOURCE).folder(tmp_path)
    (folder / "manifest.json").unlink()
    (folder / "maps.npy").unlink()
    (folder / "chunks.log").unlink()
    assert recall(graph, SOURCE, MapStore(tmp_path)) is None
    assert told(work(graph, Frames(19), tmp_path)[1]) == first
    assert recall(graph, SOURCE, MapStore(tmp_path)) is not None


def test_pictures_of_a_skipped_cue_are_black(tmp_path: Path) -> None:
    class Faulty(Painter):
        fail_at = 16

    graph, reds = graph_of(Bright, Faulty, on_error="skip")
    work(graph, Frames(19), tmp_path)
    pictures = np.concatenate([one["painter"] for one in reds.seen])
    assert pictures[:8].any(axis=(1, 2, 3)).all() and not pictures[8:].any()
    assert MapStore(tmp_path).reader(pictures_key(graph.cues[1], SOURCE)) is None


def config(*extractors: dict[str, Any]) -> InferConfig:
    return InferConfig.model_validate({"extractors": extractors})


def names(found: InferConfig) -> dict[str, dict[str, Any]]:
    return {one.name: dict(one.parameters) for one in found.extractors}


def test_the_frame_and_open_modes_are_supplied() -> None:
    chosen = config({"name": "gaze360", "parameters": {"exact": True}}, *({"name": n} for n in ("dave", "esr9")))
    some = {"cues": ("captured", "dave", "gaze360"), "colours": (PICTURE,) * 3}
    found = names(completed(chosen, DAMGMU.model_copy(update=some)))
    assert found == {
        "gaze360": {"mode": "published", "exact": True},
        "dave": {"mode": "published"},
        "esr9": {},
        "captured": {},
    }


def test_lacking_extractors_are_told_as_a_setting_that_can_be_used() -> None:
    stems = GaspSpec(name="mine", cues=published_stems(), rendering="published").on_extractors()
    with pytest.raises(UsageError, match="integrator mine needs the cues dave, esr9, videogaze, gaze360") as caught:
        completed(config({"name": "saliency"}), stems)
    setting = str(caught.value).rpartition("--set extractors='")[2].removesuffix("'")
    good = completed(config(*json.loads(setting)), stems)
    assert [one.name for one in good.extractors] == ["dave", "esr9", "videogaze", "gaze360", "captured"]
    assert {one.parameters.get("mode") for one in good.extractors} == {"published", None}


def test_extractors_without_pictures_are_refused() -> None:
    wanted = GaspSpec(name="mine", cues=("dave",), rendering="published", colours=(PICTURE,))
    with pytest.raises(
        UsageError, match=r"extractor dave: integrator mine takes its coloured pictures; in mode corrected"
    ):
        completed(config({"name": "dave", "parameters": {"mode": "corrected"}}), wanted)
    with pytest.raises(
        UsageError, match=r"extractor saliency: integrator mine takes its coloured pictures; it makes none"
    ):
        completed(config({"name": "saliency"}), wanted.model_copy(update={"cues": ("saliency",)}))
