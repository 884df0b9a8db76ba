"""ESR-9: reference values, statistics, attention, the extractor from the published files to maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.cues.registry import PluginEntry, get
from gazenet.cues.rendering import Canvas
from gazenet.errors import UsageError
from gazenet.testing.conformance import run
from gazenet.testing.goldens import Golden, find, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.esr9 import extractor
from gazenet_plugins.esr9.attention import FaceMap, levels, merged, picture, placed, window
from gazenet_plugins.esr9.extractor import BASE_FILE, Esr9Cue, network_crop
from gazenet_plugins.esr9.network import EnsembleBranch, EnsembleExpression, normalise_with
from tests.checkpoints import EXTRACTORS

GOLDENS = Path(__file__).parents[1] / "data" / "goldens" / "cues"
SLOW = ("esr9_ensemble9_eval",)


def marked(golden: Golden):
    marks = [pytest.mark.slow] if golden.path.stem in SLOW else []
    return pytest.param(golden, marks=marks, id=golden.path.stem)


ALL = [golden for golden in find([GOLDENS]) if golden.path.stem.startswith(("esr9", "map_expression"))]


@pytest.mark.parametrize("golden", [marked(g) for g in ALL if not g.path.stem.endswith("_published")])
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.data
def test_golden_of_the_published_base(test_data: Path) -> None:
    (golden,) = find([GOLDENS / "esr9_base_published.json"])
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EXTRACTORS["esr9"].save(tmp_path_factory.mktemp("esr9"))


@pytest.fixture(autouse=True)
def two_branches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine take long."""
    monkeypatch.setattr(extractor, "BRANCHES", 2)


def entry_with(weights: Path, **parameters: object) -> PluginEntry:
    entry = get("esr9")
    given = {**entry.spec.parameters, "weights": str(weights), **parameters}
    return replace(entry, spec=entry.spec.model_copy(update={"parameters": given}))


def test_all_nine_published_files_are_read(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(asset_id: str) -> Path:
        raise AssertionError(asset_id)

    monkeypatch.setattr(extractor, "BRANCHES", 9)
    cue = Esr9Cue(weights=str(weights / BASE_FILE))
    cue.load(torch.device("cpu"), torch.float32, forbidden)
    sums = {branch.fc.weight.sum().item() for branch in cue._network.branches}
    assert len(sums) == 9


def test_a_missing_branch_is_named(weights: Path, tmp_path: Path) -> None:
    (tmp_path / BASE_FILE).write_bytes((weights / BASE_FILE).read_bytes())
    with pytest.raises(UsageError, match=r"Net-Branch_1\.pt: no such file"):
        Esr9Cue(weights=str(tmp_path)).load(torch.device("cpu"), torch.float32, lambda asset: tmp_path)


@pytest.mark.parametrize("mode", ["published", "corrected"])
def test_records_and_maps_of_both_modes(mode: str, weights: Path) -> None:
    maps, records = run(entry_with(weights, mode=mode), SyntheticVideo(frames=1))
    faces = records[0]["faces"]
    assert len(faces) == 2 and all(len(face["votes"]) == 2 and face["emotion"] in face["votes"] for face in faces)
    assert all(0 <= face["arousal"] <= 1 for face in faces)
    assert maps.max() > 5 and maps[0, -4:].max() == 0, "attention stays inside the faces"


@pytest.mark.parametrize(("name", "value"), [("mode", "old"), ("statistics", "batch"), ("merge", "median")])
def test_unknown_values_are_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' must be one of .*not '{value}'"):
        Esr9Cue(**{name: value})


def test_colours_are_those_of_training_unless_published() -> None:
    crop = np.zeros((2, 2, 3), np.uint8)
    crop[..., 0] = 255
    assert network_crop(crop, published=True)[:, 0, 0].tolist() == [1, 0, 0]
    assert network_crop(crop, published=False)[:, 0, 0].tolist() == [0, 0, 1]


def test_faces_own_statistics_do_not_mix_faces_and_equal_a_batch_of_one() -> None:
    branch = EnsembleBranch().eval()
    with torch.no_grad():
        for parameter in branch.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.1)
        branch.double()
        features = torch.rand(2, 128, 20, 20).double()
        normalise_with(branch, "batch")
        alone, together = branch(features[:1]).emotion, branch(features).emotion
        normalise_with(branch, "face")
        torch.testing.assert_close(branch(features).emotion[:1], alone)
    assert not torch.allclose(together[:1], alone, rtol=1e-3)


def test_own_statistics_leave_the_learned_ones_alone() -> None:
    branch = EnsembleBranch()
    normalise_with(branch, "batch")
    before = branch.bn1.running_mean.clone()
    branch(torch.rand(2, 128, 20, 20))
    torch.testing.assert_close(branch.bn1.running_mean, before, rtol=0, atol=0)


def test_attention_is_the_gradient_of_the_decision() -> None:
    branch = EnsembleBranch().double().eval()
    output = branch(torch.rand(1, 128, 20, 20).double())
    (gradient,) = torch.autograd.grad(output.emotion.max(), output.last, retain_graph=True)
    by_gradient = (gradient.mean((2, 3), keepdim=True) * output.last).sum(1)
    torch.testing.assert_close(branch.attention(output), by_gradient)


def test_the_majority_decides_and_equal_votes_go_to_the_lower_class() -> None:
    logits = torch.eye(8)[torch.tensor([[5, 2, 2], [7, 3, 1]])]
    said = EnsembleExpression(logits, torch.tensor([[[0.5, 3.0]] * 3] * 2), torch.zeros(2, 3, 6, 6))
    assert said.vote().tolist() == [2, 1]
    assert said.affect()[0, 0].tolist() == [0.5, 1.0]


def test_merging() -> None:
    maps = np.stack([np.full((6, 6), value) for value in (1.0, 4.0, 9.0)])
    labels = np.array([1, 1, 2])
    inside = window()[2, 2]
    found = {how: merged(maps, labels, 1, how)[2, 2] / inside for how in ("sum", "mean", "gmean", "first")}
    assert found == pytest.approx({"sum": 5, "mean": 2.5, "gmean": 2, "first": 1})
    assert merged(maps, labels, 1, every=True)[2, 2] / inside == pytest.approx(14)


def test_faces_outside_the_frame_leave_no_trace() -> None:
    faces = [FaceMap((90, 10, 120, 30), np.ones((6, 6)))]
    assert picture(faces, 40, 80).max() == 0 and levels(faces, 40, 80).max() == 0


def test_overlapping_levels_wrap() -> None:
    face = FaceMap((0, 0, 10, 10), np.full((6, 6), 0.6))
    assert levels([face, face], 10, 10).tolist()[5][5] == (2 * 153) % 256


def test_a_map_lies_over_its_box_and_is_cut_at_the_frame() -> None:
    field = np.zeros((6, 6))
    field[:, 5] = 3.0
    canvas = Canvas((60, 60), (60, 60))
    drawn = placed(canvas, (30.0, 0.0, 90.0, 60.0), field)
    assert drawn.max() == 0, "the bright column lies outside"
    drawn = placed(canvas, (-30.0, 0.0, 30.0, 60.0), field)
    assert drawn[30, 24] == pytest.approx(1, abs=0.1) and drawn[30, 40] == 0
    assert placed(canvas, (10.0, 10.0, 10.0, 10.0), np.ones((6, 6))).max() > 0.9, "tiny faces stay visible"
