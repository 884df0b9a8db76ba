"""Goldens of the networks that see pictures only: UNISAL with its encoder, TASED-Net, ViNet; and of AViNet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from gazenet.backbones.mobilenet_v2 import MobileNetV2
from gazenet.backbones.vinet import ViNet
from gazenet.cues.frame_clips import Preprocessing, published_positions
from gazenet.cues.postprocess import FloatMap, blurred, relative, sigmoid, truncated, twice_squashed
from gazenet.cues.registry import import_object
from gazenet.media.soundnet_clip import audio_excerpt, buffer_length, excerpt_span
from gazenet.testing.goldens import Golden, difference, prepare
from gazenet_plugins.avinet.network import AViNet
from gazenet_plugins.tased.extractor import smoothed
from gazenet_plugins.tased.network import TasedNet
from gazenet_plugins.unisal.network import Unisal
from gazenet_plugins.unisal.postprocess import running_median
from tests.goldens.hooks import ModuleTaps

TIME_FIRST = ("unisal",)
"""Networks whose clips are ``[T, C, H, W]``; those of others are ``[C, T, H, W]``."""

PUBLISHED_INPUTS = {"stavis": "PUBLISHED_INPUT"}
"""Where a spec keeps the input of the released code, if that is not the one it declares."""


def mobilenet(golden: Golden) -> float:
    """The encoder of UNISAL by itself."""
    config = golden.options("last_channel")
    network: Any = prepare(MobileNetV2(config["last_channel"]), golden)
    return difference(golden, network(*golden.inputs().values())._asdict())


def unisal(golden: Golden) -> float:
    """UNISAL on a clip in one piece, or in two with the state handed over."""
    config = golden.options("source", "target_size", "static", "two_part")
    network: Any = prepare(Unisal(), golden)
    network.use(config["source"])
    clip, state, pieces = golden.inputs()["x"], None, []
    for part in clip.chunk(2, 1) if config["two_part"] else (clip,):
        pieces.append(network(part, tuple(config["target_size"]), config["static"], state))
        state = pieces[-1].state
    log_saliency, features, decoder = (
        torch.cat([getattr(piece, name) for piece in pieces], 1) for name in ("log_density", "features", "decoded")
    )
    gaussians = network.priors(*features.shape[-2:])
    outputs = {"log_saliency": log_saliency, "features": features, "decoder": decoder, "gaussians": gaussians}
    return difference(golden, {**outputs, "hidden": state})


def tased(golden: Golden) -> float:
    """TASED-Net and what its un-pooling layers give."""
    golden.options()
    return _tapped(golden, TasedNet())


def vinet(golden: Golden) -> float:
    """ViNet for clips of a length, with the levels of its encoder that it uses."""
    config = golden.options("num_clips", "num_hier")
    return _tapped(golden, ViNet(config["num_clips"], config["num_hier"]))


def _tapped(golden: Golden, network: Any) -> float:
    """The map, and inner values under the names that the network's module says."""
    places: Mapping[str, str] = network.places
    prepare(network, golden)
    taps = ModuleTaps(network, {name: places[name] for name in golden.meta["outputs"] if name != "saliency"})
    saliency = network(*golden.inputs().values())
    return difference(golden, {**taps.values, "saliency": saliency})


def clip(golden: Golden) -> float:
    """Frames (BGR bytes, drawn as floats) to the clip that the released code hands to a network."""
    config = golden.options("size", "last_frame_number", "valid_frame_number", "frames_len")
    declared = f"gazenet_plugins.{config['network']}.spec"
    wanted = import_object(f"{declared}:{PUBLISHED_INPUTS.get(config['network'], 'SPEC')}")
    wanted = getattr(wanted, "input", wanted)
    prepare_one = Preprocessing(tuple(config["size"]), wanted.mean, wanted.std)
    pictures = np.floor(golden.inputs()["frames"].numpy()).astype(np.uint8)[..., ::-1]
    positions = published_positions(config["last_frame_number"], config["frames_len"], config["valid_frame_number"])
    frames = [prepare_one(np.ascontiguousarray(pictures[position])) for position in positions]
    axis = 0 if config["network"] in TIME_FIRST else 1
    return difference(golden, {"clip": np.stack(frames, axis)})


def finished_unisal(golden: Golden) -> float:
    """Raw scores to the map of one frame, by way of the median over time."""
    config = golden.options("median_window", "frame")
    scores = golden.inputs()["saliency"][0, :, 0]
    log_density = torch.log_softmax(scores.flatten(1), 1).view_as(scores)
    median = running_median(log_density, config["frame"], config["median_window"])
    return difference(golden, {"map": relative(median.exp().numpy())})


def finished_tased(golden: Golden) -> float:
    """The smoothed map, as the platform keeps it or in the bytes of the authors' files."""
    config = golden.options("sigma")
    saliency = golden.inputs()["saliency"].numpy()
    if config["function"] == "post_tased":
        return difference(golden, {"map": smoothed(saliency, config["sigma"])})
    return _grey_levels(golden, 255 * truncated(smoothed(truncated(saliency), config["sigma"])))


def finished_avinet(golden: Golden) -> float:
    """Logits through the sigmoid of the network, then as the platform finishes the map."""
    golden.options()
    return _grey_levels(golden, 255 * twice_squashed(sigmoid(golden.inputs()["saliency"].numpy())))


def finished_vinet(golden: Golden) -> float:
    """A map as the authors of ViNet finish it."""
    config = golden.options("out_size")
    return difference(golden, {"map": blurred(golden.inputs()["saliency"].numpy(), tuple(config["out_size"]))})


def _grey_levels(golden: Golden, grey: FloatMap) -> float:
    """The error in whole bytes: one of 255 is rounding, hence no error."""
    want = golden.reference()["map"].reshape(golden.meta["outputs"]["map"]["shape"])
    steps = np.abs(np.rint(grey) - want)
    return float(steps.max() / 255) if steps.max() > 1 else 0.0


def excerpt(golden: Golden) -> float:
    """The sound of a clip in its buffer. Raises ValueError where the golden states other samples."""
    options = ("function", "rate", "fps", "n_frames", "first_frame", "last_frame", "sample_duration")
    config = golden.options(*options, "start_sample", "end_sample", "length")
    samples = golden.inputs()["waveform"][0].numpy()
    timing = config["rate"], config["fps"]
    clip_frames = config["first_frame"], config["last_frame"]
    start, end = excerpt_span(*clip_frames, *timing, len(samples))
    stated = {"start_sample": start, "end_sample": end, "length": end - start + 1}
    differing = {name: value for name, value in stated.items() if config.get(name, value) != value}
    if differing:
        raise ValueError(f"the golden states other samples than {differing}")
    sound = audio_excerpt(samples, *timing, *clip_frames, buffer_length(config["sample_duration"]))
    return difference(golden, {"excerpt": sound[None]})


def avinet(golden: Golden) -> float:
    """AViNet with the fusion that the golden names, however it joins the words."""
    config = golden.options("fusion", "num_clips", "num_hier")
    if (config.get("num_clips", 32), config.get("num_hier", 3)) != (32, 3):
        raise ValueError("AViNet takes 32 frames and three levels")
    fusion = "_".join(re.findall("[a-z]+", config["fusion"].lower()))
    size = golden.meta["inputs"]["x"]["shape"][-2:]
    return _tapped(golden, AViNet(fusion, tuple(size)))
