"""Goldens of the released training: its losses, and three optimiser steps.

The members of a loss golden are read by their names, so weights other than those of the known files are compared too;
a name that nothing here understands is an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from gazenet.config.training import LossConfig, TrainerConfig
from gazenet.fusion.gasp import build
from gazenet.recipes.gasp.gasp_losses import (
    PUBLISHED,
    TERMS,
    corrected,
    dam_bce,
    logged,
    loss_terms,
    published_kld_pixels,
)
from gazenet.testing.goldens import Golden, prepare
from tests.goldens.former_areas import auc_judd_training
from tests.goldens.gasp import member
from tests.goldens.generators import generate

WEIGHTS = LossConfig(mode="published", bce=0.5, cc=2, nss=1, dam=0.5)
"""The weights of the released training."""
LOGGED = {"bce": "bce_loss", "cc": "cc", "nss": "nss", "kld": "kld_loss", "nll": "nll_loss"}
SCALE = 0.05
"""Correlations and z-scores near zero are differences of larger numbers: below this, errors are absolute shares."""
Want = Mapping[str, Any]
Data = Mapping[str, Tensor]


def losses(golden: Golden) -> float:
    """Values and gradients of all terms, reduced and not; totals; logged values; what the training logs as AUC."""
    drawn = {
        name: torch.from_numpy(generate(recipe).astype(np.float32)) for name, recipe in golden.meta["inputs"].items()
    }
    data = {
        "x": drawn["logits"],
        "s": _single(drawn["salmap"]),
        "f": _single(drawn["fixations"]) / 255,
        "dam": drawn["seq_logits"],
        "seq": drawn["seq_salmap"].view_as(drawn["seq_logits"]),
    }
    return max(_member(name, want, data) for name, want in golden.meta["original"].items())


def _member(name: str, want: Want, data: Data) -> float:
    for pattern, compare in _MEMBERS.items():
        match = re.fullmatch(pattern, name)
        if match:
            return compare(match.groups(), want, data)
    raise ValueError(f"nothing here answers to {name}")


def _term(parts: tuple[str, ...], want: Want, data: Data) -> float:
    name, weight = parts[0], float(parts[1])
    only = LossConfig(**{**dict.fromkeys(TERMS, 0.0), "mode": "published", name: weight})
    return _with_gradient(lambda x: loss_terms(x, data["s"], data["f"], only)[name], want, data)


def _unreduced(parts: tuple[str, ...], want: Want, data: Data) -> float:
    """One value per map; per pixel for the divergence; the likelihood is a sum in any case."""
    name, weight = parts[0], float(parts[1])
    x, s, f = data["x"], data["s"], data["f"]
    if name == "kld":
        values = published_kld_pixels(x, s).flatten()
    elif name == "nll":
        values = PUBLISHED[name](x, s, f).reshape(1)
    else:
        values = torch.stack([PUBLISHED[name](x[k : k + 1], s[k : k + 1], f[k : k + 1]) for k in range(len(x))])
    values = weight * values
    if len(values) != want["count"]:
        return math.inf
    return max(_error(values[: len(want["first"])], want["first"]), _error(values.nansum(), want["sum"]))


def _shared_divergence(parts: tuple[str, ...], want: Want, data: Data) -> float:
    """The losses that other networks share take a log density: the corrected divergence of each map."""
    x, s, f = data["x"], data["s"], data["f"]
    each = [corrected("kld", x[k : k + 1], s[k : k + 1], f[k : k + 1], "logits") for k in range(len(x))]
    return _error(float(parts[0]) * torch.stack(each), want["value"])


def _total(parts: tuple[str, ...], want: Want, data: Data) -> float:
    terms = loss_terms(data["x"], data["s"], data["f"], _weights(parts[0]))
    values = {LOGGED[name]: value for name, value in terms.items()} | {"loss": _sum(terms)}
    return max(_error(values[name], value) for name, value in want.items())


def _weights(text: str) -> LossConfig:
    """``weights_0.1_2_1_0.5_0.25``: those of cross entropy, correlation, NSS, divergence and likelihood."""
    if text == "default_weights":
        return WEIGHTS
    return _loss([float(part) for part in text.removeprefix("weights_").split("_")])


def _loss(weights: Sequence[float], dam: float = 0.5) -> LossConfig:
    """Published losses with weights in the published order."""
    return LossConfig(mode="published", **dict(zip(TERMS, weights, strict=True)), dam=dam)


def _total_gradient(parts: tuple[str, ...], want: Want, data: Data) -> float:
    weights = _weights(parts[0])
    return _with_gradient(lambda x: _sum(loss_terms(x, data["s"], data["f"], weights)), want, data)


def _logged(parts: tuple[str, ...], want: Want, data: Data) -> float:
    weights = _weights(parts[0])
    values = logged(loss_terms(data["x"], data["s"], data["f"], weights), weights, len(data["x"]))
    return max(_error(values[name], value) for name, value in want.items())


def _dam(parts: tuple[str, ...], want: Want, data: Data) -> float:
    return _error(float(parts[0]) * dam_bce(data["dam"], data["seq"]), want["value"])


def _auc(parts: tuple[str, ...], want: Want, data: Data) -> float:
    draws = np.random.RandomState(want["numpy_seed"]) if parts[0] == "jitter" else None
    pairs = zip(data["x"][:, 0].numpy(), data["f"][:, 0].numpy(), strict=True)
    return _error(np.mean([auc_judd_training(x, f, draws) for x, f in pairs]), want["value"])


_NAMES = "|".join(TERMS)
_NUMBER = r"([0-9.]+)"
_WEIGHTS = r"(default_weights|weights_[0-9._]+)"
_MEMBERS: Mapping[str, Callable[[tuple[str, ...], Want, Data], float]] = {
    rf"({_NAMES})_w{_NUMBER}": _term,
    rf"({_NAMES})_unreduced_w{_NUMBER}": _unreduced,
    rf"kld_generic_w{_NUMBER}": _shared_divergence,
    rf"total_{_WEIGHTS}": _total,
    rf"total_{_WEIGHTS}_grad": _total_gradient,
    rf"logged_{_WEIGHTS}": _logged,
    rf"dam_bce_weight_{_NUMBER}": _dam,
    r"aucj_metric_(jitter|nojitter)": _auc,
}


def _with_gradient(loss: Callable[[Tensor], Tensor], want: Want, data: Data) -> float:
    """The error of a value and, where the golden has them, of the gradient's norm and of some of its entries."""
    logits = data["x"].clone().requires_grad_()
    with torch.enable_grad():
        value = loss(logits)
        errors = [_error(value.detach(), want["value"])]
        if "grad_l2" in want:
            value.backward()
    if logits.grad is not None:
        errors.append(_error(logits.grad.norm(), want["grad_l2"]))
        sample = logits.grad.flatten()[want["grad_sample_index"]]
        errors.append(_error(sample, want["grad_sample"], float(logits.grad.abs().max())))
    return max(errors)


