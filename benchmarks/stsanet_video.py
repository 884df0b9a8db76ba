"""A saliency network over a video, our pipeline against a plain loop: ``python benchmarks/stsanet_video.py VIDEO``.

The loop works as public scripts do: read a frame, resize it with Pillow, normalise it, call the network on the whole
window of frames, write the map at full size as PNG and the frame with the map over it, then read the next one. The
pipeline writes the same files. Both have the same weights, which follow from their keys (the embedded saliency has
its own), and work in this process, one after the other. With a graphics card the STSANet's window is timed as well.

Shares: how much of the wall clock the network was at work. ``processor s/map`` depends less on what else runs.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gazenet.backbones.fold_batch_norm import inference_copy
from gazenet.config.inference import InferConfig
from gazenet.cues.frame_clips import Preprocessing, resized
from gazenet.cues.windows import input_size
from gazenet.inference.engine.pipeline import prepare_threads
from gazenet.inference.engine.sink_thread import SinkThread
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.engine.timing import Timings
from gazenet.inference.engine.video_pass import VideoPass, default_store
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.overlay_sink import OverlaySink
from gazenet.media.frame_source import open_source
from gazenet.testing.goldens import filled_state
from gazenet_plugins.saliency.spec import SPEC as SALIENCY
from gazenet_plugins.stsanet.network import CLIP, STSANet
from gazenet_plugins.unisal.network import Unisal

Picture = NDArray[np.uint8]
Network = Callable[[Sequence[Picture]], NDArray[np.floating]]
"""The newest frames, RGB ``[H, W, 3]``, to a map ``[h, w]`` of any scale."""

Prepare = Callable[[Picture], NDArray[Any]]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WINDOWS = {"stsanet": CLIP, "unisal": 12, "saliency": 1}
UNISAL_SIZE = (224, 384)
FLOOR_GFLOP = 421
"""Operations of one window of STSANet at 224 x 384."""


@dataclass(frozen=True)
class Measured:
    """One way through the video: maps, seconds by the clock, of the processor, with the network at work."""

    maps: int
    wall: float
    cpu: float
    network: float

    def line(self, name: str) -> str:
        """As a row of the table."""
        rest = (self.wall - self.network) / self.maps
        return (
            f"{name:9} {self.maps:5d} {self.maps / self.wall:8.3f} {self.cpu / self.maps:17.3f} "
            f"{self.network / self.wall:14.1%} {1e3 * rest:19.1f}"
        )


HEAD = f"{'way':9} {'maps':>5} {'maps/s':>8} {'processor s/map':>17} {'network share':>14} {'other time ms/map':>19}"


def with_weights(network: nn.Module) -> nn.Module:
    """The network with weights that follow from its keys."""
    network.load_state_dict(filled_state(network))
    return network.eval()


def made(name: str, size: tuple[int, int]) -> nn.Module | None:
    """The network of an extractor for frames of ``size``; None for the one that has weights of its own."""
    if name == "stsanet":
        return with_weights(STSANet(size))
    return with_weights(Unisal()) if name == "unisal" else None


def prepare_embedded(picture: Picture) -> Picture:
    """A frame in the size that the embedded saliency takes."""
    wanted = SALIENCY.input
    assert wanted is not None
    return resized(picture, input_size(wanted, *picture.shape[:2]), "bilinear")


def plain_network(name: str, network: nn.Module | None, size: tuple[int, int]) -> tuple[Prepare, Network]:
    """How the loop prepares a frame, and how it calls the network on a window of prepared ones."""
    prepare = Preprocessing(size, MEAN, STD, "bilinear")
    if network is None:
        return prepare_embedded, embedded_saliency()

    def call(window: Sequence[Any]) -> NDArray[np.floating]:
        clip = torch.from_numpy(np.stack(window, 0 if name == "unisal" else 1))[None]
        with torch.inference_mode():
            found = network(clip)
        seen: Tensor = found.log_density[0, -1, 0].exp() if name == "unisal" else found[0]
        return seen.numpy()

    return prepare, call


def embedded_saliency() -> Network:
    """The saliency that comes with the package, one frame at a time."""
    from safetensors.torch import load_file

    from gazenet.assets.asset_store import asset_path
    from gazenet_plugins.saliency.backbone import Backbone
    from gazenet_plugins.saliency.extractor import WEIGHTS, SaliencyReadout

    backbone, readout = Backbone(asset_path("open_nsfw")), SaliencyReadout().eval()
    readout.load_state_dict({key: value.float() for key, value in load_file(WEIGHTS).items()})

    def call(window: Sequence[Picture]) -> NDArray[np.floating]:
        with torch.inference_mode():
            return np.asarray(readout([level[None] for level in backbone(window[-1])]).exp()[0].numpy())

    return call


def plain_loop(video: Path, folder: Path, name: str, network: nn.Module | None, args: argparse.Namespace) -> Measured:
    """Frame after frame, everything in turn; a map as soon as a window is full."""
    prepare, call = plain_network(name, network, args.size)
    window: deque[Any] = deque(maxlen=WINDOWS[name])
    begin, cpu = time.perf_counter(), time.process_time()
    capture, writer, maps, busy = cv2.VideoCapture(str(video)), None, 0, 0.0
    for index in range(args.frames):
        read, frame = capture.read()
        if not read:
            break
        rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
        window.append(prepare(rgb))
        if len(window) < WINDOWS[name]:
            continue
        at = time.perf_counter()
        found = call(list(window))
        busy += time.perf_counter() - at
        grey = full_size(found, frame.shape[:2])
        cv2.imwrite(str(folder / f"frame_{index:05d}_saliency.png"), grey)
        if writer is None:
            fourcc = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(str(folder / "overlayed.mp4"), fourcc, 25.0, frame.shape[1::-1])
        colour = cv2.applyColorMap(grey, cv2.COLORMAP_JET)
        writer.write(cv2.addWeighted(frame, 0.5, colour, 0.5, 0))
        maps += 1
    capture.release()
    if writer is not None:
        writer.release()
    return Measured(maps, time.perf_counter() - begin, time.process_time() - cpu, busy)


def full_size(found: NDArray[np.floating], size: Sequence[int]) -> Picture:
    """A map of any scale from 0 to 255 at ``size`` (height, width)."""
    large = cv2.resize(np.asarray(found, np.float32), (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    low, high = float(large.min()), float(large.max())
    return np.asarray((large - low) / (high - low + 1e-5) * 255, np.uint8)


class Pngs:
    """Every map at full size as PNG."""

    name, files = "pngs", ()

    def open(self, context: SinkContext) -> None:
        """Begin a video."""
        self._folder, self._size = context.folder, context.frame_size

    def write(self, chunk: ChunkResult) -> None:
        """Write one PNG per frame of a chunk."""
        for k, found in enumerate(chunk.saliency):
            target = self._folder / f"frame_{chunk.start + k:05d}_saliency.png"
            cv2.imwrite(str(target), full_size(found, self._size))

    def close(self, summary: dict[str, Any]) -> None:
        """Each file is complete as soon as it is there."""

    def abort(self) -> None:
        """What was written stays: the folder is temporary."""


class FirstFrames:
    """The first frames of a source."""

    def __init__(self, source: Any, count: int) -> None:
        self._source, self._count = source, count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self._source), self._count)


def ready_graph(name: str, network: nn.Module | None, folder: Path, chunk: int) -> StageGraph:
    """Our pipeline with this extractor alone, its weights loaded; without faces."""
    given: dict[str, object] = {}
    if network is not None:
        torch.save(network.state_dict(), folder / "weights.pth")
        given["weights"] = str(folder / "weights.pth")
    settings = {"extractors": [{"name": name, "parameters": given, "stride": 1}], "integrator": None}
    config = InferConfig.model_validate({**settings, "max_side": 4096, "chunk": chunk})
    prepare_threads(config)
    return replace(build_graph(config), faces=None)


def pipeline(video: Path, folder: Path, graph: StageGraph, frames: int) -> Measured:
    """The same by our stages beside each other; the cue's map in the place of a fused one."""
    name = graph.cues[0].name
    begin, cpu, timings = time.perf_counter(), time.process_time(), Timings()
    with closing(open_source(video, graph.config.max_side)) as source:
        store = default_store(folder / "cache")
        job = VideoPass(graph, FirstFrames(source, frames), "benchmark", store, timings)  # type: ignore[arg-type]
        context = SinkContext(folder, video, source.info, source.size, job.map_size, (name,), (), {})
        thread = SinkThread([Pngs(), OverlaySink()], context, timings)

        def emit(chunk: ChunkResult) -> None:
            maps = chunk.cues[name].astype(np.float32) / 255
            thread.put(replace(chunk, saliency=maps))

        try:
            job.run(emit)
            thread.finish({})
        except BaseException:
            thread.abort()
            raise
    told = timings.summary(job.frames)
    wall, network = time.perf_counter() - begin, float(told["network_busy_s"])  # type: ignore[arg-type]
    return Measured(job.frames, wall, time.process_time() - cpu, network)


