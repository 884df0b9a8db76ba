"""The published optimiser: four groups of weights with rates of their own, lowered at given epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import SGD

FACTORS = {(False, True): 1, (False, False): 2, (True, True): 10, (True, False): 20}
"""What a rate is multiplied by: whether a name holds ``extra``, and whether it holds ``weight``."""


@dataclass(frozen=True)
class Recipe:
    """How long and how fast a network learns. ``milestones``: epochs, counted from 1, that begin with a tenth."""

    epochs: int = 30
    batch: int = 10
    lr: float = 1e-4
    decay: float = 5e-4
    milestones: tuple[int, ...] = (5, 10)
    seed: int = 57492

    def factor(self, epoch: int) -> float:
        """What all rates are multiplied by in an epoch, counted from 1."""
        return float(0.1 ** sum(epoch >= milestone for milestone in self.milestones))


def parameter_groups(network: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters in the order of :data:`FACTORS`: backbone weights, its rest, new weights, their rest."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {kind: [] for kind in FACTORS}
    for name, value in network.named_parameters():
        groups["extra" in name, "weight" in name].append(value)
    return list(groups.values())


def optimiser(network: nn.Module, recipe: Recipe) -> SGD:
    """SGD with momentum 0.9, after Nesterov; empty groups are left out."""
    pairs = zip(parameter_groups(network), FACTORS.values(), strict=True)
    groups: Sequence[dict[str, Any]] = [{"params": some, "lr": recipe.lr * factor} for some, factor in pairs if some]
    return SGD(groups, lr=recipe.lr, momentum=0.9, nesterov=True, weight_decay=recipe.decay)


def set_epoch(chosen: SGD, recipe: Recipe, epoch: int) -> None:
    """Sets the rates of an epoch, counted from 1."""
    for group in chosen.param_groups:
        group.setdefault("first_lr", group["lr"])
        group["lr"] = group["first_lr"] * recipe.factor(epoch)
