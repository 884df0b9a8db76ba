"""The benchmark over instruction sets and threads: it reads what runs print, and a failure is its own."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "data" / "goldens" / "gasp" / "part_se"


def _benchmark():
    spec = importlib.util.spec_from_file_location("processors", ROOT / "benchmarks" / "processors.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["processors"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


processors = _benchmark()


def test_goldens_that_fail_or_come_near_are_named() -> None:
    outcome = processors.Outcome()
    outcome.read_goldens(
        "pass      1.00e-06  gasp/easy\n"
        "pass      6.00e-05  gasp/near\n"
        "pass      2.90e-04  gasp/deep  > 0.0001; within rounding: up to 3.0e-04 in this computation\n"
        "fail      1.00e-02  gasp/wrong  > 0.0001; y: 9 of 9 values differ by up to 1.0e-02, beyond rounding\n"
        "fail             -  gasp/odd  ValueError: output y is missing\n"
        "skipped          -  gasp/absent  weights are missing\n"
        "3 pass, 2 fail, 1 skipped\n",
        1e-4,
    )
    assert outcome.goldens == {"pass": 3, "fail": 2, "skipped": 1}
    assert outcome.near["gasp/near"].split() == ["0.60"]
    assert outcome.near["gasp/deep"].split() == ["2.90", "(rounding)"]
    assert outcome.near["gasp/wrong"].startswith("100.00 FAILS") and "gasp/easy" not in outcome.near
    assert [text.split(":")[0] for text in outcome.failed] == ["gasp/wrong", "gasp/odd"]


def test_tests_that_fail_are_named_and_a_broken_run_is_a_failure() -> None:
    outcome = processors.Outcome()
    outcome.read_tests("..F\nFAILED tests/a.py::test_b[x y] - assert 1\n1 failed, 2 passed in 0.1s\n", 1)
    assert outcome.tests == "1 failed, 2 passed in 0.1s" and outcome.failed == ["tests/a.py::test_b[x y] - assert 1"]
    broken = processors.Outcome()
    broken.read_tests("", -11)
    assert broken.failed == ["tests: exit status -11"]


def test_a_configuration_limits_all_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = processors.Configuration("SSE41", 4).environment
    assert found["ONEDNN_MAX_CPU_ISA"] == "SSE41" and found["ATEN_CPU_CAPABILITY"] == "default"
    assert found["OMP_NUM_THREADS"] == found["MKL_NUM_THREADS"] == "4"
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "SSE41")
    best = processors.Configuration("best", 1)
    assert str(best) == "best, 1 thread" and "ONEDNN_MAX_CPU_ISA" not in best.environment


def test_a_wrong_golden_is_found_under_every_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suffix in (".json", ".npz"):
        shutil.copy(GOLDEN.with_suffix(suffix), tmp_path)
    arguments = [str(tmp_path), "--sets", "SSE41", "--threads", "2"]
    assert processors.main(arguments) == 0
    assert "| SSE41, 2 threads | 1 pass | - |" in capsys.readouterr().out
    path = tmp_path / "part_se.npz"
    with np.load(path) as arrays:
        np.savez(path, **{key: value * 1.01 for key, value in arrays.items()})
    assert json.loads((tmp_path / "part_se.json").read_text())
    assert processors.main(arguments) == 1
    assert "FAILS" in capsys.readouterr().out
