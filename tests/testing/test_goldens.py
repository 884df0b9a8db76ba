"""The golden runner itself: it fails where it should."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gazenet.testing.goldens import main

GASP = Path(__file__).parents[1] / "data" / "goldens" / "gasp"


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
    assert "nothing here answers to Nonsense" in capsys.readouterr().out


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
