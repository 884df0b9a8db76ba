"""One training: clips in, a finished integrator out; resumable to the same result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning import Callback
from lightning.pytorch.callbacks import ModelCheckpoint

from gazenet.config.training import TrainConfig
from gazenet.data.data_module import data_module
from gazenet.errors import UsageError
from gazenet.fusion.gasp_config import GaspConfig
from gazenet.fusion.gasp_integrator import GaspIntegrator
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.recipes.gasp.gasp_samples import Clip, judge_of, make_samples
from gazenet.recipes.gasp.gasp_task import IntegratorTask, network_config
from gazenet.recipes.gasp.resume_check import check_fits
from gazenet.recipes.gasp.sample_pictures import StoreImages
from gazenet.training.callbacks import StepSeed
from gazenet.training.trainer import FitContext, optimise

MONITORED = ("val_loss", "avg_val_loss", "val_nss", "val_cc", "val_bce_loss", "val_kld_loss", "val_nll_loss")


@dataclass(frozen=True)
class FittedIntegrator:
    """A finished network with its declaration, and the values logged last."""

    integrator: GaspIntegrator
    metrics: dict[str, float]


def declaration(config: TrainConfig, network: GaspConfig) -> GaspSpec:
    """The spec of the integrator that a training makes. Raises UsageError where network and rendering disagree."""
    channels = 3 if config.rendering == "published" else 1
    if network.in_channels != channels:
        raise UsageError(
            f"network.in_channels is {network.in_channels}, but rendering {config.rendering} gives {channels}"
        )
    return GaspSpec(
        name=config.name,
        summary=config.summary,
        cues=config.cues,
        rendering=config.rendering,
        colours=config.colours,
        input_size=config.input_size,
        output=_output(config, network),
        smoothing=config.smoothing,
        sharpness=config.sharpness,
    )


def _output(config: TrainConfig, network: GaspConfig) -> Literal["density", "sigmoid", "stretched"]:
    """What is made of the network's output in inference; on published pictures, what the released inference does."""
    if network.head == "density":
        return "density"
    return "stretched" if config.rendering == "published" else "sigmoid"


def checked_network(config: TrainConfig) -> GaspConfig:
    """The network of the config. Raises UsageError naming the fault."""
    try:
        return network_config(config.network, len(config.cues))
    except (TypeError, ValueError) as error:
        raise UsageError(f"network: {error}") from None


def fit(
    config: TrainConfig,
    clips: Sequence[Clip],
    validation: Sequence[Clip],
    folder: Path,
    resume: bool = False,
    quiet: bool = False,
) -> FittedIntegrator:
    """Train on ``clips``, leaving checkpoints and logs in ``folder``. Raises UsageError."""
    network = checked_network(config)
    spec, settings = declaration(config, network), config.trainer
    bench = FitContext(config, settings, folder, quiet)
    start = bench.last(resume)
    if start is not None:
        check_fits(start, network)
    bench.seed()
    training, held = make_samples(config, network, spec, clips, validation)
    data = data_module(training, held, settings.batch_size, settings.workers, settings.drop_last)
    size = min(settings.batch_size, len(training))
    per_epoch = len(training) // size if settings.drop_last else math.ceil(len(training) / size)
    try:
        task = IntegratorTask(network, settings, per_epoch * settings.max_epochs, None, spec, judge_of(validation))
    except ValueError as error:
        raise UsageError(str(error)) from None
    # An attention module without a loss gets no gradient.
    unused = not settings.loss.dam and network.front == "dam"
    last = bench.keep_last()
    callbacks = [*_callbacks(bench, bool(validation)), last]
    trainer = bench.trainer(callbacks, start, bool(validation), per_epoch, unused)
    optimise(trainer, task, data, start)
    metrics = last.values | {name: float(value) for name, value in trainer.callback_metrics.items()}
    bench.take_best(trainer, task)
    return FittedIntegrator(GaspIntegrator(task.network.cpu().eval(), spec, torch.device("cpu"), {}), metrics)


def _callbacks(bench: FitContext, validated: bool) -> list[Callback]:
    settings = bench.settings
    found: list[Callback] = [StepSeed(settings.seed)]
    if validated:
        found += _keep_best(bench)
    if validated and settings.val_store_image_samples and not bench.quiet:
        found.append(StoreImages(bench.folder / "samples", settings.seed))
    return found


def _keep_best(bench: FitContext) -> list[ModelCheckpoint]:
    monitor = bench.settings.checkpoint_monitor
    if monitor not in MONITORED:
        raise UsageError(f"trainer.checkpoint_monitor: no value {monitor}; there are {', '.join(MONITORED)}")
    mode: Literal["min", "max"] = "max" if monitor in ("val_nss", "val_cc") else "min"
    return bench.keep_best("model-{epoch:02d}-{" + monitor + ":.2f}", mode)
