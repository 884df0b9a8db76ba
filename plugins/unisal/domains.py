"""The data sets (domains) of UNISAL, and batch norms per domain."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

DOMAINS = ("DHF1K", "Hollywood", "UCFSports", "SALICON")
STILL = "SALICON"
"""The domain of still pictures."""


class DomainNorm(nn.Module):
    """One batch norm per domain for ``[N, channels, H, W]``, of which the selected one is applied.

    Attributes:
        domain: the selected domain; the first one by default.
    """

    def __init__(self, channels: int, domains: Sequence[str]) -> None:
        super().__init__()
        self.domain = domains[0]
        for name in domains:
            self.add_module(f"bn_{name}", nn.BatchNorm2d(channels, momentum=0.1 if name == STILL else 0.01))

    def chosen(self) -> nn.Module:
        """Return the selected batch norm."""
        return self.get_submodule(f"bn_{self.domain}")

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[N, channels, H, W]``."""
        normalised: Tensor = self.chosen()(x)
        return normalised
