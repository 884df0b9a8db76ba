"""The variants of the network that configs and checkpoints declare: data only."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gazenet.training.recipe_config import ConfigModel

REACH = 8
"""How many frames before its own a map may depend on."""


class Variant(ConfigModel):
    """The additions to the published network; none by default."""

    trunk: Literal["resnet50", "resnet50_thin"] = Field(
        default="resnet50",
        description="The features: of a dilated ResNet-50, or of one of half the width (open_nsfw.onnx fits it).",
    )
    skips: bool = Field(
        default=False, description="Whether the decoder also sees the trunk's first two stages, projected and added."
    )
    frames: int = Field(default=1, ge=1, description="Length of the window of frames whose features are fused.")
    spacing: int = Field(default=1, ge=1, description="Frames from one of the window to the next.")
    dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Chance that a channel of the pyramid's result is blanked in training."
    )

    @model_validator(mode="after")
    def _within_reach(self) -> Variant:
        if self.before > REACH:
            raise ValueError(
                f"a window of {self.frames} frames {self.spacing} apart: it may reach {REACH} frames back"
            )
        return self

    @property
    def before(self) -> int:
        """The number of frames before the last one in the window."""
        return (self.frames - 1) * self.spacing


PUBLISHED = Variant()
