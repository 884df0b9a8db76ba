"""Training of STSANet by ``gasp_train``: data only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from gazenet.training.recipe_config import ConfigModel, FitConfig, PathText, RecipeConfig, SourceConfig
from gazenet.training.recipe_spec import RecipeSpec

Layout = Literal["dhf1k", "ucf", "hollywood2", "diem"]


class PublishedSet(ConfigModel):
    """A data set in the folders that its authors publish, frames and maps as pictures."""

    layout: Layout = Field(description="Whose folders and file names.")
    root: PathText
    part: Literal["train", "validation"] = Field(description="Which of its videos.")
    items: tuple[str, ...] | None = Field(default=None, min_length=1, description="Names of videos; null: all.")


class StsanetData(ConfigModel):
    """Clips of 32 frames and the fixations of the sixteenth."""

    root: PathText = Field(default="data", description="Folder that holds one folder per installed data set.")
    train: tuple[SourceConfig, ...] = Field(default=(), description="Installed data sets to learn from.")
    validation: tuple[SourceConfig, ...] = Field(default=(), description="Installed data sets to validate on.")
    published: tuple[PublishedSet, ...] = Field(
        default=(), description="Data sets in published folders; their part says for which."
    )
    clips_per_video: int = Field(default=1, ge=1, description="Random clips of every video in an epoch.")
    validation_stride: int = Field(
        default=32, ge=1, description="Frames from one validation clip to the next; published sets have their own."
    )
    min_observers: int = Field(default=1, ge=1, description="Frames fixated by fewer people are no targets.")

    @model_validator(mode="after")
    def _something(self) -> StsanetData:
        if not self.train and not any(folder.part == "train" for folder in self.published):
            raise ValueError("train and published name nothing to learn from")
        return self


class StsanetFit(FitConfig):
    """Adam, whose rate falls to a tenth now and then, as published."""

    max_epochs: int = Field(default=80, ge=1)
    batch_size: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    first_decay: int = Field(default=12, ge=1, description="The first epoch (from 0) that begins with a tenth.")
    decay_period: int = Field(default=9, ge=1, description="Later ones: the multiples of this.")
    reload_best: bool = Field(
        default=True, description="Whether such an epoch also begins with the best weights so far."
    )
    forget_moments: bool = Field(
        default=False, description="true: Adam begins anew at every epoch, as the published training did."
    )


class StsanetConfig(RecipeConfig):
    """The config of ``"recipe": "stsanet"``."""

    writes: ClassVar[tuple[str, ...]] = ("stsanet.pth",)

    recipe: Literal["stsanet"] = "stsanet"
    input_size: tuple[int, int] = Field(
        default=(224, 384), description="[height, width] of the frames, multiples of 32; the weights fit no other."
    )
    backbone: str = Field(default="", description="S3D_backbone.pth, an encoder to begin with; empty: none.")
    cache_dir: PathText = Field(default="runs/.cache", description="Decoded frames of installed data sets are kept.")
    data: StsanetData
    trainer: StsanetFit = StsanetFit()

    @field_validator("input_size")
    @classmethod
    def _multiples(cls, value: tuple[int, int]) -> tuple[int, int]:
        if min(value) < 32 or value[0] % 32 or value[1] % 32:
            raise ValueError("input_size must be [height, width], both multiples of 32")
        return value

    @property
    def validated(self) -> bool:
        """Return whether some source serves for validation."""
        return bool(self.data.validation) or any(folder.part == "validation" for folder in self.data.published)


SPEC = RecipeSpec(
    name="stsanet",
    summary="STSANet: where people look in a video, from 32 frames that attend to each other",
    config=StsanetConfig,
    implementation="gazenet_plugins.stsanet.training:StsanetTraining",
    paper="Wang et al., Spatio-Temporal Self-Attention Network for Video Saliency Prediction, IEEE TMM 2023",
)
