"""The contract of integrators: the declaration, read without importing torch, and the methods that are called."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gazenet.cues.extractor_spec import merged_parameters
from gazenet.errors import UsageError
from gazenet.plugin_registry import Members, PluginSpec

if TYPE_CHECKING:
    import torch

    from gazenet.cues.extractor import AssetPath

INTEGRATORS = "gazenet.integrators"
CueStack = Mapping[str, NDArray[np.uint8]]
"""Per cue, consecutive frames: maps uint8 ``[n, h, w]``, or RGB pictures uint8 ``[n, H, W, 3]``."""


class IntegratorSpec(PluginSpec):
    """The declaration of an integrator: all that the platform must know before it is imported."""

    members: ClassVar[Members] = {
        "load": ("spec", "device", "asset_path"),
        "begin": ("live",),
        "fuse": ("maps",),
        "finish": (),
    }

    name: str = Field(min_length=1)
    cues: tuple[str, ...] = Field(min_length=1, description="Names of the extractors whose maps are fused, in order.")
    pictures: tuple[str, ...] = Field(
        default=(), description="Those of the cues that are given as the coloured pictures of their extractors."
    )
    whole: bool = Field(
        default=False,
        description="It sees all frames of a video at once, instead of chunk by chunk: not for live runs, and the "
        "frames stay in memory until the video ends.",
    )
    parameters: dict[str, bool | int | float | str] = Field(
        default={}, description="Defaults of what a config may change, given to the constructor as keyword arguments."
    )
    checkpoints: tuple[str, ...] = Field(
        default=(), description="Parameters that hold the path of a checkpoint: its content counts in what is resumed."
    )
    assets: tuple[str, ...] = Field(default=(), description="Catalogue ids of weights; empty: works as installed.")

    @property
    def pictured(self) -> tuple[str, ...]:
        """The cues that are given as pictures."""
        return self.pictures

    def assets_with(self, parameters: Mapping[str, object]) -> tuple[str, ...]:
        """The assets that are needed with the parameters of a config: none where it names a checkpoint."""
        return () if any(parameters.get(name) for name in self.checkpoints) else self.assets

    def tuned(self, parameters: Mapping[str, object]) -> Self:
        """The declaration with the parameters of a config. Raises UsageError for unknown names and wrong types."""
        try:
            merged = merged_parameters(self.parameters, parameters)
        except ValueError as error:
            raise UsageError(f"integrator.parameters: integrator {self.name}: {error}") from None
        return self.model_copy(update={"parameters": merged})

    def on_extractors(self) -> Self:
        """The declaration with names of extractors as cues."""
        return self

    def result_facts(self) -> dict[str, Any]:
        """The fields that results depend on beside the weights (JSON)."""
        return self.model_dump(exclude={"summary", "licence", "paper", "bibtex"})


@dataclass(frozen=True)
class Fused:
    """Saliency float ``[n, h, w]``, at least 0, of the next n frames, and the gate of every cue ``[n, M]`` if any.

    Arrays or tensors; M cues in the order of the declaration.
    """

    saliency: NDArray[np.floating[Any]] | torch.Tensor
    gates: NDArray[np.floating[Any]] | torch.Tensor | None = None


class Integrator(Protocol):
    """The methods of an integrator. The constructor takes the declared ``parameters`` as keyword arguments.

    Inherit this class to get ``load``, ``begin`` and ``finish`` that do nothing.
    """

    def load(self, spec: IntegratorSpec, device: torch.device, asset_path: AssetPath) -> None:
        """Read the weights. ``spec``: the declaration in use, with the parameters of the config."""

    def begin(self, live: bool) -> None:
        """Start a video. ``live``: every ``fuse`` must give a map for each of its frames at once."""

    @abstractmethod
    def fuse(self, maps: CueStack) -> Fused | None:
        """Fuse the next frames, or all frames of a ``whole`` declaration.

        May give fewer frames than it takes, or none (None): the rest comes with later frames or from ``finish``.
        """

    def finish(self) -> Fused | None:
        """Give the frames that are still due at the end of a video."""
        return None
