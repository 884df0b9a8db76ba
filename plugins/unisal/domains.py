"""The data sets that UNISAL tells apart, and the normalisation that each of them has for itself."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

DOMAINS = ("DHF1K", "Hollywood", "UCFSports", "SALICON")
STILL = "SALICON"
"""The domain of still pictures."""


class DomainNorm(nn.Module):
    """One batch norm per domain, of which the chosen one works: ``[N, channels, H, W]`` to the same.

    Attributes:
        domain: the name of the one that works; the first at the beginning.
    """

    def __init__(self, channels: int, domains: Sequence[str]) -> None:
        super().__init__()
        self.domain = domains[0]
        for name in domains:
            self.add_module(f"bn_{name}", nn.BatchNorm2d(channels, momentum=0.1 if name == STILL else 0.01))

    def chosen(self) -> nn.Module:
        """The batch norm that works."""
        return self.get_submodule(f"bn_{self.domain}")

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.chosen()(x)
        return found
