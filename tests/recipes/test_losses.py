"""Losses against reference values, and what the corrected ones promise."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.config.training import LossConfig
from gazenet.recipes.gasp.gasp_losses import PUBLISHED, TERMS, corrected, dam_bce, logged, loss_terms

GOLDENS = Path(__file__).resolve().parents[1] / "data" / "goldens" / "metrics"


def load(case: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    spec = importlib.util.spec_from_file_location("golden_loss_inputs", GOLDENS / "inputs.py")
    assert spec and spec.loader
    recipes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipes)
    golden = json.loads((GOLDENS / f"{case}.json").read_text())
    maps = {k: torch.from_numpy(recipes.build(v).astype(np.float32)) for k, v in golden["inputs"].items()}
    maps["salmap"], maps["fixations"] = maps["salmap"][:, None], maps["fixations"][:, None] / 255
    maps["seq_salmap"] = maps["seq_salmap"].view_as(maps["seq_logits"])
    return golden["original"], maps


@pytest.mark.parametrize("case", ["losses_batch3", "losses_positive_logits"])
@pytest.mark.parametrize("name", TERMS)
def test_published_values_and_gradients(case: str, name: str) -> None:
    golden, maps = load(case)
    logits = maps["logits"].requires_grad_()
    value = PUBLISHED[name](logits, maps["salmap"], maps["fixations"])
    value.backward()
    want = golden[f"{name}_w1"]
    assert value.item() == pytest.approx(want["value"], rel=1e-5)
    assert logits.grad is not None
    assert logits.grad.norm().item() == pytest.approx(want["grad_l2"], rel=1e-5)
    sample = logits.grad.flatten()[want["grad_sample_index"]]
    assert torch.allclose(sample, torch.tensor(want["grad_sample"]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", ["losses_batch3", "losses_positive_logits"])
def test_published_totals_and_logged_values(case: str) -> None:
    golden, maps = load(case)
    x, s, f = maps["logits"], maps["salmap"], maps["fixations"]
    default = LossConfig(mode="published", bce=0.5, cc=2, nss=1)
    terms = loss_terms(x, s, f, default)
    for name, want in golden["logged_default_weights"].items():
        assert logged(terms, default, len(x))[name] == pytest.approx(want, rel=1e-5), name
    other = LossConfig(mode="published", bce=0.1, cc=2, nss=1, kld=0.5, nll=0.25)
    total = sum(loss_terms(x, s, f, other).values())
    assert float(total) == pytest.approx(golden["total_weights_0.1_2_1_0.5_0.25"]["loss"], rel=1e-5)
    dam = 0.5 * dam_bce(maps["seq_logits"], maps["seq_salmap"])
    assert float(dam) == pytest.approx(golden["dam_bce_weight_0.5"]["value"], rel=1e-5)


def truth(n: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    s = torch.rand(n, 1, 8, 10, generator=generator) ** 3
    return s / s.amax((2, 3), keepdim=True), (s > 0.5).float()


def test_corrected_terms_are_least_for_the_truth_itself() -> None:
    s, f = truth()
    exact = torch.log(s / s.sum((2, 3), keepdim=True) + 1e-9)
    flat = torch.log(torch.full_like(s, 1 / 80))
    assert corrected("kld", exact, s, f, "density").item() == pytest.approx(0, abs=1e-3)
    assert corrected("cc", exact, s, f, "density").item() == pytest.approx(-1, abs=1e-4)
    for name in TERMS:
        assert corrected(name, exact, s, f, "density") < corrected(name, flat, s, f, "density"), name


@pytest.mark.parametrize("head", ["logits", "density"])
@pytest.mark.parametrize("name", TERMS)
def test_corrected_terms_do_not_grow_with_the_batch_and_survive_constants(name: str, head: Any) -> None:
    s, f = truth(1)
    x = torch.randn(1, 1, 8, 10, generator=torch.Generator().manual_seed(1)).log_softmax(-1)
    once, thrice = (
        corrected(name, x.expand(n, -1, -1, -1), s.expand(n, -1, -1, -1), f.expand(n, -1, -1, -1), head)
        for n in (1, 3)
    )
    assert once.item() == pytest.approx(thrice.item(), rel=1e-5)
    constant = torch.full_like(x, -3.0).requires_grad_()
    corrected(name, constant, 0 * s, 0 * f, head).backward()
    assert constant.grad is not None and torch.isfinite(constant.grad).all()


def test_a_weight_of_zero_is_exactly_zero() -> None:
    s, f = truth()
    x = torch.full_like(s, float("nan"))
    terms = loss_terms(x, s, f, LossConfig(bce=0, cc=0, nss=0))
    assert all(value == 0 for value in terms.values())


def test_published_losses_refuse_a_density() -> None:
    s, f = truth()
    with pytest.raises(ValueError, match="corrected"):
        loss_terms(s, s, f, LossConfig(mode="published"), "density")
