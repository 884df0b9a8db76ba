"""The golden runner itself: it fails where it should."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.testing import goldens
from gazenet.testing.goldens import Golden, GoldenSkipped, difference, draw, find, judge, main, prepare
from tests.goldens import rows
from tests.goldens.generators import generate
from tests.goldens.rows import PARTS, TABLE, key_of

Capture = pytest.CaptureFixture[str]
GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
GASP = GOLDENS / "gasp"
OTHERS = list(find([GOLDENS / "gasp_train", GOLDENS / "metrics"]))


def copied(tmp_path: Path, name: str = "part_se") -> Path:
    for suffix in (".json", ".npz"):
        shutil.copy(GASP / f"{name}{suffix}", tmp_path)
    return tmp_path / f"{name}.json"


def test_a_right_golden_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied(tmp_path)
    assert main([str(tmp_path)]) == 0
    assert "1 pass, 0 fail, 0 skipped" in capsys.readouterr().out


def test_a_wrong_value_fails_and_a_wider_tolerance_of_its_own_passes(tmp_path: Path) -> None:
    path = copied(tmp_path)
    with np.load(path.with_suffix(".npz")) as arrays:
        np.savez(path.with_suffix(".npz"), **{k: v * 1.01 for k, v in arrays.items()})
    assert main([str(tmp_path)]) == 1
    meta = json.loads(path.read_text())
    path.write_text(json.dumps({**meta, "rtol": 0.02}))
    assert main([str(tmp_path)]) == 0


def test_an_unknown_config_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied(tmp_path)
    meta = json.loads(path.read_text())
    path.write_text(json.dumps({**meta, "config": {"class": "Nonsense"}}))
    assert main([str(tmp_path)]) == 1
    assert "no row for class:Nonsense" in capsys.readouterr().out


def test_other_keys_are_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = copied(tmp_path)
    meta = json.loads(path.read_text())
    meta["state"][0][0] = "fc.1.weight"
    path.write_text(json.dumps(meta))
    assert main([str(tmp_path)]) == 1
    assert "state-dict entries differ" in capsys.readouterr().out


def test_nothing_found_is_no_success(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 1
    assert main([str(tmp_path / "absent")]) == 2


def test_the_command_runs_as_a_module(tmp_path: Path) -> None:
    copied(tmp_path)
    command = [sys.executable, "-m", "gazenet.testing.goldens", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "part_se" in done.stdout, done.stderr


@pytest.mark.parametrize("golden", OTHERS, ids=lambda golden: golden.name)
def test_golden_of_training_and_metrics(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


def test_every_kind_is_looked_for() -> None:
    assert len(OTHERS) == 12
    assert {key_of(golden.meta) for golden in OTHERS} == {key for key in TABLE if key.startswith("layout:")}
    parts = {golden.meta["config"]["class"] for golden in find([GASP]) if golden.path.stem.startswith("part_")}
    assert parts == set(PARTS)


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [
        ("metrics", "square_float", ("pysaliency", "nss")),
        ("metrics", "square_float", ("original", "auc_borji")),
        ("metrics", "constant_prediction", ("original", "sim")),
        ("metrics", "evaluate_bgr_frames", ("original", "aucs")),
        ("metrics", "losses_batch3", ("original", "kld_w1", "grad_l2")),
        ("metrics", "losses_batch3", ("original", "dam_bce_weight_0.5", "value")),
        ("gasp_train", "train_gmu", ("steps", 2, "loss")),
        ("gasp_train", "train_gmu", ("steps", 1, "logged", "train_nss")),
        ("gasp_train", "train_gmu", ("steps", 0, "grad_l2", "gmu.W_h")),
    ],
)
def test_a_changed_number_is_found(tmp_path: Path, folder: str, name: str, path: tuple) -> None:
    meta = json.loads((GOLDENS / folder / f"{name}.json").read_text())
    inside = meta
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = inside[path[-1]] * 1.5 + 0.01
    changed = tmp_path / f"{name}.json"
    changed.write_text(json.dumps(meta))
    verdict = judge(Golden(changed, meta), 1e-4)
    assert verdict.state == "fail" and verdict.error is not None and verdict.error > 1e-3


def golden_of(tmp_path: Path, value: list[float], **meta: object) -> Golden:
    np.savez(tmp_path / "made.npz", y=np.array(value, np.float32))
    outputs = {"y": {"shape": [len(value)], "stride": 1}}
    return Golden(tmp_path / "made.json", {"config": {}, "outputs": outputs, "state": [], **meta})


def test_errors_are_relative_unless_the_golden_says_absolute(tmp_path: Path) -> None:
    found = {"y": torch.tensor([200.0, 0.0])}
    assert difference(golden_of(tmp_path, [100.0, 50.0]), found) == 1.0
    assert difference(golden_of(tmp_path, [100.0, 50.0], atol=1.0), found) == 100.0
    assert difference(golden_of(tmp_path, [100.0, 50.0]), {"y": torch.tensor([100.0, np.nan])}) == np.inf
    with pytest.raises(ValueError, match="output y is missing"):
        difference(golden_of(tmp_path, [1.0]), {"y": None})
    with pytest.raises(ValueError, match=r"output y is \[2\], the golden \[1\]"):
        difference(golden_of(tmp_path, [1.0]), found)


def test_an_absolute_tolerance_is_not_taken_for_a_relative_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = golden_of(tmp_path, [100.0], atol=1.0, config={"class": "Made"})
    monkeypatch.setitem(TABLE, "class:Made", "made:runner")
    for value, state in ((100.9, "pass"), (101.1, "fail")):
        outputs = {"y": torch.tensor([value])}
        monkeypatch.setattr(rows, "import_object", lambda _, outputs=outputs: lambda g: difference(g, outputs))
        assert judge(golden, 1e-4).state == state


def test_output_scale_is_applied_to_the_named_module(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Flatten())
    golden = golden_of(tmp_path, [1.0], config={"output_scale": {"0": 0.125}})
    x = torch.ones(1, 3)
    assert torch.equal(prepare(network, golden)(x), x / 8)


def test_what_cannot_run_here_is_skipped_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def runner(golden: Golden) -> float:
        raise GoldenSkipped("no published weights here")

    copied(tmp_path)
    (tmp_path / "table.json").write_text("[1, 2]")
    monkeypatch.setattr(rows, "import_object", lambda _: runner)
    assert main([str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "no published weights here" in out and "a JSON list, not a golden" in out
    assert "0 pass, 0 fail, 2 skipped" in out


def test_rows_of_another_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied(tmp_path)
    (tmp_path / "strangers_rows.py").write_text(
        "from gazenet.testing.goldens import GoldenRunner\n"
        "def runner_of(golden):\n    return GoldenRunner(lambda golden: 0.5, limit=0.6)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main([str(tmp_path), "--rows", "strangers_rows"]) == 0


def test_missing_rows_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    assert main([str(tmp_path), "--rows", "nobodys_rows"]) == 2
    assert "No module named 'nobodys_rows'" in capsys.readouterr().err
    # Outside of a clone: the package as it is installed from a wheel.
    monkeypatch.setattr(goldens, "__file__", str(tmp_path / "gazenet" / "testing" / "goldens.py"))
    monkeypatch.chdir(tmp_path)
    assert main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "tests.goldens.rows" in error and "--rows" in error


@pytest.mark.parametrize("name", sorted({*TABLE.values()}))
def test_every_row_leads_to_a_function(name: str) -> None:
    assert callable(rows.import_object(f"tests.goldens.{name}"))


def test_inputs_follow_from_their_seed() -> None:
    want = np.random.RandomState(3).standard_normal((2, 3)).astype(np.float32) * np.float32(0.5)
    assert torch.equal(draw(3, [2, 3], "normal", 0.5), torch.from_numpy(want))
    uniform = draw(3, [100])
    assert float(uniform.min()) >= 0 and float(uniform.max()) < 1


def test_recipes() -> None:
    blobs = {"kind": "blobs", "seed": 4, "shape": [9, 12], "count": 3}
    picture = generate(blobs)
    assert picture.min() == 0 and picture.max() == 1
    pair = generate({**blobs, "stack": 2})
    assert np.array_equal(pair[0], picture) and np.array_equal(pair[1], generate({**blobs, "seed": 5}))
    assert generate({**blobs, "clip_below": 0.5})[(picture > 0) & (picture < 0.5)].max() == 0
    assert generate({**blobs, "scale": 2.0, "offset": 1.0}).max() == 3
    hits = generate({"kind": "fixations", "seed": 1, "shape": [9, 12], "count": 7, "bias": blobs})
    assert hits.dtype == np.uint8 and (hits == 255).sum() == 7 and (hits > 0).sum() == 7
    with pytest.raises(LookupError, match="no recipe makes 'noise'"):
        generate({"kind": "noise", "shape": [2, 2]})
