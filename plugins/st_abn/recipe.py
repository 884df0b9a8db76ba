"""Training of ST-ABN and of 3D ResNets by ``gasp_train``: data only."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from gazenet.training.recipe_config import ConfigModel, FitConfig, PathText, RecipeConfig
from gazenet.training.recipe_spec import RecipeSpec

Depth = Literal[18, 34, 50, 101, 152]


class ActionSet(ConfigModel):
    """Videos with one class each.

    ``labels`` has a line per video, ``<id> <number of frames> <class>``, as Something-Something V2 is published for
    this network; the number may be left out. A video is a folder of pictures or a file, ``<root>/<id>[.suffix]``.
    Without ``labels`` the folders of ``root`` are the classes and hold their videos.
    """

    root: PathText
    labels: PathText | None = Field(default=None, description="Label file; null: folders are classes.")


class ActionData(ConfigModel):
    """Videos to learn from and to validate on, and how clips are cut from them."""

    train: ActionSet
    validation: ActionSet | None = None
    classes: PathText | None = Field(default=None, description="One class name per line, the first is class 0.")
    frames: int = Field(default=32, ge=2, description="Consecutive frames of a clip.")
    size: int = Field(default=224, ge=32, multiple_of=16, description="Side of the square crop in pixels.")
    shorter_side: int | None = Field(default=None, ge=16, description="Resize to it before the crop; null: do not.")
    flip: Literal["none", "horizontal", "vertical"] = Field(
        default="none", description="Half of the training clips; published: vertical, where horizontal was meant."
    )
    colour: bool = Field(default=True, description="Jitter of brightness, contrast, saturation, hue and light.")
    beyond: Literal["last", "first"] = Field(
        default="last", description="The frame that fills clips longer than their video; published: first."
    )
    clips: int = Field(default=1, ge=1, description="Clips per video in validation, whose scores are averaged.")


class ActionFit(FitConfig):
    """Stochastic gradient descent, whose rate falls to a tenth at given epochs."""

    max_epochs: int = Field(default=150, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=0.01, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    nesterov: bool = True
    lr_steps: tuple[int, ...] = Field(default=(75, 125), description="After so many epochs the rate falls to a tenth.")
    checkpoint_monitor: str = Field(default="val_error", min_length=1)
    keep: Literal["last", "best"] = "best"

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> ActionFit:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0: set nesterov to false")
        return self


class ActionConfig(RecipeConfig):
    """The config of ``"recipe": "st_abn"``."""

    writes: ClassVar[tuple[str, ...]] = ("checkpoint-best.pt",)

    recipe: Literal["st_abn"] = "st_abn"
    network: Literal["st_abn", "resnet3d"] = "st_abn"
    depth: Depth = 50
    dropout: float = Field(default=0.5, ge=0, lt=1)
    start: PathText | None = Field(
        default=None, description="Weights to begin with: a checkpoint of this network, or a 2D ResNet of ImageNet."
    )
    only_evaluate: bool = Field(default=False, description="Do not train: score start on the validation set.")
    drawings: int = Field(default=4, ge=0, description="Validation videos whose attention is drawn in the end.")
    data: ActionData
    trainer: ActionFit = ActionFit()

    @model_validator(mode="after")
    def _evaluation_has_what_it_needs(self) -> ActionConfig:
        if self.only_evaluate and (self.start is None or self.data.validation is None):
            raise ValueError("only_evaluate needs start (the weights) and data.validation")
        return self


SPEC = RecipeSpec(
    name="st_abn",
    summary="ST-ABN and 3D ResNets: which action a video shows; attention says where and when",
    config=ActionConfig,
    implementation="gazenet_plugins.st_abn.training:ActionTraining",
    paper="Mitsuhara et al., ST-ABN: Visual Explanation Taking into Account Spatio-temporal Information, 2021",
)