def timed(call: Callable[[], object], repetitions: int = 10) -> float:
    """Median milliseconds of a call, waiting for the device where there is one."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    found = []
    for _ in range(repetitions + 3):
        wait()
        begin = time.perf_counter()
        call()
        wait()
        found.append(1e3 * (time.perf_counter() - begin))
    return float(np.median(found[3:]))


def on_device(network: nn.Module, size: tuple[int, int], device: str, tflops: float) -> None:
    """Prints ms per window of several forms, and the least that the operations alone would take."""
    network = network.to(device)
    clip = torch.randn(1, 3, CLIP, *size, device=device)
    forms: dict[str, tuple[nn.Module | Callable[..., Any], Tensor]] = {"fp32": (network, clip)}
    forms["fp32, lean"] = inference_copy(network), clip
    half = inference_copy(network).half()
    last = clip.half().contiguous(memory_format=torch.channels_last_3d)
    forms["fp16, lean, channels last"] = half, last
    forms["the same compiled, CUDA graphs"] = torch.compile(half, mode="reduce-overhead"), last
    for label, (form, x) in forms.items():
        with torch.inference_mode():
            print(f"{label:34} {timed(lambda form=form, x=x: form(x)):8.2f} ms per window")
    scale = size[0] * size[1] / (224 * 384)
    print(f"{'floor by operations':34} {FLOOR_GFLOP * scale / tflops:8.2f} ms at {tflops:g} TFLOP/s")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__.split("\n")[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("--network", choices=sorted(WINDOWS), default="stsanet")
    parser.add_argument("--frames", type=int, default=40, help="frames of the video that are used")
    parser.add_argument("--size", type=int, nargs=2, default=UNISAL_SIZE, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--chunk", type=int, default=32, help="frames that the pipeline works on at a time")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tflops", type=float, default=790, help="what the graphics card reaches in fp16")
    args = parser.parse_args(argv)
    args.size = tuple(args.size)
    if args.frames < WINDOWS[args.network] or not args.video.is_file():
        parser.error(f"{args.video}: needs a video and at least {WINDOWS[args.network]} frames")
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    network = made(args.network, args.size)
    with tempfile.TemporaryDirectory(prefix="gazenet-bench-") as folder:
        places = [Path(folder) / name for name in ("loop", "ours")]
        for place in places:
            place.mkdir()
        graph = ready_graph(args.network, network, Path(folder), args.chunk)
        torch.set_num_threads(args.threads)
        loop = plain_loop(args.video, places[0], args.network, network, args)
        ours = pipeline(args.video, places[1], graph, args.frames)
    print(HEAD)
    print(loop.line("loop"))
    print(ours.line("pipeline"))
    ratio = loop.cpu / loop.maps * ours.maps / ours.cpu
    wall = loop.wall / loop.maps * ours.maps / ours.wall
    print(f"pipeline is faster: {wall:.2f} times by the clock, {ratio:.2f} times in processor time")
    print(f"peak memory of both: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")
    if args.network == "stsanet" and torch.cuda.is_available() and network is not None:
        on_device(network, args.size, "cuda", args.tflops)
    return 0


if __name__ == "__main__":
    sys.exit(main())