def _sum(terms: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def _error(value: ArrayLike | Tensor, want: Any, scale: float | None = None) -> float:
    """Largest error in units of ``scale``, else of the largest reference value; null stands for not finite."""
    a = np.asarray(value, np.float64)
    b = np.array(want, np.float64)
    if a.shape != b.shape or (np.isfinite(a) != np.isfinite(b)).any():
        return math.inf
    finite = np.isfinite(b)
    unit = max(SCALE, float(np.abs(b[finite]).max(initial=0))) if scale is None else scale
    return float(np.abs(a - b)[finite].max(initial=0)) / unit


def steps(golden: Golden) -> float:
    """Adam steps from known weights: losses, logged values and the gradient norm of every parameter.

    Gradients are compared on the scale of the largest: small ones are differences of large numbers.
    """
    from gazenet.recipes.gasp.gasp_task import IntegratorTask

    config = golden.meta["config"]
    kwargs, network = config.get("kwargs", {}), member(config)
    batch_size = kwargs.get("batch_size", 8)
    loss = _loss(kwargs.get("loss_weights", (0.5, 2, 1, 0, 0)), kwargs.get("dam_loss_weight", 0.5))
    trainer = TrainerConfig(
        optimizer="adam",
        learning_rate=_learning_rate(golden.meta["optimizer"]),
        weight_decay=0,
        schedule="constant",
        batch_size=batch_size,
        loss=loss,
    )
    start = prepare(build(network), golden).state_dict()
    task = IntegratorTask(network, trainer, len(golden.meta["steps"])).train()
    task.network.load_state_dict(start)
    optimizer, worst = task.configure_optimizers(), 0.0
    for recipe, want in zip(golden.meta["inputs"], golden.meta["steps"], strict=True):
        with torch.enable_grad():
            optimizer.zero_grad()
            terms = task.terms(_batch(recipe))
            _sum(terms).backward()
        # The release logs an attention module's loss for every network.
        values = {"dam_bce_loss": 0.0, **logged(terms, loss, batch_size)}
        errors = [_error(_sum(terms).detach(), want["loss"])]
        names = {name: name.removeprefix("train_") for name in want["logged"]}
        errors += [_error(values[ours], want["logged"][name]) for name, ours in names.items()]
        worst = max(worst, *errors, _gradient_error(task.network, want))
        optimizer.step()
    return worst


def _learning_rate(optimizer: str) -> float:
    """The rate from the golden's words. Raises ValueError for another optimiser."""
    match = re.fullmatch(r"Adam, lr ([0-9.e-]+), betas \(0\.9, 0\.999\), eps 1e-8, no weight decay", optimizer)
    if match is None:
        raise ValueError(f"nothing here answers to the optimiser {optimizer!r}")
    return float(match[1])


def _batch(recipe: Mapping[str, Any]) -> dict[str, Tensor]:
    modules, density, fixations = (
        torch.from_numpy(generate(recipe[name]).astype(np.float32)) for name in ("modules", "seq_salmap", "fixations")
    )
    sequence = density.reshape(len(modules), -1, 1, *density.shape[-2:])
    return {
        "maps": modules,
        "salmap": sequence[:, -1],
        "seq_salmap": sequence,
        "fixmap": _single(fixations) / 255,
    }


def _single(maps: Tensor) -> Tensor:
    """Maps of a batch, or the only one, as ``[N, 1, H, W]``."""
    return maps.reshape(-1, 1, *maps.shape[-2:])


def _gradient_error(network: torch.nn.Module, want: Want) -> float:
    norms = {name: float(p.grad.norm()) for name, p in network.named_parameters() if p.grad is not None}
    reached, missed = want["grad_l2"], {name for name, p in network.named_parameters() if p.grad is None}
    differing = sorted((norms.keys() ^ reached.keys()) | (missed ^ set(want["no_grad"])))
    if differing:
        raise ValueError(f"gradients reach other parameters: {', '.join(differing[:4])}")
    return max(abs(norms[name] - value) for name, value in reached.items()) / max(reached.values())
