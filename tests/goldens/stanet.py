"""Goldens of STANet's functions: class maps, boxes, pseudo-fixations, Matlab equivalents, sound, losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gazenet.testing.goldens import Golden, difference
from gazenet_plugins.stanet import losses as stanet_losses
from gazenet_plugins.stanet import maps, sound
from gazenet_plugins.stanet import scam as scam_functions
from tests.goldens import matlab_scripts

BRANCHES = ("S", "SA", "ST")
VGGSOUND = 512, 353
"""Samples per column of a spectrogram of VGGSound, and how many of them neighbouring columns share."""


def overlay(golden: Golden) -> float:
    """A class map as grey picture, as colours, and over a picture."""
    config = golden.options("size", "heat", "image")
    inputs = _arrays(golden)
    cam = maps.cam_image(inputs["cam"], config["size"])
    over = maps.overlay(cam, inputs["image"].astype(np.uint8), config["heat"], config["image"])
    outputs = {"att": cam, "heat": maps.heat_colours(cam), "overlay": over, "overlay_u8": maps.saturated(over)}
    return difference(golden, outputs)


def scam(golden: Golden) -> float:
    """From class maps to pseudo-fixations, over the frames of one video."""
    golden.options("grid", "branches", "alpha0", "alpha_step", "min_extent", "coarse_eps", "fine_eps", "start_second")
    return difference(golden, _scam(golden.meta["config"], _arrays(golden)))


def _scam(config: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    grid, first, branches = config["grid"], config["start_second"], len(config["branches"])
    coarse = _cam_images(inputs["base"], inputs["noise"], branches, grid)
    fine = _cam_images(inputs["fine_base"], inputs["fine_noise"], branches, grid)
    together = [maps.fused(frame, p, config["coarse_eps"]) for frame, p in zip(coarse, inputs["prob"], strict=True)]
    rule = scam_functions.BoxRule(config["alpha0"], config["alpha_step"], config["min_extent"])
    boxes = [scam_functions.crop_box(one, rule) for one in together]
    smooth = scam_functions.smoothed_boxes({first + t: box for t, (box, _) in enumerate(boxes)})
    masks = [
        scam_functions.pseudo_fixations(frame, p, smooth[first + t], grid, config["fine_eps"])
        for t, (frame, p) in enumerate(zip(fine, inputs["fine_prob"], strict=True))
    ]
    return {
        "cam_png": np.stack(coarse),
        "fused": np.stack(together),
        "box": np.array([[*box, alpha] for box, alpha in boxes]),
        "box_smooth": np.array([smooth[first + t] for t in range(len(boxes))]),
        "mask": np.stack(masks),
    }


def _cam_images(base: Any, noise: Any, branches: int, grid: int) -> list[Any]:
    """Per frame the pictures ``[branches, grid, grid]``; branch b of frame t shows ``base[t] + noise[b, t]``."""
    if len(noise) != branches:
        raise ValueError(f"{branches} branches are named, {len(noise)} drawn")
    return [np.stack([maps.cam_image(one + noise[b, t], grid) for b in range(branches)]) for t, one in enumerate(base)]


def matlab(golden: Golden) -> float:
    """The authors' Matlab scripts."""
    config = golden.options("power", "recover_box", "recover_grid", "equivalent")
    if config.get("equivalent") is not True:
        raise ValueError("only the NumPy equivalents can be compared")
    inputs = _arrays(golden)
    series, fine = inputs["maps"].astype(np.float64) ** config["power"], inputs["fine"].astype(np.float64)
    together = [maps.fused(series[:, t], p) for t, p in enumerate(inputs["prob"])]
    smooth = matlab_scripts.smoothed(together)
    middle, (height, width) = matlab_scripts.REACH, fine.shape
    around = series[0, : 2 * middle + 1], series[2, : 2 * middle + 1]
    outputs = {
        "fused": np.stack(together),
        "box": np.array([matlab_scripts.crop_box(one) for one in together]),
        "smooth": np.stack(list(smooth.values())),
        "smooth_index": np.array(list(smooth)),
        "temporal_with_audio": matlab_scripts.accumulated(*around, series[1, middle]),
        "temporal_without_audio": matlab_scripts.accumulated(*around),
        "recovered": matlab_scripts.recovered(fine, config["recover_box"], config["recover_grid"]),
        "up": matlab_scripts.imresize(fine, 2 * height + 5, 3 * width),
        "down": matlab_scripts.imresize(fine, height // 2, width // 3),
        "final_max": matlab_scripts.brightest(series[:, 0]),
    }
    return difference(golden, outputs)


def spectrogram(golden: Golden) -> float:
    """One second of sound, in the framings of STANet and of VGGSound."""
    rate = golden.options("rate")["rate"]
    samples = _arrays(golden)["samples"]
    outputs = {
        "stanet": sound.spectrogram(samples, rate),
        "vggsound_half": sound.spectrogram(samples[: rate // 2], rate, *VGGSOUND),
        "vggsound_1s": sound.spectrogram(samples, rate, *VGGSOUND),
    }
    return difference(golden, outputs)


def losses(golden: Golden) -> float:
    """Losses of the classifiers, and of three frames' predictions at several scales."""
    golden.options()
    inputs = golden.inputs()
    pool, fused, classes = inputs["pool"], inputs["fused"], inputs["target"].floor().long()
    targets = inputs["gt"]
    scales = len(inputs["pred"]) // len(targets)
    frames = inputs["pred"].reshape(len(targets), scales, *inputs["pred"].shape[1:])
    pairs = [(one, target) for some, target in zip(frames, targets, strict=True) for one in some]
    outputs: dict[str, Tensor] = {
        "kld_each": torch.stack([stanet_losses.divergence(one.sigmoid(), target) for one, target in pairs]),
        "bce_each": torch.stack([F.binary_cross_entropy_with_logits(one, target) for one, target in pairs]),
        "sta_total": stanet_losses.saliency_loss(list(frames), list(targets))[None],
    }
    for suffix, kind in (("ce", stanet_losses.cross_entropy), ("mlsm", stanet_losses.soft_margin)):
        outputs[f"s_{suffix}"] = stanet_losses.classifier_loss(pool[0], fused[0], classes, kind)[None]
        outputs[f"st_{suffix}"] = stanet_losses.sequence_loss(list(pool), list(fused), classes, kind)[None]
    return difference(golden, outputs)


def _arrays(golden: Golden) -> dict[str, Any]:
    return {name: value.numpy() for name, value in golden.inputs().items()}
