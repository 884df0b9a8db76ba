"""Trains and judges the network of the active speaker cue on videos with labelled speech.

    python benchmarks/training/speaker.py --data $GAZENET_TEST_DATA --output plugins/active_speaker/speaker.safetensors
    python benchmarks/training/speaker.py --data $GAZENET_TEST_DATA --judge

Labels: the FindWho annotation says per annotated face and frame whether it speaks; an annotated face is the tracked
one whose centre is nearest. Some of its files are MATLAB 7.3, for which h5py must be installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.assets import asset_path
from gazenet.config.load import load_config
from gazenet.cues.extractor import Face
from gazenet.data.findwho import FindWho
from gazenet.files import write_bytes
from gazenet.inference.engine.stage_graph import build_graph
from gazenet.inference.predict import collect
from gazenet.media.audio import read_audio
from gazenet_plugins.active_speaker.features import face_features
from gazenet_plugins.active_speaker.network import SpeakerNet
from gazenet_plugins.active_speaker.spec import SPEC
from gazenet_plugins.active_speaker.voice import voice_track

STRIDE = 3


@dataclass(frozen=True)
class Labelled:
    """Features ``[N, COUNT]`` and labels ``[N]`` (1: speaks) of the labelled faces of one video."""

    features: NDArray[np.float32]
    labels: NDArray[np.float32]


def annotated_centres(path: Path) -> list[list[NDArray[np.float64]]]:
    """Per frame the centres (x, y) of the annotated faces, in the annotation's order."""
    import scipy.io

    try:
        cells = scipy.io.loadmat(path)["final"].ravel()
        return [[_points(shape).mean(0) for shape in _shapes(cell)] for cell in cells]
    except NotImplementedError:
        return _centres_of_hdf5(path)


def _shapes(cell: Any) -> list[Any]:
    """The landmark arrays in one frame's nested structure."""
    found: list[Any] = []
    if isinstance(cell, np.ndarray) and cell.dtype.names:
        for name in cell.dtype.names:
            found += [shape for one in cell[name].ravel() for shape in _shapes(one)]
    elif isinstance(cell, np.ndarray) and cell.dtype == object:
        found += [shape for one in cell.ravel() for shape in _shapes(one)]
    elif isinstance(cell, np.void):
        found += [shape for name in cell.dtype.names or () for shape in _shapes(cell[name])]
    elif isinstance(cell, np.ndarray) and cell.ndim == 2 and cell.size >= 4:
        found.append(cell)
    return found


def _points(shape: NDArray[np.float64]) -> NDArray[np.float64]:
    return shape if shape.shape[1] == 2 else shape.T


def _centres_of_hdf5(path: Path) -> list[list[NDArray[np.float64]]]:
    try:
        import h5py
    except ImportError:
        raise SystemExit(f"{path} is a MATLAB 7.3 file: pip install h5py") from None
    centres = []
    with h5py.File(path) as file:
        for reference in file["final"][:].ravel():
            shape = file[reference]["shapes"]["shape"] if isinstance(file[reference], h5py.Group) else None
            if shape is None:
                centres.append([])
                continue
            parts = [file[r][:] for r in shape[:].ravel()] if shape.dtype == object else [shape[:]]
            centres.append([_points(part).mean(0) for part in parts if part.ndim == 2 and part.size >= 4])
    return centres


def label_of(face: Face, centres: Sequence[NDArray[np.float64]], speaks: list[NDArray[np.uint8]], frame: int) -> int:
    """1 or 0 from the annotated face that lies on this one, -1 where there is none."""
    known = [(float(np.hypot(*(c - face.centre))), k) for k, c in enumerate(centres) if k < len(speaks)]
    distance, k = min(known, default=(np.inf, -1))
    if distance > 0.7 * face.size[1] or frame >= len(speaks[k]):
        return -1
    return int(speaks[k][frame])


