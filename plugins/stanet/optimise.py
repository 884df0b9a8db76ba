"""The published optimiser: four groups of weights with rates of their own, lowered at given epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.optim import SGD

FACTORS = {(False, True): 1, (False, False): 2, (True, True): 10, (True, False): 20}
"""What a rate is multiplied by: whether a name holds ``extra``, and whether it holds ``weight``."""


def factor(epoch: int, milestones: Sequence[int]) -> float:
    """Return the factor of all rates in an epoch, counted from 1; every milestone divides it by ten."""
    return float(0.1 ** sum(epoch >= milestone for milestone in milestones))


def parameter_groups(network: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters in the order of :data:`FACTORS`: weights and rest of the backbone, then of new layers."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {kind: [] for kind in FACTORS}
    for name, value in network.named_parameters():
        groups["extra" in name, "weight" in name].append(value)
    return list(groups.values())


def optimiser(network: nn.Module, rate: float, decay: float) -> SGD:
    """Build SGD with Nesterov momentum 0.9, without empty groups."""
    pairs = zip(parameter_groups(network), FACTORS.values(), strict=True)
    groups: Sequence[dict[str, Any]] = [{"params": some, "lr": rate * times} for some, times in pairs if some]
    return SGD(groups, lr=rate, momentum=0.9, nesterov=True, weight_decay=decay)
