"""Training of the DeepLab saliency by ``gasp_train``: data only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from gazenet.training.recipe_config import ConfigModel, FitConfig, PathText, RecipeConfig, SourceConfig
from gazenet.training.recipe_spec import RecipeSpec
from gazenet_plugins.deeplab_saliency.variant import PUBLISHED, Variant


class DeeplabData(ConfigModel):
    """Frames, or windows that end with them, and their fixations."""

    root: PathText = Field(default="data", description="Folder that holds one folder per installed data set.")
    train: tuple[SourceConfig, ...] = Field(min_length=1, description="Installed data sets to learn from.")
    validation: tuple[SourceConfig, ...] = Field(default=(), description="Installed data sets to validate on.")
    frames_per_video: int = Field(
        default=50, ge=1, description="Random frames of every video in an epoch; a picture is shown once."
    )
    draws: int | None = Field(
        default=None, ge=1, description="Frames in an epoch, each of a video or picture drawn; null: as above."
    )
    validation_stride: int = Field(
        default=25, ge=1, description="Frames from one of a video that is validated to the next."
    )
    min_observers: int = Field(default=1, ge=1, description="Frames fixated by fewer people are no targets.")
    flip: bool = Field(default=False, description="Mirror left and right, half of the time, with map and fixations.")
    photometric: float = Field(
        default=0.0, ge=0, lt=1, description="Largest relative change of brightness, contrast and saturation."
    )


class LossWeights(ConfigModel):
    """Weights of the terms of the loss."""

    kld: float = Field(default=1.0, ge=0, description="Divergence of the map from the density, as published.")
    cc: float = Field(default=0.0, ge=0, description="One minus their correlation.")
    nss: float = Field(default=0.0, ge=0, description="Minus the standardised map where somebody looked.")

    @model_validator(mode="after")
    def _something(self) -> LossWeights:
        if not (self.kld or self.cc or self.nss):
            raise ValueError("all weights of the loss are 0: give one of kld, cc, nss")
        return self


class DeeplabFit(FitConfig):
    """Adam at a constant rate, as published; a batch of one frame fails in the pooled branch's batch norm."""

    max_epochs: int = Field(default=10, ge=1)
    batch_size: int = Field(default=8, ge=2, description="Samples per step.")
    drop_last: bool = Field(default=True, description="Whether an incomplete last batch of an epoch is left out.")
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(default=3e-4, gt=0)
    weight_decay: float = Field(default=0.01, ge=0, description="Of adamw.")


class DeeplabConfig(RecipeConfig):
    """The config of ``"recipe": "deeplab_saliency"``."""

    writes: ClassVar[tuple[str, ...]] = ("deeplab_saliency.pth",)

    recipe: Literal["deeplab_saliency"] = "deeplab_saliency"
    input_size: tuple[int, int] = Field(
        default=(216, 384), description="[height, width] of the frames, multiples of 8; the weights fit any."
    )
    backbone: str = Field(
        default="",
        description="Weights to begin with: a DeepLabV3-ResNet50 for segmentation, open_nsfw.onnx, or a checkpoint "
        "of this recipe; empty: none.",
    )
    freeze: bool = Field(default=False, description="Whether the trunk keeps the weights that it begins with.")
    cache_dir: PathText = Field(default="runs/.cache", description="Decoded frames of installed data sets are kept.")
    data: DeeplabData
    network: Variant = PUBLISHED
    loss: LossWeights = LossWeights()
    trainer: DeeplabFit = DeeplabFit()

    @field_validator("input_size")
    @classmethod
    def _multiples(cls, value: tuple[int, int]) -> tuple[int, int]:
        if min(value) < 8 or value[0] % 8 or value[1] % 8:
            raise ValueError("input_size must be [height, width], both multiples of 8")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> DeeplabConfig:
        if self.freeze and not self.backbone:
            raise ValueError("freeze: a trunk of random weights learns nothing: name a backbone")
        if not self.trainer.drop_last:
            raise ValueError(
                "trainer.drop_last: an incomplete batch may be of one frame, which batch norm cannot take"
            )
        if self.data.draws is not None and self.data.draws < self.trainer.batch_size:
            raise ValueError(f"data.draws {self.data.draws} gives no batch of {self.trainer.batch_size}")
        return self


SPEC = RecipeSpec(
    name="deeplab_saliency",
    summary="DeepLab saliency: where people look in a single frame, tuned from segmentation",
    config=DeeplabConfig,
    implementation="gazenet_plugins.deeplab_saliency.training:DeeplabTraining",
    paper="Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation, 2017",
)
