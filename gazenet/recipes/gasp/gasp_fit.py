"""The fit of one integrator: clips in, a finished network with its declaration out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from gazenet.config.training import TrainConfig
from gazenet.errors import UsageError
from gazenet.fusion.gasp_config import GaspConfig
from gazenet.fusion.gasp_integrator import GaspIntegrator
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.recipes.gasp.gasp_samples import Clip, judge_of, make_samples
from gazenet.recipes.gasp.gasp_task import IntegratorTask, network_config
from gazenet.training.fit import FitRequest, fit, steps_per_epoch
from gazenet.training.seeded_samples import DrawnSamples

MONITORED = ("val_loss", "avg_val_loss", "val_nss", "val_cc", "val_bce_loss", "val_kld_loss", "val_nll_loss")


@dataclass(frozen=True)
class FittedIntegrator:
    """A finished network with its declaration, and the latest logged values."""

    integrator: GaspIntegrator
    values: dict[str, float]


@dataclass(frozen=True)
class IntegratorPlan:
    """The network that a config asks for, and its declaration."""

    config: TrainConfig
    network: GaspConfig
    spec: GaspSpec

    @classmethod
    def of(cls, config: TrainConfig) -> IntegratorPlan:
        """Derive the plan. Raises UsageError where network, losses, rendering and monitor do not go together."""
        try:
            network = network_config(config.network, len(config.cues))
        except (TypeError, ValueError) as error:
            raise UsageError(f"network: {error}") from None
        channels = 3 if config.rendering == "published" else 1
        if network.in_channels != channels:
            raise UsageError(
                f"network.in_channels is {network.in_channels}, but rendering {config.rendering} gives {channels}"
            )
        if config.trainer.loss.mode == "published" and network.head != "logits":
            raise UsageError("published losses are defined on logits: set trainer.loss.mode to corrected")
        if config.data.validation and config.trainer.checkpoint_monitor not in MONITORED:
            monitor = config.trainer.checkpoint_monitor
            raise UsageError(f"trainer.checkpoint_monitor: no value {monitor}; there are {', '.join(MONITORED)}")
        return cls(config, network, _declaration(config, network))


def _declaration(config: TrainConfig, network: GaspConfig) -> GaspSpec:
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
    """Return how inference renders the network's output; on published pictures as the released inference does."""
    if network.head == "density":
        return "density"
    return "stretched" if config.rendering == "published" else "sigmoid"


def fit_integrator(
    request: FitRequest, plan: IntegratorPlan, clips: Sequence[Clip], validation: Sequence[Clip] = ()
) -> FittedIntegrator:
    """Train the network of a plan on clips. Raises UsageError and GazenetError."""
    settings = plan.config.trainer
    training, held = make_samples(plan.config, plan.network, plan.spec, clips, validation)
    steps = steps_per_epoch(len(training), settings) * settings.max_epochs

    def make() -> IntegratorTask:
        """Build the task after the seed is set."""
        return IntegratorTask(plan.network, settings, steps, declared=plan.spec, judge=judge_of(validation))

    fitted = fit(request, make, DrawnSamples(training), None if held is None else DrawnSamples(held))
    assert isinstance(fitted.task, IntegratorTask)
    return FittedIntegrator(
        GaspIntegrator(fitted.task.network.cpu().eval(), plan.spec, torch.device("cpu"), {}), fitted.values
    )
