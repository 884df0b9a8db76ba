"""Metrics and losses against values of the published evaluation, of its forerunner, and of pysaliency."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.metrics import functional as standard
from gazenet.testing.goldens import Golden, judge
from tests.goldens.generators import generate

GOLDENS = Path(__file__).resolve().parents[1] / "data" / "goldens" / "metrics"
CASES = sorted(path.stem for path in GOLDENS.glob("*.json"))


def load(case: str) -> Golden:
    path = GOLDENS / f"{case}.json"
    return Golden(path, json.loads(path.read_text()))


def test_all_cases_are_there() -> None:
    assert len(CASES) == 10


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    verdict = judge(load(case), rtol=1e-5)
    assert (verdict.state, verdict.reason) == ("pass", ""), verdict


@pytest.mark.parametrize(
    ("case", "path"),
    [
        ("square_float", ("pysaliency", "kld_min1e-20")),
        ("square_float", ("saliency_metrics_py2", "auc_shuffled")),
        ("rectangular", ("original", "auc_borji")),
        ("evaluate_bgr_frames", ("original", "aucs")),
        ("losses_batch3", ("original", "kld_unreduced_w1", "sum")),
        ("losses_batch3", ("original", "kld_generic_w1", "value", 1)),
        ("losses_batch3", ("original", "aucj_metric_jitter", "value")),
        ("losses_batch3", ("original", "total_default_weights_grad", "grad_sample", 3)),
        ("losses_positive_logits", ("original", "logged_default_weights", "nss")),
    ],
)
def test_a_wrong_value_is_found(case: str, path: tuple[Any, ...]) -> None:
    golden = load(case)
    meta = copy.deepcopy(golden.meta)
    inner = meta
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] *= 1.01
    assert judge(Golden(golden.path, meta), rtol=1e-5).state == "fail"


@pytest.mark.parametrize(
    ("case", "column", "name"),
    [
        ("square_float", "pysaliency", "luck"),
        ("losses_batch3", "original", "bce_squared_w1"),
        ("evaluate_bgr_frames", "original", "luck"),
    ],
)
def test_a_name_that_nothing_answers_to_is_a_failure(case: str, column: str, name: str) -> None:
    golden = load(case)
    meta = {**golden.meta, column: {**golden.meta[column], name: 1.0}}
    verdict = judge(Golden(golden.path, meta), rtol=1e-5)
    assert verdict.state == "fail" and name in verdict.reason


def test_other_weights_are_read_from_the_names() -> None:
    golden = load("losses_positive_logits")
    want = golden.meta["original"]
    tripled = {"value": 3 * want["nss_w1"]["value"]}
    totals = {**want["total_default_weights"], "bce_loss": 0.0, "loss": 0.0, "cc": 0.0, "nss": 0.0}
    meta = {**golden.meta, "original": {"nss_w3": tripled, "total_weights_0_0_0_0_0": totals}}
    assert judge(Golden(golden.path, meta), rtol=1e-5).state == "pass"


@pytest.mark.skipif(importlib.util.find_spec("pysaliency") is None, reason="pysaliency is not installed")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pysaliency_gives_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Its releases up to 0.2.22 ask numpy for a name that numpy 2.4 has no longer.
    monkeypatch.setattr(np, "trapz", np.trapezoid, raising=False)
    from pysaliency.metrics import CC, NSS, SIM, MIT_KLDiv  # type: ignore[import-not-found]
    from pysaliency.roc import general_roc  # type: ignore[import-not-found]

    shape = [48, 64]
    p = generate({"kind": "blobs", "seed": seed, "shape": shape, "count": 4, "noise": 0.3})
    g = generate({"kind": "blobs", "seed": seed + 10, "shape": shape, "count": 4})
    f = generate({"kind": "fixations", "seed": seed, "shape": shape, "count": 25})
    ys, xs = np.nonzero(f)
    tp, tg, tf = (torch.from_numpy(np.asarray(x, np.float64)) for x in (p, g, f))
    assert float(standard.nss(tp, tf)) == pytest.approx(float(np.mean(NSS(p, xs, ys))), rel=1e-9)
    assert float(standard.cc(tp, tg)) == pytest.approx(CC(p, g), rel=1e-9)
    assert float(standard.sim(tp, tg)) == pytest.approx(SIM(p, g), rel=1e-9)
    assert float(standard.kld(tp, tg)) == pytest.approx(MIT_KLDiv(p, g), rel=1e-9)
    others = generate({"kind": "fixations", "seed": seed + 20, "shape": shape, "count": 60}) > 0
    for found, negatives, judd in (
        (standard.auc_uniform(tp, tf), p.ravel(), 0),
        (standard.auc_shuffled(tp, tf, torch.from_numpy(others)), p[others], 0),
        (standard.auc_judd(tp, tf), p[f == 0], 1),
    ):
        assert float(found) == pytest.approx(general_roc(p[ys, xs], negatives, judd=judd)[0], rel=1e-9)
