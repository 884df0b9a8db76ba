"""Values inside a network: what goldens compare beside its outputs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Tensor, nn

from gazenet.testing.goldens import Golden, difference, prepare

Inputs = Sequence[Tensor]


class ModuleTaps:
    """Keeps what named modules take in or give out from now on, call by call.

    Args:
        network: the one to run.
        names: what is kept, by the name under which it is wanted: a module's name for its output, the name with a
            leading ``>`` for its first input.

    Raises AttributeError for a module that the network does not have.
    """

    def __init__(self, network: nn.Module, names: Mapping[str, str]) -> None:
        self.calls: defaultdict[str, list[Tensor]] = defaultdict(list)
        for wanted, place in names.items():
            module = network.get_submodule(place.removeprefix(">"))
            if place.startswith(">"):
                module.register_forward_pre_hook(partial(_before, self.calls[wanted]))
            else:
                module.register_forward_hook(partial(_after, self.calls[wanted]))

    @property
    def values(self) -> dict[str, Tensor]:
        """The first call of each module that was called."""
        return {name: calls[0] for name, calls in self.calls.items() if calls}


# Copies: a later layer may work in place.
def _before(calls: list[Tensor], _module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    calls.append(inputs[0].clone())


def _after(calls: list[Tensor], _module: nn.Module, _inputs: Any, output: Tensor) -> None:
    calls.append(output.clone())


@dataclass(frozen=True)
class NetworkCase:
    """A network, how it is called, and which modules' outputs are compared, by the name under which they are."""

    network: nn.Module
    call: Callable[[Inputs], Mapping[str, Tensor]]
    inside: Mapping[str, str] = field(default_factory=dict)


def run(golden: Golden, case: NetworkCase) -> float:
    """The error of a network that is given the golden's weights and inputs.

    Outputs ``raw_MODULE`` (``raw_MODULE_CALL`` of a module that is called several times) are those before
    ``config.output_scale`` is applied.
    """
    scaled = golden.meta["config"].get("output_scale", {})
    raw = ModuleTaps(case.network, {name: name for name in scaled})
    prepare(case.network, golden)
    inside = ModuleTaps(case.network, case.inside)
    outputs = case.call(list(golden.inputs().values()))
    return difference(golden, {**outputs, **inside.values, **_by_call(raw)})


def _by_call(raw: ModuleTaps) -> dict[str, Tensor]:
    values_by_name = {}
    for name, values in raw.calls.items():
        suffixes = [""] if len(values) == 1 else [f"_{k}" for k in range(len(values))]
        values_by_name.update({f"raw_{name}{suffix}": value for suffix, value in zip(suffixes, values, strict=True)})
    return values_by_name
