"""Values inside a network: what goldens compare beside its outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor, nn

from gazenet.testing.goldens import Golden


class Taps:
    """Keeps what named modules take in or give out while the network runs.

    Args:
        network: the one to run.
        names: what is kept, by the name under which it is wanted: a module's name for its output, the name with a
            leading ``>`` for its first input.

    Raises AttributeError for a module that the network does not have.
    """

    def __init__(self, network: nn.Module, names: Mapping[str, str]) -> None:
        self.values: dict[str, Tensor] = {}
        for wanted, place in names.items():
            module = network.get_submodule(place.removeprefix(">"))
            if place.startswith(">"):
                module.register_forward_pre_hook(self._before(wanted))
            else:
                module.register_forward_hook(self._after(wanted))

    def _before(self, wanted: str) -> Any:
        def keep(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self.values[wanted] = inputs[0].clone()

        return keep

    def _after(self, wanted: str) -> Any:
        def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            # A copy: a later layer may work in place.
            self.values[wanted] = output.clone()

        return keep


def only_known(golden: Golden, known: Iterable[str]) -> Mapping[str, Any]:
    """The golden's config. Raises ValueError where it holds an option beside ``known`` and what the runner handles."""
    config: Mapping[str, Any] = golden.meta["config"]
    unknown = sorted(config.keys() - {*known, "output_scale", "rtol"})
    if unknown:
        raise ValueError(f"unknown options: {', '.join(unknown)}")
    return config
