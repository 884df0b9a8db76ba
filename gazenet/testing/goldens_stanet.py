"""Goldens of STANet's functions: class maps, boxes, pseudo-fixations, Matlab equivalents, sound, losses."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gazenet.testing.goldens import Golden, difference

BRANCHES = ("S", "SA", "ST")


def module(name: str) -> Any:
    """A module of the plugin, which the platform knows by name only."""
    return import_module(f"gazenet_plugins.stanet.{name}")


def overlay(golden: Golden) -> float:
    """A class map as grey picture, as colours, and over a picture."""
    config = golden.options("size", "heat", "image")
    maps, inputs = module("maps"), _arrays(golden)
    cam = maps.cam_image(inputs["cam"], config["size"])
    over = maps.overlay(cam, inputs["image"].astype(np.uint8), config["heat"], config["image"])
    found = {"att": cam, "heat": maps.heat_colours(cam), "overlay": over, "overlay_u8": maps.saturated(over)}
    return difference(golden, found)


def scam(golden: Golden) -> float:
    """From class maps to pseudo-fixations, over the frames of one video."""
    golden.options("grid", "branches", "alpha0", "alpha_step", "min_extent", "coarse_eps", "fine_eps", "start_second")
    return difference(golden, _scam(golden.meta["config"], _arrays(golden)))


def _scam(config: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    steps, grid, first, branches = module("scam"), config["grid"], config["start_second"], len(config["branches"])
    coarse = _cam_images(inputs["base"], inputs["noise"], branches, grid)
    fine = _cam_images(inputs["fine_base"], inputs["fine_noise"], branches, grid)
    fused = module("maps").fused
    maps = [fused(frame, p, config["coarse_eps"]) for frame, p in zip(coarse, inputs["prob"], strict=True)]
    rule = steps.BoxRule(config["alpha0"], config["alpha_step"], config["min_extent"])
    boxes = [steps.crop_box(one, rule) for one in maps]
    smooth = steps.smoothed_boxes({first + t: box for t, (box, _) in enumerate(boxes)})
    masks = [
        steps.pseudo_fixations(frame, p, smooth[first + t], grid, config["fine_eps"])
        for t, (frame, p) in enumerate(zip(fine, inputs["fine_prob"], strict=True))
    ]
    return {
        "cam_png": np.stack(coarse),
        "fused": np.stack(maps),
        "box": np.array([[*box, alpha] for box, alpha in boxes]),
        "box_smooth": np.array([smooth[first + t] for t in range(len(boxes))]),
        "mask": np.stack(masks),
    }


def _cam_images(base: Any, noise: Any, branches: int, grid: int) -> list[Any]:
    """Per frame the pictures ``[branches, grid, grid]``; branch b of frame t shows ``base[t] + noise[b, t]``."""
    if len(noise) != branches:
        raise ValueError(f"{branches} branches are named, {len(noise)} drawn")
    cam_image = module("maps").cam_image
    return [np.stack([cam_image(one + noise[b, t], grid) for b in range(branches)]) for t, one in enumerate(base)]


def matlab(golden: Golden) -> float:
    """The authors' Matlab scripts."""
    config = golden.options("power", "recover_box", "recover_grid", "equivalent")
    if config.get("equivalent") is not True:
        raise ValueError("only the NumPy equivalents can be compared")
    scripts, inputs = module("matlab"), _arrays(golden)
    maps, fine = inputs["maps"].astype(np.float64) ** config["power"], inputs["fine"].astype(np.float64)
    together = [module("maps").fused(maps[:, t], p) for t, p in enumerate(inputs["prob"])]
    smooth = scripts.smoothed(together)
    middle, (height, width) = scripts.REACH, fine.shape
    around = maps[0, : 2 * middle + 1], maps[2, : 2 * middle + 1]
    found = {
        "fused": np.stack(together),
        "box": np.array([scripts.crop_box(one) for one in together]),
        "smooth": np.stack(list(smooth.values())),
        "smooth_index": np.array(list(smooth)),
        "temporal_with_audio": scripts.accumulated(*around, maps[1, middle]),
        "temporal_without_audio": scripts.accumulated(*around),
        "recovered": scripts.recovered(fine, config["recover_box"], config["recover_grid"]),
        "up": scripts.imresize(fine, 2 * height + 5, 3 * width),
        "down": scripts.imresize(fine, height // 2, width // 3),
        "final_max": scripts.brightest(maps[:, 0]),
    }
    return difference(golden, found)


def spectrogram(golden: Golden) -> float:
    """One second of sound, in the framings of STANet and of VGGSound."""
    rate = golden.options("rate")["rate"]
    sound, samples = module("sound"), _arrays(golden)["samples"]
    found = {
        "stanet": sound.spectrogram(samples, sound.STANET, rate),
        "vggsound_half": sound.spectrogram(samples[: rate // 2], sound.VGGSOUND, rate),
        "vggsound_1s": sound.spectrogram(samples, sound.VGGSOUND, rate),
    }
    return difference(golden, found)


def losses(golden: Golden) -> float:
    """Losses of the classifiers, and of three frames' predictions at several scales."""
    golden.options()
    loss, inputs = module("losses"), golden.inputs()
    pool, fused, classes = inputs["pool"], inputs["fused"], inputs["target"].floor().long()
    targets = inputs["gt"]
    scales = len(inputs["pred"]) // len(targets)
    frames = inputs["pred"].reshape(len(targets), scales, *inputs["pred"].shape[1:])
    pairs = [(one, target) for some, target in zip(frames, targets, strict=True) for one in some]
    found: dict[str, Tensor] = {
        "kld_each": torch.stack([loss.divergence(one.sigmoid(), target) for one, target in pairs]),
        "bce_each": torch.stack([F.binary_cross_entropy_with_logits(one, target) for one, target in pairs]),
        "sta_total": loss.saliency_loss(list(frames), list(targets))[None],
    }
    for suffix, kind in (("ce", loss.cross_entropy), ("mlsm", loss.soft_margin)):
        found[f"s_{suffix}"] = loss.classifier_loss(pool[0], fused[0], classes, kind)[None]
        found[f"st_{suffix}"] = loss.sequence_loss(list(pool), list(fused), classes, kind)[None]
    return difference(golden, found)


def _arrays(golden: Golden) -> dict[str, Any]:
    return {name: value.numpy() for name, value in golden.inputs().items()}
