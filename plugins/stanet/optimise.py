"""The published optimiser: four groups of weights with rates of their own, lowered at given epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.optim import SGD

FACTORS = {(False, True): 1, (False, False): 2, (True, True): 10, (True, False): 20}
"""What a rate is multiplied by: whether a name holds ``extra``, and whether it holds ``weight``."""


def factor(epoch: int, milestones: Sequence[int]) -> float:
    """What all rates are multiplied by in an epoch, counted from 1; every milestone begins with a tenth."""
    return float(0.1 ** sum(epoch >= milestone for milestone in milestones))


def parameter_groups(network: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters in the order of :data:`FACTORS`: backbone weights, its rest, new weights, their rest."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {kind: [] for kind in FACTORS}
    for name, value in network.named_parameters():
        groups["extra" in name, "weight" in name].append(value)
    return list(groups.values())


def optimiser(network: nn.Module, rate: float, decay: float) -> SGD:
    """SGD with momentum 0.9, after Nesterov; empty groups are left out."""
    pairs = zip(parameter_groups(network), FACTORS.values(), strict=True)
    groups: Sequence[dict[str, Any]] = [{"params": some, "lr": rate * times} for some, times in pairs if some]
    return SGD(groups, lr=rate, momentum=0.9, nesterov=True, weight_decay=decay)
