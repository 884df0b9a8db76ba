"""STSANet as a file in onnxruntime against PyTorch: ``python benchmarks/export_stsanet.py VIDEO ...``.

One window of 32 frames from the beginning of every video. The weights follow from their keys, as in the reference
values; switched on, the LayerNorms have scale 1 and bias 0, without which attention hardly counts. The last
convolution is scaled so that the logits of the first window have mean -2 and deviation 1.5. Maps are enlarged four
times and stretched to 0..255, as they are stored; offsets are pixels of these. Both libraries get the same threads.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.backbones.bfloat16 import has_bfloat16, in_bfloat16
from gazenet.backbones.onnx_graph import read_graph
from gazenet.cues.frame_clips import Preprocessing, stacked
from gazenet.export.graph_values import products
from gazenet.export.half_precision import halved
from gazenet.export.map_comparison import FrameDifference, Map, compare_maps, summary
from gazenet.export.onnx_export import GraphForm, export_onnx, open_session
from gazenet.media.frame_source import open_source
from gazenet.testing.goldens import filled_state
from gazenet_plugins.stsanet.network import CLIP, DECISIVE, STSANet
from gazenet_plugins.stsanet.spec import SPEC

if __package__:
    from benchmarks.side_by_side import Row, compare
else:
    from side_by_side import Row, compare

MEAN, DEVIATION = -2.0, 1.5
ENLARGED = 4
SPEED = 2.0


@dataclass(frozen=True)
class Limits:
    """Of MAE (mean and largest, grey levels), mean focal offset and largest peak offset (pixels)."""

    mae: float
    largest: float
    focal: float
    peak: float


LIMITS = {
    "fp32": Limits(0.05, 0.1, 0.1, 2.0),
    "fp16": Limits(0.5, np.inf, 1.0, np.inf),
    "bf16": Limits(np.inf, np.inf, np.inf, np.inf),
}


def first_window(video: Path, size: tuple[int, int]) -> Tensor:
    """The first 32 frames as the network takes them, ``[1, 3, 32, H, W]``; a shorter video repeats its last one."""
    wanted = SPEC.input
    assert wanted is not None
    prepare = Preprocessing(size, wanted.mean, wanted.std, "bilinear")
    source = open_source(video, 1280)
    try:
        pictures = [frame.image for frame, _ in zip(source, range(CLIP), strict=False)]
    finally:
        source.close()
    pictures += [pictures[-1]] * (CLIP - len(pictures))
    return stacked([torch.from_numpy(prepare(picture)) for picture in pictures])


def network(size: tuple[int, int], switched_on: bool, window: Tensor) -> STSANet:
    """The network with weights made from their keys."""
    made = STSANet(size)
    state = filled_state(made)
    for key in (key for key in state if switched_on and key.startswith("ln_")):
        state[key].fill_(float(key.endswith("weight")))
    made.load_state_dict(state)
    made.eval()
    last = made.readout_2[4]
    seen: list[Tensor] = []
    hook = last.register_forward_hook(lambda layer, given, found: seen.append(found))
    with torch.inference_mode():
        made(window)
    hook.remove()
    with torch.no_grad():
        factor = DEVIATION / seen[0].std()
        last.weight.mul_(factor)
        last.bias.copy_(last.bias * factor + MEAN - factor * seen[0].mean())
    return made


def stored(saliency: NDArray[np.float32]) -> Map:
    """A map ``[h, w]`` in 0..1 as a picture of four times its size, from its minimum to its maximum."""
    large = cv2.resize(saliency, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_LINEAR)
    span = large.max() - large.min() + 1e-5
    return np.asarray(np.round((large - large.min()) / span * 255), np.uint8)


def maps_of(session: Any, windows: Sequence[Tensor]) -> list[Map]:
    """The maps of a file in onnxruntime."""
    return [stored(one(session, window)) for window in windows]


def one(session: Any, window: Tensor) -> NDArray[np.float32]:
    """The map ``[h, w]`` of one window."""
    return np.asarray(session.run(None, {session.get_inputs()[0].name: window.numpy()})[0][0], np.float32)


def judged(label: str, precision: str, found: Sequence[FrameDifference]) -> bool:
    """Print one line per measure; whether all are within their limits."""
    told, limits = summary(found), LIMITS[precision]
    rows = [
        ("MAE, mean", told["mae"].mean, limits.mae),
        ("MAE, largest", told["mae"].high, limits.largest),
        ("focal offset, mean", told["blob"].mean, limits.focal),
        ("peak offset, largest", told["peak"].high, limits.peak),
    ]
    for measure, value, limit in rows:
        print(
            f"{label:32}{measure:24}{value:10.4f}  limit {limit:<6g}{'ok' if value <= limit else 'ABOVE'}", flush=True
        )
    return all(value <= limit for _, value, limit in rows)


def eager(made: STSANet, window: Tensor) -> NDArray[np.float32]:
    """The map ``[h, w]`` of one window by PyTorch."""
    with torch.inference_mode():
        return np.asarray(made(window)[0].numpy())


def faster(label: str, made: STSANet, session: Any, window: Tensor) -> bool:
    """Print how many times faster a file is than its network, in turns; whether it is enough by the clock."""
    row = Row(label, *compare(lambda: eager(made, window), lambda: one(session, window), 3), 1, "")
    by_clock, by_processor = row.ratios
    verdict = "ok" if by_clock >= SPEED else "BELOW"
    print(
        f"{label:32}{'times faster':24}{by_clock:10.2f}  limit {SPEED:<6g}{verdict} (PyTorch {row.plain.wall:.2f} s, "
        f"onnxruntime {row.ours.wall:.2f} s; {by_processor:.2f} by time of the processor)",
        flush=True,
    )
    return by_clock >= SPEED


def one_fill(switched_on: bool, windows: Sequence[Tensor], size: tuple[int, int], folder: Path) -> bool:
    """Export with one set of weights, compare, time; whether all is within the limits."""
    label = "switched on" if switched_on else "as filled"
    made = network(size, switched_on, windows[0])
    wanted = [stored(eager(made, window)) for window in windows]
    path = folder / "stsanet.onnx"
    export_onnx(made, [windows[0]], path, GraphForm(inputs=("clip",), outputs=("saliency",), free_batch=False))
    gc.collect()
    session = open_session(path)
    pairs = zip(wanted, maps_of(session, windows), strict=True)
    good = judged(f"{label}, onnxruntime fp32", "fp32", [compare_maps(a, b) for a, b in pairs])
    good = faster(label, made, session, windows[0]) and good
    if has_bfloat16(torch.device("cpu")):
        in_bfloat16(made, DECISIVE)
        pairs = zip(wanted, (stored(eager(made, window)) for window in windows), strict=True)
        judged(f"{label}, PyTorch bf16", "bf16", [compare_maps(a, b) for a, b in pairs])
    del made, session
    gc.collect()
    half = halved(read_graph(path))
    share = products(half)["float16"] / products(half).total()
    print(f"{label}, onnxruntime fp16: {share:.0%} of the multiplications in half precision")
    path.write_bytes(half.SerializeToString())
    del half
    gc.collect()
    pairs = zip(wanted, maps_of(open_session(path), windows), strict=True)
    return judged(f"{label}, onnxruntime fp16", "fp16", [compare_maps(a, b) for a, b in pairs]) and good


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0 where everything is within the limits, else 1."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("videos", nargs="+", type=Path, metavar="VIDEO")
    parser.add_argument("--size", nargs=2, type=int, default=(224, 384), metavar=("H", "W"))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    size = (args.size[0], args.size[1])
    windows = [first_window(video, size) for video in args.videos]
    print(f"{len(windows)} windows of 32 x {size[0]} x {size[1]}, {args.threads} thread(s)", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        good = [one_fill(on, windows, size, Path(folder)) for on in (False, True)]
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
