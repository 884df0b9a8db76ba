"""What the training config of every network holds, the integrator's and those of the recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from gazenet.config.model import ConfigModel, DeviceText, PathText

LOGGERS = ("csv", "tensorboard", "comet")


class FitConfig(ConfigModel):
    """How long one network is trained, in which portions, and what is kept. Inherited to add an optimiser."""

    max_epochs: int = Field(default=20, ge=1, description="Passes over the training samples.")
    batch_size: int = Field(default=8, ge=1, description="Samples per step, shared out between the devices.")
    drop_last: bool = Field(default=False, description="Whether an incomplete last batch of an epoch is left out.")
    learning_rate: float = Field(default=1e-3, gt=0)
    gradient_clip: float | None = Field(default=None, gt=0, description="Largest gradient norm; null: no clipping.")
    seed: int = Field(default=0, ge=0, lt=2**32)
    workers: int = Field(default=0, ge=0, description="Processes that make samples; 0: in the training process.")
    devices: int = Field(default=1, ge=1, description="How many processes or GPUs train together.")
    threads: int | None = Field(default=None, ge=1, description="Threads of the numeric libraries; null: as they are.")
    check_val_every_n_epoch: int = Field(default=1, ge=1)
    checkpoint_save_every_n_epoch: int = Field(default=1, ge=1)
    checkpoint_save_every_minutes: float = Field(
        default=10.0, gt=0, description="Within an epoch too, the state is kept so often: what a killed run loses."
    )
    checkpoint_save_n_top: int = Field(default=1, ge=0, description="How many of the best checkpoints are kept.")
    checkpoint_monitor: str = Field(
        default="val_loss", min_length=1, description="Value that says which epoch is best; the least is."
    )
    val_store_image_samples: bool = Field(
        default=False, description="Pictures of every validation in samples/, and in TensorBoard where that is on."
    )
    keep: Literal["last", "best"] = Field(default="last", description="Which weights the network has in the end.")

    @model_validator(mode="after")
    def _is_shared_out(self) -> FitConfig:
        if self.batch_size % self.devices:
            raise ValueError(
                f"batch_size {self.batch_size} cannot be shared out evenly between {self.devices} devices"
            )
        return self


class RunConfig(ConfigModel):
    """One run of ``gasp_train``: what is trained comes from those who inherit."""

    free: ClassVar[frozenset[str]] = frozenset(
        {
            "summary",
            "device",
            "logger",
            "project",
            "output",
            "trainer.workers",
            "trainer.threads",
            "trainer.check_val_every_n_epoch",
            "trainer.checkpoint_save_every_n_epoch",
            "trainer.checkpoint_save_every_minutes",
            "trainer.checkpoint_save_n_top",
            "trainer.checkpoint_monitor",
            "trainer.val_store_image_samples",
        }
    )
    """Dotted keys that a resumed run may change: the weights it ends in do not depend on them."""

    summary: str = Field(default="", description="One sentence, shown by --list.")
    trainer: FitConfig = FitConfig()
    device: DeviceText = "cpu"
    logger: str = Field(default="csv", description="csv, tensorboard, comet, or empty for none.")
    project: str = Field(default="gasp_runs", min_length=1, description="Project name for loggers.")
    output: PathText = Field(default="runs/train", description="Folder of checkpoints, logs and finished weights.")

    @field_validator("logger")
    @classmethod
    def _known_logger(cls, value: str) -> str:
        if value not in ("", *LOGGERS):
            raise ValueError("logger must be csv, tensorboard, comet or an empty text")
        return value

    def may_change(self) -> frozenset[str]:
        """The keys that a resume may change under this very config."""
        return self.free


def differing(before: RunConfig, now: RunConfig) -> list[str]:
    """The dotted keys that two configs of one kind tell apart, those that are free to change left out."""
    one, other, free = _flat(before.model_dump(mode="json")), _flat(now.model_dump(mode="json")), now.may_change()
    keys = [*one, *(key for key in other if key not in one)]
    return [key for key in keys if key not in free and one.get(key) != other.get(key)]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        found |= _flat(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return found
