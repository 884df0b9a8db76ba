"""Samples for a network: from cached cue maps, or from map pictures in the published layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.config.training import TrainConfig
from gazenet.data.cue_clip import CueClip
from gazenet.data.data_module import SampleSource, training_draws, validation_draws
from gazenet.data.window_samples import SampleShape, WindowSamples
from gazenet.evaluation.score import score_frames
from gazenet.fusion.gasp_config import GaspConfig
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.network_input import network_input
from gazenet.recipes.gasp.gasp_task import Judge
from gazenet.recipes.gasp.picture_clips import PictureClip, PictureSamples

Clip = CueClip | PictureClip


def sample_shape(config: TrainConfig, network: GaspConfig) -> SampleShape:
    """Return the shape of samples; targets have the input's size for densities and without an encoder, else half."""
    h, w = config.input_size
    target = (h, w) if network.head == "density" or network.encoder is None else (h // 2, w // 2)
    window = network.sequence_len if network.sequential else None
    return SampleShape(target, window, network.exhaustive, config.data.window == "starts")


def judge_of(clips: Sequence[Clip]) -> Judge:
    """Return a judge that scores frames as finished integrators are scored: on the grid of the frames."""

    def judge(maps: Tensor, clip: Tensor, frame: Tensor) -> dict[str, Tensor]:
        """Return NSS and CC ``[B]`` of maps ``[B, h, w]`` of the frames ``[B]`` of clips ``[B]``."""
        rows = []
        for saliency, k, number in zip(
            maps.detach().double().cpu().numpy(), clip.tolist(), frame.tolist(), strict=True
        ):
            scores = score_frames({number: saliency}, clips[k].truth, np.array([number]), clips[k].sigma)
            rows.append([scores.values["nss"][0], scores.values["cc"][0]])
        nss, cc = torch.tensor(rows, dtype=torch.float64, device=maps.device).unbind(1)
        return {"nss": nss, "cc": cc}

    return judge


@dataclass(frozen=True)
class Renderer:
    """Rendering as the integrator does it in inference; can be sent to other processes."""

    spec: GaspSpec

    def __call__(self, maps: Sequence[NDArray[Any]]) -> torch.Tensor:
        """Return network input ``[n, M * C, H, W]`` of the maps of each cue, in the order of the spec."""
        spec = self.spec
        return network_input(dict(zip(spec.cues, maps, strict=True)), spec, torch.device("cpu"), spec.input_size)


def make_samples(
    config: TrainConfig, network: GaspConfig, spec: GaspSpec, clips: Sequence[Clip], validation: Sequence[Clip]
) -> tuple[SampleSource, SampleSource | None]:
    """Return training samples, and those of validation if there are any. Raises UsageError where no frame is left."""
    shape, data, settings = sample_shape(config, network), config.data, config.trainer
    draws = training_draws(clips, data, settings.seed, settings.samples_per_epoch)
    held = validation_draws(validation, data) if validation else None
    if config.data.frames_root is not None:
        pictures, held_pictures = cast(Sequence[PictureClip], clips), cast(Sequence[PictureClip], validation)
        return (
            PictureSamples(pictures, shape, draws, random=True),
            PictureSamples(held_pictures, shape, held, random=False) if held else None,
        )
    cue_clips, held_clips = cast(Sequence[CueClip], clips), cast(Sequence[CueClip], validation)
    render = Renderer(spec)
    return (
        WindowSamples(cue_clips, config.cues, shape, render, draws, data.augment),
        WindowSamples(held_clips, config.cues, shape, render, held) if held else None,
    )
