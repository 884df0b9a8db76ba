"""Metrics against values of the published evaluation and of pysaliency on maps built from recipes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.metrics import functional as standard
from gazenet.metrics.functional import original

GOLDENS = Path(__file__).resolve().parents[1] / "data" / "goldens" / "metrics"
CASES = sorted(path.stem for path in GOLDENS.glob("*.json") if not path.stem.startswith(("losses", "evaluate")))


def recipes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_metric_inputs", GOLDENS / "inputs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load(case: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    golden = json.loads((GOLDENS / f"{case}.json").read_text())
    return golden, {name: recipes().build(recipe) for name, recipe in golden["inputs"].items()}


def number(value: float | None) -> float:
    return float("nan") if value is None else value


def test_all_cases_are_there() -> None:
    assert len(CASES) == 7


@pytest.mark.parametrize("case", CASES)
def test_standard_definitions(case: str) -> None:
    golden, maps = load(case)
    p, f, g, b = (
        torch.from_numpy(maps[name].astype(np.float64)) for name in ("pred", "fixations", "salmap", "baseline")
    )
    found = {
        "nss": standard.nss(p, f),
        "cc": standard.cc(p, g),
        "sim": standard.sim(p, g),
        "kld_mit": standard.kld(p, g),
        "auc_uniform": standard.auc_uniform(p, f),
        "auc_judd_nojitter": standard.auc_judd(p, f),
        "auc_shuffled_exact": standard.auc_shuffled(p, f, b),
        "information_gain_bits": standard.information_gain(p, f, b),
    }
    for name, value in found.items():
        assert float(value) == pytest.approx(number(golden["pysaliency"][name]), rel=1e-9, nan_ok=True), name


@pytest.mark.parametrize("case", CASES)
def test_original_definitions(case: str) -> None:
    golden, maps = load(case)
    p, f, g, b = (maps[name] for name in ("pred", "fixations", "salmap", "baseline"))

    def draws() -> np.random.RandomState:
        return np.random.RandomState(golden["numpy_seed"])

    found = {
        "nss": original.nss(p, f),
        "cc": original.cc(p, g),
        "sim": original.sim(p, g),
        "kld": original.kld(p, g),
        "auc_judd": original.auc_judd(p, f),
        "auc_borji": original.auc_borji(p, f, draws()),
        "auc_shuffled": original.auc_shuffled(p, f, b, draws()),
        "information_gain": original.information_gain(p, f, b),
    }
    for name, value in found.items():
        assert value == pytest.approx(number(golden["original"][name]), rel=1e-9, nan_ok=True), name


def test_the_published_chain_of_eight_bit_frames() -> None:
    golden, maps = load("evaluate_bgr_frames")
    p = np.array(golden["bone_grey_lut"])[maps["pred_salmap"]]
    f, g, b = maps["gt_fixmap"], maps["gt_salmap"], maps["gt_baseline"]
    draws = np.random.RandomState(golden["numpy_seed"])
    found = {
        "aucj": original.auc_judd(p, f),
        "aucb": original.auc_borji(p, f, draws),
        "aucs": original.auc_shuffled(p, f, b, draws),
        "nss": original.nss(p, f),
        "ifg": original.information_gain(p, f, b),
        "sim": original.sim(p, g),
        "cc": original.cc(p, g),
        "kld": original.kld(p, g),
    }
    for name, value in found.items():
        assert value == pytest.approx(golden["original"][name], rel=1e-9), name
