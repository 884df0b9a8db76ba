"""Videos of the published layout as sources: their frames, their identity, and their stored maps into stage two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazenet.config.load import load_config
from gazenet.errors import CacheError, MediaError, UsageError
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.fusion.gasp_spec import PICTURE, GaspSpec
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.engine.timing import Timings
from gazenet.inference.inputs.sources import CapturedFrames, identity, is_frame_folder, open_frames
from gazenet.inference.inputs.stored_maps import StoredPass, picture_of, stem_of, stored_maps
from gazenet.inference.results import ChunkResult
from gazenet.maps.colours import colourise
from gazenet.maps.frame_folders import FrameFolderWriter, frame_file
from gazenet.media.decode import VideoReader
from tests.clips import make_clip

SIDE = 40


def pictures(root: Path, frames: int = 10, dataset: str = "diem", lacking: tuple[int, ...] = ()) -> Path:
    """Frames that get brighter, and jet maps of DAVE of value 10 * frame."""
    writer = FrameFolderWriter(root, dataset, "v", size=None)
    for k in range(frames):
        writer.write(k, "captured", np.full((SIDE, 2 * SIDE), 20 * k + 5, np.uint8))
        if k not in lacking:
            writer.write(k, "det_transformed_dave", colourise(np.full((SIDE, SIDE), 10 * k, np.uint8), "jet"))
    return root / dataset / "v"


class Late:
    """An integrator that gives the mean of its pictures, two frames late; ``seen`` are the shapes it was given."""

    def __init__(self, *cues: str) -> None:
        self.spec = GaspSpec(name="late", cues=cues, rendering="published", colours=(PICTURE,) * len(cues))
        self.seen: list[tuple[int, ...]] = []

    def stream(self, live: bool = False) -> Any:
        integrator, waiting, sent = self, [], [0]

        class Stream:
            def push(self, maps: dict[str, np.ndarray]) -> FusedChunk:
                integrator.seen += [one.shape for one in maps.values()]
                waiting.extend(next(iter(maps.values())).mean((1, 2, 3)))
                return self._give(max(0, len(waiting) - 2))

            def finish(self) -> FusedChunk:
                return self._give(len(waiting))

            def _give(self, count: int) -> FusedChunk:
                start, sent[0] = sent[0], sent[0] + count
                values = np.array([waiting.pop(0) for _ in range(count)], np.float32)
                return FusedChunk(start, values[:, None, None] * np.ones((1, 3, 4), np.float32), np.zeros((count, 0)))

        return Stream()


def work(source: Any, integrator: Any) -> tuple[StoredPass, list[ChunkResult]]:
    config = load_config("infer", "default", ["chunk=4", "map_size=20"])
    chunks: list[ChunkResult] = []
    job = StoredPass(StageGraph(config, None, "", (), (), integrator), source, Timings())
    job.run(chunks.append)
    return job, chunks


def test_a_folder_of_frames_is_a_source(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    source = open_frames(folder, max_side=40)
    assert isinstance(source, CapturedFrames) and source.size == (20, 40)
    assert (source.info.width, source.info.height, source.info.declared_frames) == (80, 40, 10)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(10))
    assert [round(float(frame.image.mean())) for frame in frames[:3]] == [5, 25, 45]
    assert frames[3].time == pytest.approx(3 / 30) and frames[3].image.shape == (20, 40, 3)
    assert float(open_frames(pictures(tmp_path, dataset="coutrot1")).info.rate) == 25


def test_files_are_opened_as_before(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 3)
    source = open_frames(clip)
    assert isinstance(source, VideoReader) and not is_frame_folder(tmp_path) and len(identity(clip)) == 32
    source.close()
    with pytest.raises(MediaError, match="is a folder"):
        identity(tmp_path)


def test_identity_follows_frames_or_all_pictures(tmp_path: Path) -> None:
    folder = pictures(tmp_path)
    frames, everything = identity(folder), identity(folder, pictures=True)
    assert frames != everything and frames == identity(pictures(tmp_path / "copy"))
    frame_file(tmp_path, "diem", "v", 4, "det_transformed_esr9").write_bytes(b"new")
    assert identity(folder) == frames and identity(folder, pictures=True) != everything
    frame_file(tmp_path, "diem", "v", 4, "captured").write_bytes(b"other")
    assert identity(folder) != frames


def test_stored_pictures_reach_the_integrator_and_every_frame_comes_once(tmp_path: Path) -> None:
    integrator = Late("dave")
    job, chunks = work(open_frames(pictures(tmp_path, lacking=(5,))), integrator)
    assert integrator.seen == [(4, SIDE, SIDE, 3), (4, SIDE, SIDE, 3), (2, SIDE, SIDE, 3)]
    assert [k for one in chunks for k in range(one.start, one.start + len(one))] == list(range(10))
    grey = np.concatenate([one.cues["dave"] for one in chunks])[:, 5, 10].astype(int)
    assert np.abs(grey - [0, 10, 20, 30, 40, 40, 60, 70, 80, 90]).max() <= 3, (
        "a missing map is that of the frame before"
    )
    assert round(float(chunks[-1].images[-1].mean())) == 185 and job.frames == 10 and job.warnings == []


def test_a_cue_without_pictures_is_black_but_not_the_first(tmp_path: Path) -> None:
    source = open_frames(pictures(tmp_path))
    job, chunks = work(source, Late("dave", "esr9"))
    assert job.warnings == ["no frame has det_transformed_esr9_1.jpg; the cue esr9 is black"]
    assert not chunks[0].cues["esr9"].any()
    with pytest.raises(UsageError, match=r"no frame has det_transformed_esr9_1\.jpg; run the first stage"):
        work(source, Late("esr9", "dave"))


def test_only_frame_folders_hold_stored_maps(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 3)
    with open_frames(clip) as reader, pytest.raises(UsageError, match=r"data\.maps stored: needs an integrator and"):  # type: ignore[attr-defined]
        work(reader, Late("dave"))
    with pytest.raises(UsageError, match=r"data\.maps stored"):
        work(open_frames(pictures(tmp_path)), None)
    pictures(tmp_path / "torn")
    frame_file(tmp_path / "torn", "diem", "v", 0, "captured").write_bytes(b"\xff\xd8")
    with pytest.raises(CacheError, match="cut off or damaged"):
        open_frames(tmp_path / "torn" / "diem" / "v")


def test_names_of_pictures_and_of_cues() -> None:
    assert [stem_of(cue) for cue in ("videogaze", "captured", "det_transformed_x")] == [
        "det_transformed_vidgaze",
        "captured",
        "det_transformed_x",
    ]
    assert (picture_of("esr9"), picture_of("saliency")) == ("det_transformed_esr9", "det_transformed_saliency")
    config = load_config("infer", "InferMetricsGASP")
    assert stored_maps(config) and config.data is not None
    assert not stored_maps(config.model_copy(update={"data": replace_maps(config.data)}))


def replace_maps(data: Any) -> Any:
    return data.model_copy(update={"maps": "computed"})
