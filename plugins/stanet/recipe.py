"""Training of STANet by ``gasp_train``, from videos with category tags to the saliency network: data only."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gazenet.training.recipe_config import ConfigModel, FitConfig, PathText, RecipeConfig
from gazenet.training.recipe_spec import RecipeSpec
from gazenet_plugins.stanet.ave import CATEGORIES, Numbering

Step = Literal[
    "prepare",
    "coarse_s",
    "coarse_sa",
    "coarse_st",
    "coarse_maps",
    "crop",
    "fine_s",
    "fine_sa",
    "fine_st",
    "fine_maps",
    "targets",
    "sta",
    "maps",
]
STEPS: tuple[Step, ...] = Step.__args__  # type: ignore[attr-defined]
FITS: tuple[Step, ...] = ("coarse_s", "coarse_sa", "coarse_st", "fine_s", "fine_sa", "fine_st", "sta")
"""The steps that train a network."""
DECONVOLVED = {"coarse_size": (225, 256), "fine_size": (353, 384)}
"""Sizes for which the deconvolution of sound is made."""


class StanetData(ConfigModel):
    """Videos of some seconds, each with one category and the seconds in which that is seen and heard."""

    videos: PathText = Field(description="Folder with <VideoID>.mp4, or with one folder of them per category.")
    lists: PathText = Field(description="Folder of the lists of videos.")
    train: str = Field(default="trainSet.txt", min_length=1, description="List of AVE to learn from.")
    validation: str = Field(default="", description="List to validate on (valSet.txt); empty: none.")
    test: str = Field(default="", description="List that the finished networks are shown on; empty: none.")
    categories: tuple[str, ...] = Field(default=CATEGORIES, min_length=2, description="All classes.")
    numbering: Numbering = Field(
        default="files", description="Ids of the classes: in the given order, or sorted as in the authors' weights."
    )
    longer_than: int = Field(default=3, ge=0, description="Videos of so many annotated seconds or less are left out.")
    silent: Literal["fail", "skip"] = Field(default="fail", description="What to do with a video without sound.")

    @model_validator(mode="after")
    def _no_class_twice(self) -> StanetData:
        twice = sorted({name for name in self.categories if self.categories.count(name) > 1})
        if twice:
            raise ValueError(f"categories: {twice[0]!r} is listed more than once")
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """The categories in the order of their ids."""
        return self.categories if self.numbering == "files" else tuple(sorted(self.categories))

    @property
    def parts(self) -> dict[str, str]:
        """The lists that are named, by what they are for."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {part: name for part, name in named.items() if name}


class StanetFit(FitConfig):
    """SGD with Nesterov's momentum in four groups of weights, as published."""

    max_epochs: int = Field(default=30, ge=1, description="Of each classifier.")
    sta_epochs: int = Field(default=15, ge=1, description="Of the saliency network; never more than max_epochs.")
    batch_size: int = Field(default=64, ge=1, description="At most; published batches are 3 to 64, by network.")
    learning_rate: float = Field(default=1e-4, gt=0, description="Of the backbone's weights; new ones learn faster.")
    weight_decay: float = Field(default=5e-4, ge=0)
    milestones: tuple[int, ...] = Field(default=(5, 10), description="Epochs, from 1, that begin with a tenth.")
    loss: Literal["cross_entropy", "soft_margin"] = Field(
        default="cross_entropy", description="Of the classifiers; soft_margin is that of the authors."
    )
    seed: int = Field(default=57492, ge=0, lt=2**32)
    save_weights_every_n_epoch: int = Field(
        default=1, ge=1, description="Epochs whose weights are kept beside the last; with ResNeXt 0.2 to 1.6 GB each."
    )


class StanetConfig(RecipeConfig):
    """The config of ``"recipe": "stanet"``."""

    free = RecipeConfig.free | {"steps", "trainer.save_weights_every_n_epoch", "choose", "gallery"}
    one_device = True

    recipe: Literal["stanet"] = "stanet"

    @property
    def adds(self) -> bool:
        """Return whether only some steps are done, with the results of earlier ones."""
        return set(self.steps) != set(STEPS)

    steps: tuple[Step, ...] = Field(default=STEPS, min_length=1, description="What to do, in this order.")
    data: StanetData
    trunk: Literal["resnext101_32x8d", "resnet18"] = Field(
        default="resnext101_32x8d", description="The network that sees; resnet18 is for trying things out."
    )
    visual: str = Field(default="", description="Its pretrained weights (of WSL-Images); empty: none.")
    audio: str = Field(default="", description="Pretrained weights of VGGSound with NetVLAD; empty: none.")
    sound: Literal["deconvolution", "fusion"] = Field(
        default="deconvolution", description="How sound opens the gate of SA; deconvolution is bound to its sizes."
    )
    coarse_size: int = Field(default=256, ge=64, description="Side of whole pictures, in pixels.")
    fine_size: int = Field(default=356, ge=64, description="Side of crops, and of the saliency network's pictures.")
    trainer: StanetFit = StanetFit()
    choose: dict[str, Literal["last", "best"] | int] = Field(
        default={}, description='Weights by network: {"fine_s": 23, "sta": "best"}; others as trainer.keep says.'
    )
    gallery: int = Field(default=8, ge=0, description="Pictures of right, and of wrong answers of each classifier.")

    @model_validator(mode="after")
    def _fits(self) -> StanetConfig:
        for key, (low, high) in DECONVOLVED.items():
            if self.sound == "deconvolution" and not low <= getattr(self, key) <= high:
                raise ValueError(f"{key} must be {low} to {high} with sound deconvolution; set sound to fusion")
        for name, epoch in self.choose.items():
            if name not in FITS:
                raise ValueError(f"choose: no network {name}; there are {', '.join(FITS)}")
            if isinstance(epoch, int) and not 1 <= epoch <= self.epochs(name):
                raise ValueError(f"choose: {name} has the epochs 1 to {self.epochs(name)}, not {epoch}")
        if "best" in (self.trainer.keep, *self.choose.values()) and not self.data.validation:
            raise ValueError("the best weights are chosen on data.validation, which names no list")
        return self

    def epochs(self, name: str) -> int:
        """Return the number of epochs for which the network of a step is trained."""
        longest = self.trainer.max_epochs
        return min(longest, self.trainer.sta_epochs) if name == "sta" else longest


SPEC = RecipeSpec(
    name="stanet",
    summary="STANet: from category tags of videos to class maps, pseudo-fixations and a saliency network that listens",
    config=StanetConfig,
    implementation="gazenet_plugins.stanet.training:StanetTraining",
    paper="Wang et al., From Semantic Categories to Fixations, CVPR 2021",
)
