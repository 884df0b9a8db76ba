"""Trains and judges the readout of the image saliency cue on still pictures with real fixations.

    python benchmarks/training/saliency_readout.py --data $GAZENET_TEST_DATA \\
        --output plugins/saliency/readout.safetensors
    python benchmarks/training/saliency_readout.py --data $GAZENET_TEST_DATA --folds 5

Features of the frozen backbone are computed once per picture; the readout then trains in minutes on one core.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from gazenet.assets.asset_store import asset_path
from gazenet.files import write_bytes
from gazenet.media.picture_file import read_image
from gazenet_plugins.saliency.backbone import Backbone
from gazenet_plugins.saliency.network import SaliencyReadout
from gazenet_plugins.saliency.spec import SPEC

FOLDERS = {"osie": "images", "crowd": "stimuli"}
FIRST_PIXEL = {"osie": 1, "crowd": 0}
SIGMA = 24 / 800
"""Standard deviation of the fixation density in widths of the picture."""


@dataclass(frozen=True)
class Picture:
    """Features, density on the feature grid, fixated pixels ``[n, 2]`` (x, y) and the size (height, width)."""

    levels: tuple[torch.Tensor, ...]
    target: torch.Tensor
    fixations: NDArray[np.int64]
    size: tuple[int, int]


def input_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) a picture is brought to before the backbone, by the extractor's own spec."""
    assert SPEC.input is not None
    scale = min(SPEC.input.height / height, SPEC.input.width / width)
    step = SPEC.input.multiple_of
    return tuple(-(-round(side * scale) // step) * step for side in (height, width))  # type: ignore[return-value]


def density(fixations: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.float32]:
    """The fixation map blurred by a Gaussian, sums to 1."""
    image = np.zeros(size, np.float32)
    image[fixations[:, 1], fixations[:, 0]] = 1
    image = gaussian_filter(image, SIGMA * size[1], mode="constant")
    return image / image.sum()


def read(dataset: str, root: Path, backbone: Backbone) -> list[Picture]:
    """All pictures of a dataset with their fixations."""
    table = pd.read_csv(root / "fixations.csv", dtype={"image": str})
    pictures = []
    for name, rows in table.groupby("image"):
        image = read_image(root / FOLDERS[dataset] / str(name))
        height, width = image.shape[:2]
        points = np.round(rows[["x", "y"]].to_numpy()).astype(np.int64) - FIRST_PIXEL[dataset]
        points = np.unique(np.clip(points, 0, [width - 1, height - 1]), axis=0)
        small = input_size(height, width)
        levels = backbone(cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA))
        grid = cv2.resize(density(points, (height, width)), levels[0].shape[:0:-1], interpolation=cv2.INTER_AREA)
        target = torch.from_numpy(grid / grid.sum())
        pictures.append(Picture(tuple(level.half() for level in levels), target, points, (height, width)))
    return pictures


def fit(
    pictures: list[Picture], epochs: int = 8, batch: int = 8, rate: float = 3e-3, seed: int = 0
) -> SaliencyReadout:
    """KL divergence from the fixation density, AdamW, one cycle, horizontal flips."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = SaliencyReadout()
    shapes = sorted({tuple(picture.target.shape) for picture in pictures})
    groups = {shape: [p for p in pictures if tuple(p.target.shape) == shape] for shape in shapes}
    steps = epochs * sum(-(-len(group) // batch) for group in groups.values())
    optimiser = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    for epoch in range(epochs):
        batches = [
            [group[i] for i in order[start : start + batch]]
            for group in groups.values()
            for order in [rng.permutation(len(group))]
            for start in range(0, len(group), batch)
        ]
        losses = []
        for index in rng.permutation(len(batches)):
            loss = divergence(net, batches[index], bool(rng.random() < 0.5))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
        print(f"epoch {epoch + 1}/{epochs}: KL {np.mean(losses):.4f}", flush=True)
    return net.eval()


def divergence(net: SaliencyReadout, pictures: list[Picture], flip: bool) -> torch.Tensor:
    """Mean KL divergence of the predicted densities from the targets."""
    levels = [torch.stack([p.levels[k] for p in pictures]).float() for k in range(3)]
    target = torch.stack([p.target for p in pictures])
    if flip:
        levels, target = [level.flip(-1) for level in levels], target.flip(-1)
    return (target * (torch.log(target + 1e-9) - net(levels))).sum((1, 2)).mean()


@torch.inference_mode()
def score(net: SaliencyReadout, pictures: list[Picture]) -> tuple[float, float]:
    """Mean NSS and CC at the pictures' own size."""
    rows = []
    for picture in pictures:
        predicted = net([level[None].float() for level in picture.levels]).exp()[0].numpy()
        predicted = cv2.resize(predicted, picture.size[::-1], interpolation=cv2.INTER_LINEAR)
        standard = (predicted - predicted.mean()) / predicted.std()
        nss = standard[picture.fixations[:, 1], picture.fixations[:, 0]].mean()
        truth = density(picture.fixations, picture.size)
        rows.append((nss, np.corrcoef(predicted.ravel(), truth.ravel())[0, 1]))
    nss, cc = np.mean(rows, axis=0)
    return float(nss), float(cc)


def cross_validate(pictures: list[Picture], folds: int, extra: list[Picture], keep: Path | None) -> None:
    """Prints NSS and CC of each fold and their mean; ``extra`` pictures train in every fold.

    With ``keep`` the weights of the folds are kept there, for the table of folds.
    """
    parts = np.array_split(np.random.RandomState(7).permutation(len(pictures)), folds)
    scores = []
    for fold in range(folds):
        held = set(parts[fold].tolist())
        net = fit([p for k, p in enumerate(pictures) if k not in held] + extra)
        scores.append(score(net, [pictures[k] for k in sorted(held)]))
        if keep is not None:
            save(net, keep / fold_file(fold))
        print(f"fold {fold + 1}/{folds}: NSS {scores[-1][0]:.3f}  CC {scores[-1][1]:.3f}", flush=True)
    print(f"mean of {folds} folds: NSS {np.mean(scores, 0)[0]:.3f}  CC {np.mean(scores, 0)[1]:.3f}")


def fold_file(fold: int) -> str:
    """File of the weights that have not seen this part of the OSIE pictures."""
    return f"osie-{fold}.safetensors"


def save(net: SaliencyReadout, path: Path) -> None:
    """Writes float16 weights, whole or not at all."""
    from safetensors.torch import save

    write_bytes(path, save({key: value.half().contiguous() for key, value in net.state_dict().items()}))


def main() -> None:
    """Reads the options and does what they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with osie/ and crowd/")
    parser.add_argument("--output", type=Path, help="where the weights go (float16 safetensors)")
    parser.add_argument("--folds", type=int, default=0, help="cross-validate on osie instead of writing weights")
    options = parser.parse_args()
    torch.set_num_threads(1)
    backbone = Backbone(asset_path("open_nsfw"))
    osie = read("osie", options.data / "osie", backbone)
    crowd = read("crowd", options.data / "crowd", backbone)
    if options.folds:
        cross_validate(osie, options.folds, crowd, None)
    if options.output:
        save(fit(osie + crowd), options.output)
        print(f"wrote {options.output}")


if __name__ == "__main__":
    main()
