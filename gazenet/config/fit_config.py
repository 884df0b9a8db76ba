"""The keys that the training configs of all recipes share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from gazenet.config.model import ConfigModel, DeviceText, PathText


class FitConfig(ConfigModel):
    """Settings of the fit of one network: length, portions, checkpoints. Inherited to add an optimiser."""

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
        default="val_loss",
        min_length=1,
        description="Value that says which epoch is best: the least, of NSS, CC, SIM and AUC the greatest.",
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


class RecipeConfig(ConfigModel):
    """Base of the training config of a recipe, which adds its keys and narrows ``recipe`` to its own name."""

    one_device: ClassVar[bool] = False
    """Whether the recipe trains on one device only: set where it fits several networks in turn."""
    writes: ClassVar[tuple[str, ...]] = ()
    """Files that the recipe writes into ``output`` beside those of every training; no input may lie there."""
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
    logger: Literal["csv", "tensorboard", "comet", ""] = Field(default="csv", description="Empty: none.")
    project: str = Field(default="gasp_runs", min_length=1, description="Project name for loggers.")
    output: PathText = Field(default="runs/train", description="Folder of checkpoints, logs and finished weights.")
    recipe: str = Field(description="Name of the recipe (gasp_train --list).")

    @model_validator(mode="after")
    def _devices_fit(self) -> RecipeConfig:
        if self.one_device and self.trainer.devices > 1:
            raise ValueError(f"trainer.devices: the recipe {self.recipe} trains on one device")
        return self

    @property
    def adds(self) -> bool:
        """Return whether the run works on what others left in its output, as single steps of a chain do."""
        return False

    def may_change(self) -> frozenset[str]:
        """Return the dotted keys that a resume may change under this very config."""
        return self.free


def differing(before: RecipeConfig, now: RecipeConfig) -> dict[str, tuple[Any, Any]]:
    """Return the values of two configs, by dotted key, where they differ and a resume may not change them."""
    old, new, free = _flat(before.model_dump(mode="json")), _flat(now.model_dump(mode="json")), now.may_change()
    values = {key: (old.get(key), new.get(key)) for key in [*old, *new] if key not in free}
    return {key: pair for key, pair in values.items() if pair[0] != pair[1]}


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, dict) and value else {name: value}
    return flat
