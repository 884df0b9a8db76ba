"""Fusing a running video: as a stream against window by window. ``python benchmarks/streaming.py``.

Window by window, as published: for every frame one pass of the complete network over its last T frames. As a stream:
what belongs to one frame is computed once. Both fuse the same frames in the middle of a video, with the networks of
the paper (five coloured maps of 120 x 120, context 10) and weights made from a seed. The largest difference between
the maps is shown as a share of their range.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.fusion.gasp import build
from gazenet.fusion.gasp_config import published
from gazenet.fusion.gasp_integrator import FusionStream, GaspIntegrator
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.network_input import network_input

if __package__:
    from benchmarks.side_by_side import Row, compare, show
else:
    from side_by_side import Row, compare, show

NETWORKS = {
    "DAM + LARGMU": "SequenceGASPDAMEncALSTMGMUConv",
    "DAM + ARGMU": "SequenceGASPDAMEncGMUALSTMConv",
}
LIMIT = 1e-4
Maps = dict[str, NDArray[np.uint8]]


def integrator(name: str, window: int, norm: bool, size: int, cues: int) -> GaspIntegrator:
    """The published network ``name`` with random weights that keep the scale of what passes through."""
    torch.manual_seed(0)
    network = build(published(name, modalities=cues, sequence_len=window, sequence_norm=norm)).eval()
    for parameter in network.parameters():
        if parameter.dim() > 1:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="linear")
    spec = GaspSpec(
        name=name,
        cues=tuple(f"cue {k}" for k in range(cues)),
        rendering="published",
        input_size=(size, size),
        output="sigmoid",
    )
    return GaspIntegrator(network, spec, torch.device("cpu"), {})


def window_by_window(subject: GaspIntegrator, maps: Maps, first: int) -> NDArray[np.float32]:
    """One pass over each window that ends at frame ``first`` or later; saliency ``[n, h, w]``, peak 1."""
    length = subject.network.config.sequence_len
    found = []
    with torch.inference_mode():
        for last in range(first, len(next(iter(maps.values())))):
            window = {cue: values[last - length + 1 : last + 1] for cue, values in maps.items()}
            logits, _, _ = subject.network(network_input(window, subject.spec, subject.device)[None])
            saliency = torch.sigmoid(logits[0, 0])
            found.append((saliency / saliency.max()).numpy())
    return np.stack(found)


def as_stream(stream: FusionStream, maps: Maps, first: int, frames: int) -> NDArray[np.float32]:
    """The next ``frames`` frames of a stream that has seen those before ``first``."""
    return stream.push({cue: values[first : first + frames] for cue, values in maps.items()}).saliency


def measure(label: str, subject: GaspIntegrator, frames: int, size: int, repetitions: int) -> tuple[Row, float]:
    """The comparison in the middle of a video; every repetition of the stream goes on where the last one stopped."""
    window = subject.network.config.sequence_len
    rng = np.random.default_rng(0)
    total = window + frames
    maps: Maps = {cue: rng.integers(0, 256, (total, size, size), dtype=np.uint8) for cue in subject.spec.cues}
    stream = subject.stream()
    as_stream(stream, maps, 0, window)
    plain, ours = compare(
        lambda: window_by_window(subject, maps, window), lambda: as_stream(stream, maps, window, frames), repetitions
    )
    fresh = subject.stream()
    as_stream(fresh, maps, 0, window)
    found, wanted = as_stream(fresh, maps, window, frames), window_by_window(subject, maps, window)
    error = float(np.abs(found - wanted).max() / np.ptp(wanted))
    return Row(label, plain, ours, frames, f"{error:.1e}"), error


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns 1 where the maps differ by more than 1e-4 of their range."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=4, help="frames fused in one repetition")
    parser.add_argument("--window", type=int, default=10, help="context T")
    parser.add_argument("--size", type=int, default=120, help="height and width of the maps")
    parser.add_argument("--cues", type=int, default=5)
    parser.add_argument("--norm", action="store_true", help="the variants with a batch norm per time step")
    parser.add_argument("--repetitions", type=int, default=3)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    rows, worst = [], 0.0
    for label, name in NETWORKS.items():
        subject = integrator(name, args.window, args.norm, args.size, args.cues)
        row, error = measure(label, subject, args.frames, args.size, args.repetitions)
        rows.append(row)
        worst = max(worst, error)
    print(f"{args.frames} frames of {args.size} x {args.size}, {args.cues} cues, T = {args.window}, 1 thread")
    print(show(rows, "frame"))
    return int(worst > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
