"""Scores after a run: which metrics can be computed, against what, and the tables that are left."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from gazenet.config.inference_data import MetricsConfig
from gazenet.config.load import load_config
from gazenet.data.density import Size
from gazenet.data.fixations import FrameFixations
from gazenet.errors import UsageError
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.inputs.dataset_inputs import DatasetVideo, default_root
from gazenet.inference.results import VideoSummary
from gazenet.inference.scored_run import measure, usable, write

SIZE: Size = (36, 64)


class Watched:
    """An item that two people look at, at (33, 17) and beside it."""

    path, still, size = Path("x.mp4"), False, SIZE

    def __init__(self, name: str, shift: float) -> None:
        self.name, self._shift = name, shift

    def fixations(self, times: np.ndarray) -> FrameFixations:
        points = np.array([[33.0 + self._shift, 17.0], [35.0 + self._shift, 20.0]])
        seen = [points if k else np.empty((0, 2)) for k in range(len(times))]
        return FrameFixations(SIZE, seen, np.array([len(one) for one in seen]))


class WithGates:
    class spec:
        cues = ("a", "b")


def results(root: Path, *names: str) -> list[tuple[DatasetVideo, VideoSummary]]:
    """Output folders whose maps are brightest in the middle, five frames each; nobody sees the first."""
    found = []
    for k, name in enumerate(names):
        folder = root / name.replace("/", "-")
        folder.mkdir(parents=True)
        maps = 0.1 * np.random.default_rng(k).random((5, 9, 16))
        maps[:, 4, 8] += 1
        np.save(folder / "saliency.npy", maps.astype(np.float16))
        lines = [f"{k},{k / 25},0.25,0.75" for k in range(5)]
        (folder / "attention.csv").write_text("\n".join(["frame,time_s,gate_a,gate_b", *lines]) + "\n")
        (folder / "run.json").write_text(json.dumps({"video": {"width": SIZE[1], "height": SIZE[0]}}))
        item: Any = Watched(name, 10.0 * k)
        found.append((DatasetVideo(folder.name, "diem", item, 4.0), VideoSummary(item.path, folder, 5, [], {}, {})))
    return found


def graph(integrator: Any = WithGates) -> StageGraph:
    return StageGraph(load_config("infer", "default"), None, "", (), (), integrator)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_published_tables(tmp_path: Path) -> None:
    metrics = MetricsConfig(definitions="original", grid=64, file=str(tmp_path / "logs" / "scores.csv"))
    table = measure(graph(), metrics, results(tmp_path, "b/1", "2"), tmp_path)
    write(table)
    first, second = rows(tmp_path / "logs" / "scores.csv")
    assert list(first) == ["video_id", "dataset", "frames_len", "aucj", "aucs", "cc", "nss", "sim"]
    assert (first["video_id"], first["dataset"], first["frames_len"]) == ("b/1", "diem", "4")
    assert float(first["nss"]) > 1 > float(second["nss"]), "the second video's people look beside the middle"
    assert rows(tmp_path / "logs" / "scores_gate_scores.csv")[1] == {
        "video_id": "2",
        "dataset": "diem",
        "frames_len": "4",
        "a": "0.25",
        "b": "0.75",
    }
    mean = table.mean()
    assert mean["frames_len"] == 8 and mean["nss"] == pytest.approx((float(first["nss"]) + float(second["nss"])) / 2)


def test_standard_definitions_have_our_names_and_the_usual_place(tmp_path: Path) -> None:
    metrics = MetricsConfig(names=("auc_judd", "kld"), stride=2)
    table = measure(graph(None), metrics, results(tmp_path, "1"), tmp_path)
    assert table.file == tmp_path / "metrics.csv" and table.gates == []
    assert list(table.rows[0]) == ["video_id", "dataset", "frames_len", "auc_judd", "kld", "grid"]
    assert table.rows[0]["grid"] == "64x36" == table.mean()["grid"]
    assert table.rows[0]["frames_len"] == 2, "every second frame, without the first"


def test_a_picture_of_the_centre_bias(tmp_path: Path) -> None:
    picture = np.zeros((36, 64), np.uint8)
    picture[10:26, 20:44] = np.linspace(1, 255, 24, dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "bias.png"), picture)
    found = results(tmp_path, "1", "2")
    one: dict[str, Any] = {"names": ("auc_shuffled",), "baseline": str(tmp_path / "bias.png")}
    standard, original = (
        measure(graph(None), MetricsConfig(**one, definitions=how), found, tmp_path).rows[0]
        for how in ("standard", "original")
    )
    assert 0 < float(str(original["aucs"])) <= 1 and 0 < float(str(standard["auc_shuffled"])) <= 1
    (tmp_path / "bias.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"bias\.png: is not a readable picture"):
        measure(graph(None), MetricsConfig(**one), found, tmp_path)


def test_metrics_that_need_other_videos() -> None:
    names = ("nss", "auc_shuffled", "information_gain")
    alone = MetricsConfig(names=names)
    assert usable(alone, 2) == (names, ())
    kept, (note,) = usable(alone, 1)
    assert kept == ("nss",) and note.startswith(
        "auc_shuffled, information_gain left out: there is no metrics.baseline"
    )
    gone = MetricsConfig(names=names, baseline="gone.jpg")
    assert usable(gone, 2)[1] == (
        "metrics.baseline gone.jpg is not there: fixations of the other videos take its place",
    )
    assert usable(gone, 1)[0] == ("nss",)
    assert usable(MetricsConfig(names=("nss",), baseline="gone.jpg"), 1) == (("nss",), ())


@pytest.mark.parametrize(
    ("reader", "place"),
    [
        ("coutrot2", "datasets/ave/database2"),
        ("summeetmd", "datasets/aveyetracking/SumMe_ETMD"),
        ("processed", "datasets/processed"),
        ("osie", "datasets/osie"),
    ],
)
def test_where_data_sets_are_looked_for(reader: str, place: str) -> None:
    assert default_root(reader) == place
