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
from gazenet.data.data_module import (
    SampleSource,
    training_draws,
    training_samples,
    validation_draws,
    validation_samples,
)
from gazenet.data.window_samples import SampleShape
from gazenet.evaluation.score import score_frames
from gazenet.fusion.gasp_config import GaspConfig
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.network_input import network_input
from gazenet.recipes.gasp.gasp_task import Judge
from gazenet.recipes.gasp.picture_clips import PictureClip, PictureSamples

Clip = CueClip | PictureClip


def sample_shape(config: TrainConfig, network: GaspConfig) -> SampleShape:
    """Target size of a network: the input's for densities and without an encoder, half of it otherwise."""
    h, w = config.input_size
    target = (h, w) if network.head == "density" or network.encoder is None else (h // 2, w // 2)
    window = network.sequence_len if network.sequential else None
    return SampleShape(target, window, network.exhaustive, config.data.window == "starts")


def judge_of(clips: Sequence[Clip]) -> Judge:
    """Scores maps of validation frames as finished integrators are scored: on the grid of the frames."""

    def judge(maps: Tensor, clip: Tensor, frame: Tensor) -> dict[str, Tensor]:
        rows = []
        for one, k, number in zip(maps.detach().double().cpu().numpy(), clip.tolist(), frame.tolist(), strict=True):
            found = score_frames({number: one}, clips[k].truth, np.array([number]), clips[k].sigma)
            rows.append([found.values["nss"][0], found.values["cc"][0]])
        nss, cc = torch.tensor(rows, dtype=torch.float64, device=maps.device).unbind(1)
        return {"nss": nss, "cc": cc}

    return judge


@dataclass(frozen=True)
class Renderer:
    """Rendering as the integrator does it in inference; can be sent to other processes."""

    spec: GaspSpec

    def __call__(self, maps: Sequence[NDArray[Any]]) -> torch.Tensor:
        spec = self.spec
        return network_input(dict(zip(spec.cues, maps, strict=True)), spec, torch.device("cpu"), spec.input_size)


def make_samples(
    config: TrainConfig, network: GaspConfig, spec: GaspSpec, clips: Sequence[Clip], validation: Sequence[Clip]
) -> tuple[SampleSource, SampleSource | None]:
    """Training samples, and those of validation where there are any. Raises UsageError where no frame is left."""
    shape, data, settings = sample_shape(config, network), config.data, config.trainer
    if config.data.frames_root is not None:
        pictures, held = cast(Sequence[PictureClip], clips), cast(Sequence[PictureClip], validation)
        draws = training_draws(pictures, data, settings.seed, settings.samples_per_epoch)
        training = PictureSamples(pictures, shape, draws, random=True)
        return training, PictureSamples(held, shape, validation_draws(held, data), random=False) if held else None
    cue_clips, held_clips = cast(Sequence[CueClip], clips), cast(Sequence[CueClip], validation)
    render = Renderer(spec)
    return (
        training_samples(cue_clips, config.cues, shape, render, data, settings.seed, settings.samples_per_epoch),
        validation_samples(held_clips, config.cues, shape, render, data) if held_clips else None,
    )
