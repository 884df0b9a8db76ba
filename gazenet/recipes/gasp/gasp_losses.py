"""Training losses in two modes.

``published``: sums over the batch as the released training computed them, with the cross-entropy target divided by 255
twice and divergence and likelihood taken on raw logits. ``corrected``: means over the batch, the target in 0..1, and
divergence and likelihood on a proper density. Source: Abawi, Weber, Wermter, IJCAI 2021, and its released training.

Shapes: prediction ``x``, density ``s`` (0..1) and fixations ``f`` (positive = fixated) are ``[N, 1, H, W]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from gazenet.config.training import LossConfig

TERMS = ("bce", "cc", "nss", "kld", "nll")
Head = Literal["logits", "density"]
Term = Callable[[Tensor, Tensor, Tensor], Tensor]
_EPS = 2.2204e-16
_TINY = 1.1920928955078125e-07


def published_bce(x: Tensor, s: Tensor, f: Tensor) -> Tensor:
    """Summed cross entropy; ``s`` is scaled down by 255 although it lies in 0..1 already."""
    return F.binary_cross_entropy_with_logits(x, s / 255, reduction="sum")


def published_cc(x: Tensor, s: Tensor, f: Tensor) -> Tensor:
    """Minus the sum of correlations of the sigmoid."""
    p, g = _centred(x.sigmoid()), _centred(s)
    return -((p * g).sum(-1) / torch.sqrt((p * p).sum(-1) * ((g * g).sum(-1) + _TINY))).sum()


def published_nss(x: Tensor, s: Tensor, f: Tensor) -> Tensor:
    """Minus the sum of z-scores of the sigmoid at fixations; no guard for a constant map."""
    p, hit = x.sigmoid().flatten(1), (f > 0).flatten(1).to(x.dtype)
    z = (p - p.mean(1, keepdim=True)) / p.std(1, correction=0, keepdim=True)
    return -((z * hit).sum(1) / (hit.sum(1) + _TINY)).sum()


def published_kld(x: Tensor, s: Tensor, f: Tensor) -> Tensor:
    """Divergence from the raw logits scaled to sum 1, whatever their sign; undefined pixels count 0."""
    return published_kld_pixels(x, s).nansum(-1).mean()


def published_kld_pixels(x: Tensor, s: Tensor) -> Tensor:
    """Return what each pixel adds to the divergence, ``[N, H * W]``; NaN where the logarithm is undefined."""
    q, t = _unit_sum(x), _unit_sum(s)
    return t * torch.log(_EPS + t / (q + _EPS))


def published_nll(x: Tensor, s: Tensor, f: Tensor) -> Tensor:
    """Minus the sum of raw logits at the first fixated pixel of each map."""
    first = (f > 0).flatten(1).to(torch.uint8).argmax(1)
    picked: Tensor = x.flatten(1).gather(1, first[:, None])
    return -picked.sum()


PUBLISHED: Mapping[str, Term] = {
    "bce": published_bce,
    "cc": published_cc,
    "nss": published_nss,
    "kld": published_kld,
    "nll": published_nll,
}


def corrected(name: str, x: Tensor, s: Tensor, f: Tensor, head: Head) -> Tensor:
    """The corrected term ``name``, a mean over maps; ``x`` are logits or, for a density head, log densities."""
    log_density = x.flatten(1) if head == "density" else F.log_softmax(x.flatten(1), 1)
    hit = (f > 0).flatten(1).to(x.dtype)
    if name == "bce":
        return F.binary_cross_entropy_with_logits(x, s) if head == "logits" else _density_bce(log_density, s)
    if name == "kld":
        t = _unit_sum(s + 1e-12)
        return (t * (torch.log(t) - log_density)).sum(1).mean()
    if name == "nll":
        return -((log_density * hit).sum(1) / hit.sum(1).clamp(min=1)).mean()
    p = log_density.exp() if head == "density" else x.sigmoid().flatten(1)
    centred = p - p.mean(1, keepdim=True)
    if name == "cc":
        g = _centred(s)
        return -((centred * g).sum(1) / (centred.norm(dim=1) * g.norm(dim=1) + 1e-8)).mean()
    # The constant keeps the slope of the root finite for a constant map; densities have variances of 1e-8.
    z = centred / torch.sqrt(centred.square().mean(1, keepdim=True) + 1e-20)
    return -((z * hit).sum(1) / hit.sum(1).clamp(min=1)).mean()


def _density_bce(log_density: Tensor, s: Tensor) -> Tensor:
    """Cross entropy of the density scaled to peak 1, the form in which it is shown."""
    peak = (log_density - log_density.amax(1, keepdim=True)).exp().clamp(1e-6, 1 - 1e-6)
    return F.binary_cross_entropy(peak, s.flatten(1))


def dam_bce(dam: Tensor, s: Tensor) -> Tensor:
    """Mean cross entropy of attention logits ``[N, (T,) 1, H, W]`` and the densities of the same frames."""
    if s.shape[-2:] != dam.shape[-2:]:
        s = F.interpolate(s.flatten(0, -4), dam.shape[-2:], mode="area").view(*s.shape[:-2], *dam.shape[-2:])
    return F.binary_cross_entropy_with_logits(dam, s)


def loss_terms(x: Tensor, s: Tensor, f: Tensor, config: LossConfig, head: Head = "logits") -> dict[str, Tensor]:
    """Each term times its weight; a term of weight 0 is 0 and is not computed.

    Raises ValueError for the published mode with a density head, which the released training did not know.
    """
    if config.mode == "published" and head != "logits":
        raise ValueError("published losses are defined on logits: set trainer.loss.mode to corrected")
    terms = {}
    for name in TERMS:
        weight = float(getattr(config, name))
        if weight == 0:
            terms[name] = x.new_zeros(())
        elif config.mode == "published":
            terms[name] = weight * PUBLISHED[name](x, s, f)
        else:
            terms[name] = weight * corrected(name, x, s, f, head)
    return terms


def logged(terms: Mapping[str, Tensor], config: LossConfig, batch_size: int) -> dict[str, float]:
    """The values as the released training logged them: weight taken out, scores positive, divided by the batch size.

    ``batch_size`` is the configured one, even for a short last batch. In corrected mode terms are means already, so
    pass 1.
    """
    names = {"bce": "bce_loss", "cc": "cc", "nss": "nss", "kld": "kld_loss", "nll": "nll_loss", "dam": "dam_bce_loss"}
    values = {}
    for name, term in terms.items():
        weight = float(getattr(config, name))
        sign = -1 if name in ("cc", "nss") else 1
        values[names[name]] = 0.0 if weight == 0 else sign * float(term.detach()) / weight / batch_size
    # As published, the total that is logged leaves out the attention module's own loss.
    values["loss"] = sum(float(term.detach()) for name, term in terms.items() if name != "dam") / batch_size
    return values


def _centred(maps: Tensor) -> Tensor:
    pixels = maps.flatten(1)
    return pixels - pixels.mean(1, keepdim=True)


def _unit_sum(maps: Tensor) -> Tensor:
    pixels = maps.flatten(1)
    return pixels / pixels.sum(1, keepdim=True)
