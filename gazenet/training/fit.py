"""One training: clips in, a finished integrator out; resumable to the same result."""

from __future__ import annotations

import logging
import math
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning import Callback, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from gazenet.config.train import TrainConfig
from gazenet.data.module import data_module
from gazenet.errors import UsageError
from gazenet.fusion.config import GaspConfig
from gazenet.fusion.integrator import Integrator
from gazenet.fusion.spec import IntegratorSpec
from gazenet.learning.callbacks import StepSeed
from gazenet.learning.checkpoints import AtomicCheckpointIO
from gazenet.learning.fit import optimise
from gazenet.learning.loggers import make_logger
from gazenet.training.callbacks import StoreImages
from gazenet.training.checkpoint_io import check_fits
from gazenet.training.sampling import Clip, make_samples
from gazenet.training.task import IntegratorTask, network_config

LAST, RESUMED = "last.ckpt", "resumed-"
MONITORED = ("val_loss", "avg_val_loss", "val_nss", "val_cc", "val_bce_loss", "val_kld_loss", "val_nll_loss")

NOISE = (
    "Checkpoint directory .* exists and is not empty",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    "It is recommended to use `self.log.*sync_dist=True",
)
"""Warnings of Lightning about what is meant so: every process validates everything and logs the same."""


@dataclass(frozen=True)
class Fitted:
    """A finished network with its declaration, and the values logged last."""

    integrator: Integrator
    metrics: dict[str, float]


def declaration(config: TrainConfig, network: GaspConfig) -> IntegratorSpec:
    """The spec of the integrator that a training makes. Raises UsageError where network and rendering disagree."""
    channels = 3 if config.rendering == "published" else 1
    if network.in_channels != channels:
        raise UsageError(
            f"network.in_channels is {network.in_channels}, but rendering {config.rendering} gives {channels}"
        )
    return IntegratorSpec(
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
) -> Fitted:
    """Train on ``clips``, leaving checkpoints and logs in ``folder``. Raises UsageError."""
    network = checked_network(config)
    spec, settings = declaration(config, network), config.trainer
    start = _start(folder, resume, network)
    # A sample is drawn from its number, so a resume may begin anywhere; this seeds the initial weights.
    seed_everything(settings.seed, workers=True, verbose=False)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    training, held = make_samples(config, network, spec, clips, validation)
    data = data_module(training, held, settings.batch_size, settings.workers, settings.drop_last)
    size = min(settings.batch_size, len(training))
    per_epoch = len(training) // size if settings.drop_last else math.ceil(len(training) / size)
    try:
        task = IntegratorTask(network, settings, per_epoch * settings.max_epochs, declared=spec)
    except ValueError as error:
        raise UsageError(str(error)) from None
    with warnings.catch_warnings():
        for text in NOISE:
            warnings.filterwarnings("ignore", message=text)
        trainer = _trainer(config, folder, bool(validation), start is not None, quiet, per_epoch)
        optimise(trainer, task, data, start)
    metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
    _take_best(config, trainer, task)
    return Fitted(Integrator(task.network.cpu().eval(), spec, torch.device("cpu"), {}), metrics)


def log_folders(folder: Path) -> list[Path]:
    """Where the values of a run were logged: first of its beginning, then of every resume."""
    resumed = [path for path in folder.glob(f"{RESUMED}*") if path.name.removeprefix(RESUMED).isdecimal()]
    return [folder, *sorted(resumed, key=lambda path: int(path.name.removeprefix(RESUMED)))]


def _start(folder: Path, resume: bool, network: GaspConfig) -> str | None:
    last = folder / LAST
    if not resume or not last.exists():
        last.unlink(missing_ok=True)
        for old in folder.glob(f"{RESUMED}*"):
            shutil.rmtree(old)
        return None
    check_fits(last, network)
    return str(last)


def _trainer(config: TrainConfig, folder: Path, validated: bool, resume: bool, quiet: bool, per_epoch: int) -> Trainer:
    settings = config.trainer
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # A CSV logger begins its file anew, so every resume has one of its own.
    where = folder / f"{RESUMED}{len(log_folders(folder))}" if resume else folder
    logger, message = make_logger("" if quiet else config.logger, where, config.project)
    if message:
        print(message)
    callbacks: list[Callback] = [StepSeed(settings.seed), _keep_last(config, folder)]
    if validated and settings.checkpoint_save_n_top:
        callbacks.append(_keep_best(config, folder))
    if validated and settings.val_store_image_samples and not quiet:
        callbacks.append(StoreImages(folder / "samples", settings.seed))
    index = config.device.partition(":")[2]
    return Trainer(
        default_root_dir=folder,
        max_epochs=settings.max_epochs,
        accelerator="gpu" if index else "cpu",
        devices=[int(index)] if index and settings.devices == 1 else settings.devices,
        strategy=_strategy(config),
        sync_batchnorm=bool(index) and settings.devices > 1,
        logger=logger,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        gradient_clip_val=settings.gradient_clip,
        check_val_every_n_epoch=settings.check_val_every_n_epoch,
        limit_val_batches=None if validated else 0,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=max(1, min(10, per_epoch // 10)),
        use_distributed_sampler=False,
    )


def _strategy(config: TrainConfig) -> str:
    """Several devices: one process each, gradients averaged. An attention module without a loss stays untouched."""
    if config.trainer.devices == 1:
        return "auto"
    idle = not config.trainer.loss.dam and checked_network(config).front == "dam"
    return "ddp_find_unused_parameters_true" if idle else "ddp"


def _keep_last(config: TrainConfig, folder: Path) -> ModelCheckpoint:
    return ModelCheckpoint(
        dirpath=folder,
        filename=LAST.removesuffix(".ckpt"),
        every_n_epochs=config.trainer.checkpoint_save_every_n_epoch,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )


def _keep_best(config: TrainConfig, folder: Path) -> ModelCheckpoint:
    monitor = config.trainer.checkpoint_monitor
    if monitor not in MONITORED:
        raise UsageError(f"trainer.checkpoint_monitor: no value {monitor}; there are {', '.join(MONITORED)}")
    return ModelCheckpoint(
        dirpath=folder,
        filename="model-{epoch:02d}-{" + monitor + ":.2f}",
        monitor=monitor,
        mode="max" if monitor in ("val_nss", "val_cc") else "min",
        save_top_k=config.trainer.checkpoint_save_n_top,
    )


def _take_best(config: TrainConfig, trainer: Trainer, task: IntegratorTask) -> None:
    if config.trainer.keep != "best":
        return
    kept = [one for one in trainer.checkpoint_callbacks if isinstance(one, ModelCheckpoint) and one.monitor]
    if not kept or not kept[0].best_model_path:
        raise UsageError("trainer.keep is best, but no checkpoint was kept: set trainer.checkpoint_save_n_top")
    content = torch.load(kept[0].best_model_path, map_location="cpu", weights_only=True)
    task.load_state_dict(content["state_dict"])
