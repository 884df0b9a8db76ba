"""A network of the GASP family in the forms that other runtimes take.

As one file it is a function of a frame's maps, or of a window's. A stream calls it in halves instead: what belongs to
one frame, and what follows over time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from gazenet.cues.exportable import Call, Exportable, free_size
from gazenet.fusion.gasp import Gasp, gate_scores
from gazenet.fusion.gmu import State

EVEN = 2
"""The networks halve their maps and double them again."""


class _Half(nn.Module):
    """Part of a network, with the network's weights."""

    def __init__(self, network: Gasp) -> None:
        super().__init__()
        self.network = network
        self.training = network.training

    def with_gates(self, value: Tensor, state: State | None) -> Tensor | tuple[Tensor, Tensor]:
        """Return the value, and the mean gates ``[N, M]`` where there are any."""
        scores = gate_scores(state, self.network.config.modalities)
        return value if scores is None else (value, scores)


def value_and_gates(output: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Split the output of a half of a network into its value and its gates, of which there may be none."""
    return (output, []) if isinstance(output, Tensor) else (output[0], list(output[1:]))


class StaticForm(_Half):
    """Maps ``[N, M * C, H, W]`` of single frames to the output of a static network for each, and its gates."""

    def forward(self, maps: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return logits ``[N, 1, H', W']`` or log densities ``[N, 1, H, W]``, and gates ``[N, M]`` if any."""
        features, _, state = self.network.per_frame(maps)
        logits, state = self.network.over_time(features, state)
        return self.with_gates(self.network.finish(logits, maps), state)


class FrameForm(_Half):
    """Maps ``[N, M * C, H, W]`` to a sequential network's features of each frame by itself, and its early gates."""

    def forward(self, maps: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return features ``[N, F, H', W']``, with gates ``[N, M]`` where a unit before the recurrence has any."""
        features, _, state = self.network.per_frame(maps)
        return self.with_gates(features, state)


class WindowForm(_Half):
    """Features ``[N, T, F, H', W']`` of windows to logits ``[N, 1, H', W']`` of their last frames, and late gates."""

    def forward(self, windows: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Return logits ``[N, 1, H', W']``, with gates ``[N, M]`` where a unit of the recurrence has any."""
        return self.with_gates(*self.network.over_time(windows, None))


class SaliencyForm(_Half):
    """The network that gives saliency alone, ``[N, 1, H', W']``."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return the saliency of maps ``[N, M * C, H, W]``, or ``[N, T, M * C, H, W]`` of a sequential network."""
        saliency: Tensor = self.network(maps)[0]
        return saliency


@dataclass
class StreamCalls:
    """The calls of a stream, in PyTorch until another runtime replaces them. See ``StaticForm`` and its siblings."""

    still: Call
    frames: Call
    over: Call

    @staticmethod
    def of(network: Gasp) -> StreamCalls:
        """Return the calls of the network itself."""
        return StreamCalls(StaticForm(network), FrameForm(network), WindowForm(network))


def exportable(network: Gasp, calls: StreamCalls, name: str, size: tuple[int, int]) -> Exportable:
    """The network for maps of ``size`` (height, width), noise in 0..1 as the example.

    Args:
        calls: have their members replaced by ``use``.
        name: of the integrator, for errors.

    Raises UsageError for odd sizes.
    """
    config, (height, width) = network.config, free_size(name, size, size, EVEN)
    maps = torch.rand(
        2, config.modalities * config.in_channels, height, width, generator=torch.Generator().manual_seed(0)
    )
    late = config.order in (("rgmu",), ("alstm", "gmu"))
    early = config.order[0] == "gmu"
    if not config.sequential:
        still = _part(StaticForm(network), maps, ("maps", "saliency"), early or late, partial(setattr, calls, "still"))
        return Exportable(SaliencyForm(network), (maps,), ("maps",), ("saliency",), parts={"still": still})
    features = torch.zeros(2, config.sequence_len, *_feature_shape(network, maps))
    parts = {
        "frames": _part(FrameForm(network), maps, ("maps", "features"), early, partial(setattr, calls, "frames")),
        "over": _part(WindowForm(network), features, ("features", "saliency"), late, partial(setattr, calls, "over")),
    }
    window = maps[:, None].expand(-1, config.sequence_len, -1, -1, -1).contiguous()
    return Exportable(SaliencyForm(network), (window,), ("maps",), ("saliency",), parts=parts)


def _part(
    module: nn.Module, example: Tensor, ends: tuple[str, str], gates: bool, use: Callable[[Call], None]
) -> Exportable:
    outputs = (ends[1], "gates") if gates else (ends[1],)
    return Exportable(module, (example,), (ends[0],), outputs, use=use)


@torch.inference_mode()
def _feature_shape(network: Gasp, maps: Tensor) -> torch.Size:
    where = next(network.parameters()).device
    return network.per_frame(maps[:1].to(where))[0].shape[1:]
