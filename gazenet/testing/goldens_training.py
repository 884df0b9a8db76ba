"""Goldens of the released training: its losses, and three optimiser steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gazenet.config.train import LossConfig, TrainerConfig
from gazenet.fusion.config import published
from gazenet.fusion.gasp import build
from gazenet.testing.goldens import Golden, prepare, reference_error
from gazenet.testing.recipes import made
from gazenet.training.losses import PUBLISHED, TERMS, dam_bce, logged, loss_terms

WEIGHTS = LossConfig(mode="published", bce=0.5, cc=2, nss=1, dam=0.5)
"""The weights of the released training."""


def losses(golden: Golden) -> float:
    """Values and gradients of all terms, totals and logged values."""
    want = golden.meta["original"]
    drawn = {name: torch.from_numpy(made(recipe).astype(np.float32)) for name, recipe in golden.meta["inputs"].items()}
    x, s, f = drawn["logits"], drawn["salmap"][:, None], drawn["fixations"][:, None] / 255
    errors = [error for name in TERMS for error in _term(name, x, s, f, want)]
    terms = loss_terms(x, s, f, WEIGHTS)
    shown = logged(terms, WEIGHTS, len(x))
    errors += [reference_error(shown[name], value) for name, value in want["logged_default_weights"].items()]
    errors.append(reference_error(_total(terms), want["total_default_weights"]["loss"]))
    others = LossConfig(mode="published", bce=0.1, cc=2, nss=1, kld=0.5, nll=0.25)
    errors.append(reference_error(_total(loss_terms(x, s, f, others)), want["total_weights_0.1_2_1_0.5_0.25"]["loss"]))
    seq = drawn["seq_salmap"].view_as(drawn["seq_logits"])
    dam = 0.5 * dam_bce(drawn["seq_logits"], seq)
    errors.append(reference_error(float(dam), want["dam_bce_weight_0.5"]["value"]))
    return max(errors)


def _term(name: str, x: Tensor, s: Tensor, f: Tensor, golden: Mapping[str, Any]) -> list[float]:
    want = golden[f"{name}_w1"]
    logits = x.clone().requires_grad_()
    with torch.enable_grad():
        value = PUBLISHED[name](logits, s, f)
        value.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    sample = logits.grad.flatten()[want["grad_sample_index"]].numpy()
    weighted = loss_terms(x, s, f, LossConfig(**{**dict.fromkeys(TERMS, 0.0), "mode": "published", name: 2.5}))
    return [
        reference_error(float(value), want["value"]),
        reference_error(float(logits.grad.norm()), want["grad_l2"]),
        float(np.abs(sample - want["grad_sample"]).max() / logits.grad.abs().max().item()),
        reference_error(float(weighted[name]), golden[f"{name}_w2.5"]["value"]),
    ]


def _total(terms: Mapping[str, Tensor]) -> float:
    return float(torch.stack(list(terms.values())).sum())


def steps(golden: Golden) -> float:
    """Adam steps from known weights: losses, logged values and the gradient norm of every parameter.

    Gradients are compared on the scale of the largest: small ones are differences of large numbers.
    """
    from gazenet.training.task import IntegratorTask

    config = golden.meta["config"]
    kwargs = {key: value for key, value in config["kwargs"].items() if key != "batch_size"}
    batch_size = config["kwargs"]["batch_size"]
    member = published(config["class"], **kwargs)
    trainer = TrainerConfig(
        optimizer="adam",
        learning_rate=1.4e-4,
        weight_decay=0,
        schedule="constant",
        batch_size=batch_size,
        loss=WEIGHTS,
    )
    start = prepare(build(member), golden).state_dict()
    task = IntegratorTask(member, trainer, len(golden.meta["steps"]), start).train()
    optimizer, worst = task.configure_optimizers(), 0.0
    for recipe, want in zip(golden.meta["inputs"], golden.meta["steps"], strict=True):
        with torch.enable_grad():
            optimizer.zero_grad()
            terms = task.terms(_batch(recipe))
            torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        found = logged(terms, WEIGHTS, batch_size)
        errors = [reference_error(_total(terms), want["loss"])]
        names = {name: name.removeprefix("train_") for name in want["logged"]}
        errors += [reference_error(found.get(ours, 0.0), want["logged"][name]) for name, ours in names.items()]
        worst = max(worst, *errors, _gradient_error(task.network, want["grad_l2"]))
        optimizer.step()
    return worst


def _batch(recipe: Mapping[str, Any]) -> dict[str, Tensor]:
    modules, density, fixations = (
        torch.from_numpy(made(recipe[name]).astype(np.float32)) for name in ("modules", "seq_salmap", "fixations")
    )
    sequence = density.view(len(modules), -1, 1, *density.shape[-2:])
    return {
        "maps": modules,
        "salmap": sequence[:, -1],
        "seq_salmap": sequence,
        "fixmap": fixations[:, None] / 255,
    }


def _gradient_error(network: torch.nn.Module, want: Mapping[str, float]) -> float:
    norms = {name: float(p.grad.norm()) for name, p in network.named_parameters() if p.grad is not None}
    if norms.keys() != want.keys():
        raise ValueError(f"gradients reach other parameters: {', '.join(sorted(norms.keys() ^ want.keys())[:4])}")
    return max(abs(norms[name] - value) for name, value in want.items()) / max(want.values())