def labelled(dataset: FindWho, name: str, path: Path, cache: Path) -> Labelled:
    """Features and labels of one video; its faces are cached."""
    config = load_config("infer", "default", ['extractors=[{"name": "gaze_direction"}]', "integrator=null"])
    found = collect(build_graph(config), path, cache)
    voice = voice_track(read_audio(path), asset_path("silero_vad"))
    centres = annotated_centres(dataset.root / "annotations" / f"final{int(name)}.mat")
    speaks = dataset.mouth_motion(name)
    window, last = SPEC.window, len(found.faces) - 1
    features, labels = [], []
    for frame in range(0, min(len(found.faces), len(centres)), STRIDE):
        row = np.clip(np.arange(frame - window.before, frame + window.after + 1), 0, last)
        times = found.times[row]
        faces = [found.faces[k] for k in row]
        tracks, values = face_features(faces, times, window.before, voice.activity(times), voice.level(times))
        by_track = {face.track: face for face in found.faces[frame]}
        for track, value in zip(tracks, values, strict=True):
            label = label_of(by_track[track], centres[frame], speaks, frame)
            if label >= 0:
                features.append(value)
                labels.append(label)
    return Labelled(np.array(features, np.float32), np.array(labels, np.float32))


def fit(parts: Sequence[Labelled], epochs: int = 120, seed: int = 0) -> SpeakerNet:
    """Cross entropy, AdamW with strong decay, noise on the features: few people, hence little trust in detail."""
    torch.manual_seed(seed)
    features = torch.from_numpy(np.concatenate([part.features for part in parts]))
    labels = torch.from_numpy(np.concatenate([part.labels for part in parts]))
    net = SpeakerNet()
    net.mean.copy_(features.mean(0))
    net.std.copy_(features.std(0) + 1e-2)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
    for _ in range(epochs):
        for batch in torch.randperm(len(features)).split(256):
            noisy = features[batch] + 0.1 * torch.randn_like(features[batch]) * net.std
            loss = torch.nn.functional.binary_cross_entropy_with_logits(net(noisy), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return net.eval()


@torch.inference_mode()
def area_under_curve(net: SpeakerNet, part: Labelled) -> float:
    """Probability that a speaking face scores above a silent one."""
    scores = net(torch.from_numpy(part.features)).numpy()
    yes, no = scores[part.labels == 1], scores[part.labels == 0]
    return float((yes[:, None] > no[None]).mean() + 0.5 * (yes[:, None] == no[None]).mean())


def judge(parts: Mapping[str, Labelled], keep: Path | None) -> list[float]:
    """Areas under the curve on each video by a network of the others, printed.

    With ``keep`` the weights are kept there, for the table of folds.
    """
    areas = []
    for name in parts:
        net = fit([part for other, part in parts.items() if other != name])
        if keep is not None:
            save(net, keep / fold_file(name))
        areas.append(area_under_curve(net, parts[name]))
        print(f"{name}: AUC {areas[-1]:.3f} on {len(parts[name].labels)} labelled faces", flush=True)
    return areas


def fold_file(name: str) -> str:
    """File of the weights that have not seen the video ``name``."""
    return f"speaker-{name}.safetensors"


def save(net: SpeakerNet, path: Path) -> None:
    """Writes the weights as safetensors, whole or not at all."""
    from safetensors.torch import save

    write_bytes(path, save({key: value.contiguous() for key, value in net.state_dict().items()}))


def prepare(data: Path, cache: Path) -> dict[str, Labelled]:
    """All labelled videos by name."""
    dataset = FindWho(data / "findwho")
    return {item.name: labelled(dataset, item.name, item.path, cache) for item in dataset.items()}


def main() -> None:
    """Reads the options and does what they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with findwho/")
    parser.add_argument("--cache", type=Path, default=Path("runs/.cache"), help="where faces are cached")
    parser.add_argument("--output", type=Path, help="where the weights go")
    parser.add_argument("--judge", action="store_true", help="leave one video out and print the areas under the curve")
    options = parser.parse_args()
    torch.set_num_threads(1)
    parts = prepare(options.data, options.cache)
    if options.judge:
        print(f"mean: AUC {np.mean(judge(parts, None)):.3f}")
    if options.output:
        save(fit(list(parts.values())), options.output)
        print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
