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
from gazenet.evaluation.evaluation import evaluate
from gazenet.evaluation.ground_truth import item_truth
from gazenet.evaluation.score import ScoringOptions
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.inputs.dataset_inputs import DatasetVideo, default_root
from gazenet.inference.results import VideoSummary
from gazenet.inference.scored_run import evaluate_run, write

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
        name, cues = "toy", ("a", "b")


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


def test_the_tables_of_the_original_definitions(tmp_path: Path) -> None:
    metrics = MetricsConfig(definitions="original", grid=64, file=str(tmp_path / "logs" / "scores.csv"))
    evaluation = evaluate_run(graph(), metrics, results(tmp_path, "b/1", "2"))
    write(evaluation, metrics.table(tmp_path))
    first, second, mean = rows(tmp_path / "logs" / "scores.csv")
    names = ("auc_judd", "auc_shuffled", "cc", "nss", "sim")
    assert [name for name in first if name in names] == list(names)
    assert (first["predictor"], first["dataset"], first["video"], first["frames"]) == ("toy", "diem", "b-1", "4")
    assert (first["grid"], first["definitions"]) == ("64x36", "original")
    assert float(first["nss"]) > 1 > float(second["nss"]), "the second video's people look beside the middle"
    assert rows(tmp_path / "logs" / "scores_gate_scores.csv")[1] == {
        "predictor": "toy",
        "part": "",
        "dataset": "diem",
        "video": "2",
        "frames": "4",
        "gate_a": "0.25",
        "gate_b": "0.75",
    }
    assert mean["frames"] == "8"
    assert float(mean["nss"]) == pytest.approx((float(first["nss"]) + float(second["nss"])) / 2)


def test_standard_definitions_have_the_same_columns_and_the_usual_place(tmp_path: Path) -> None:
    metrics = MetricsConfig(names=("auc_judd", "kld"), stride=2)
    evaluation = evaluate_run(graph(None), metrics, results(tmp_path, "1"))
    assert metrics.table(tmp_path) == tmp_path / "evaluation.csv"
    assert evaluation.gates.empty is False, "attention.csv has gates, whoever made them"
    assert evaluation.per_video.columns.tolist() == [
        *("predictor", "part", "dataset", "video", "frames", "invalid"),
        *("auc_judd", "auc_judd_low", "auc_judd_high", "kld", "kld_low", "kld_high"),
        *("grid", "definitions", "seen_by"),
    ]
    assert evaluation.per_video.grid[0] == "64x36"
    assert evaluation.per_video.frames[0] == 2, "every second frame, without the first"


def test_a_run_and_its_results_have_the_same_scores(tmp_path: Path) -> None:
    done = results(tmp_path / "runs", "1", "2")
    names = ("nss", "auc_shuffled", "kld")
    of_run = evaluate_run(graph(), MetricsConfig(names=names), done)
    truths = {video.name: item_truth(video.name, video.item, video.sigma, video.dataset) for video, _ in done}
    of_folder = evaluate({"toy": tmp_path / "runs"}, truths, ScoringOptions(names))
    assert of_run.with_means.equals(of_folder.with_means)


def test_a_picture_of_the_centre_bias(tmp_path: Path) -> None:
    picture = np.zeros((36, 64), np.uint8)
    picture[10:26, 20:44] = np.linspace(1, 255, 24, dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "bias.png"), picture)
    found = results(tmp_path, "1", "2")
    one: dict[str, Any] = {"names": ("auc_shuffled",), "baseline": str(tmp_path / "bias.png")}
    for definitions in ("standard", "original"):
        table = evaluate_run(graph(None), MetricsConfig(**one, definitions=definitions), found).per_video
        assert 0 < table.auc_shuffled[0] <= 1
    (tmp_path / "bias.png").write_bytes(b"no picture")
    with pytest.raises(UsageError, match=r"bias\.png: is not a readable picture"):
        evaluate_run(graph(None), MetricsConfig(**one), found)


def test_metrics_that_need_other_videos(tmp_path: Path) -> None:
    def kept(videos: int, baseline: str | None, *names: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        metrics = MetricsConfig(names=names, baseline=baseline)
        evaluation = evaluate_run(graph(None), metrics, done[:videos])
        return evaluation.metrics, evaluation.notes

    done = results(tmp_path, "1", "2")
    names = ("nss", "auc_shuffled", "information_gain")
    assert kept(2, None, *names) == (names, ())
    left, (note,) = kept(1, None, *names)
    assert left == ("nss",)
    assert note.startswith("auc_shuffled, information_gain left out: there is no metrics.baseline")
    assert kept(2, "gone.jpg", *names)[1] == (
        "metrics.baseline gone.jpg is not there: fixations of the other videos take its place",
    )
    assert kept(1, "gone.jpg", *names)[0] == ("nss",)
    assert kept(1, "gone.jpg", "nss") == (("nss",), ())


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
