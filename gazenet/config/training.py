"""The config of the recipe ``gasp``, which trains an integrator (stage two)."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from gazenet.config.fit_config import FitConfig, RecipeConfig
from gazenet.config.model import ConfigModel, PathText

Size = tuple[int, int]


class SourceConfig(ConfigModel):
    """Videos or pictures of one data set."""

    dataset: str = Field(
        min_length=1,
        description="Name of an installed data set reader: findwho, osie, crowd. With data.frames_root the name of a "
        "folder there; '*' is every data set of the split.",
    )
    root: PathText | None = Field(default=None, description="Folder of its files; null: <data.root>/<dataset>.")
    items: tuple[str, ...] | None = Field(default=None, min_length=1, description="Names to use; null: all.")
    exclude: tuple[str, ...] = Field(default=(), description="Names to leave out.")
    split: str | None = Field(default=None, description="Split table (name or .csv): its Social rows.")
    weight: float = Field(default=1.0, gt=0, description="Share of the drawn samples, relative to the other sources.")
    field_of_view: float | None = Field(
        default=None,
        gt=0,
        lt=180,
        description="Degrees of visual angle that the width of a frame covered for its observers, for a data.sigma in "
        "degrees; null: what the reader knows of its data set.",
    )
    options: dict[str, JsonValue] = Field(
        default={}, description='Options of the reader, for example {"behaviour": "published"}.'
    )


class AugmentConfig(ConfigModel):
    """Random changes of geometry, the same for maps and fixations of a sample."""

    flip: bool = Field(default=True, description="Mirror left and right, half of the time.")
    shift: float = Field(default=0.1, ge=0, le=0.5, description="Largest shift as a fraction of width and height.")
    scale: float = Field(default=0.15, ge=0, le=0.5, description="Largest relative change of size.")
    drop_cue: float = Field(default=0.0, ge=0, lt=1, description="Chance that a cue other than the first is blanked.")


class DataConfig(ConfigModel):
    """Data of a training, and the drawing of samples from it."""

    root: PathText = Field(default="data", description="Folder that holds one folder per data set.")
    train: tuple[SourceConfig, ...] = Field(min_length=1, description="Where training samples come from.")
    validation: tuple[SourceConfig, ...] = Field(default=(), description="Where the scores during training come from.")
    test: tuple[SourceConfig, ...] = Field(
        default=(), description="What the finished network is measured on (--compute_metrics); empty: validation."
    )
    frames_root: PathText | None = Field(
        default=None,
        description="Folder of map pictures in the published layout, <dataset>/<video>/<frame>/<cue>_1.jpg; cues are "
        "then names of pictures. null: cue maps are made from the videos of the data sets and cached.",
    )
    targets: tuple[str, str] = Field(
        default=("transformed_salmap", "transformed_fixmap"),
        description="With frames_root: the pictures of the density and of the fixations.",
    )
    sampling: Literal["frames", "videos"] = Field(
        default="frames",
        description="What an epoch shows once: every target frame, or one window of each video (the published count).",
    )
    window: Literal["ends", "starts"] = Field(
        default="ends",
        description="Where a target frame lies in a window. ends: it is the last, before the first frame of a video "
        "that one is repeated, as in inference. starts: it is the first and the last frame is repeated, as published.",
    )
    frame_stride: int = Field(default=5, ge=1, description="Every how-manyth frame of a video is a target.")
    sigma: float | None = Field(
        default=None,
        gt=0,
        description="Standard deviation of the Gaussian of the ground truth; null: the data set's own.",
    )
    sigma_unit: Literal["pixels", "degrees"] = Field(
        default="pixels",
        description="pixels: of the data set's reference width, in proportion in other frames. degrees: of visual "
        "angle, which needs the field_of_view of every source.",
    )
    min_observers: int = Field(
        default=1, ge=1, description="Frames fixated by fewer people are no targets for training."
    )
    validation_min_observers: int = Field(default=8, ge=1, description="The same for validation.")
    validation_windows: int | None = Field(
        default=None,
        ge=1,
        description="Windows of each video that are validated during training, evenly spread; null: the middle one "
        "where sampling is videos, else every target frame.",
    )
    augment: AugmentConfig = AugmentConfig()

    @model_validator(mode="after")
    def _sources_fit(self) -> DataConfig:
        for source in (*self.train, *self.validation, *self.test):
            if source.dataset == "*" and (self.frames_root is None or source.split is None):
                raise ValueError("the data set '*' needs frames_root and a split that names the data sets")
        return self


class LossConfig(ConfigModel):
    """Weights of the terms; ``mode`` says how they are computed."""

    mode: Literal["corrected", "published"] = Field(
        default="corrected",
        description="published: as the released training, with its scaling of the cross entropy target.",
    )
    bce: float = 0.5
    cc: float = 2.0
    nss: float = 1.0
    kld: float = 0.0
    nll: float = 0.0
    dam: float = 0.5


class TrainerConfig(FitConfig):
    """The optimisation."""

    max_epochs: int = Field(default=20, ge=1, description="Passes of samples_per_epoch samples.")
    samples_per_epoch: int | None = Field(
        default=None, ge=1, description="Random draws; null: every target frame once."
    )
    batch_size: int = Field(default=16, ge=1, description="Samples per step, shared out between the devices.")
    drop_last: bool = Field(default=True, description="Whether an incomplete last batch of an epoch is left out.")
    optimizer: Literal["adam", "adamw"] = Field(default="adamw", description="adam is the published one.")
    schedule: Literal["constant", "one_cycle", "cosine"] = Field(
        default="one_cycle", description="Course of the rate."
    )
    weight_decay: float = Field(default=1e-2, ge=0)
    gradient_clip: float | None = Field(default=1.0, gt=0, description="Largest gradient norm; null: no clipping.")
    loss: LossConfig = LossConfig()
    val_store_image_samples: bool = Field(
        default=False, description="Store pictures of a tenth of the validation batches in <output>/samples/."
    )


class TrainConfig(RecipeConfig):
    """The config of an integrator's training: network, cues, data, losses.

    >>> import gazenet
    >>> config = gazenet.load_config("train", "embedded")
    >>> isinstance(config, gazenet.TrainConfig), config.cues[0]
    (True, 'saliency')
    """

    free: ClassVar[frozenset[str]] = RecipeConfig.free | {"compute_metrics", "infer_configs"}
    writes: ClassVar[tuple[str, ...]] = ("integrator.safetensors", "last_model.pt", "scores.json", "evaluation.csv")

    recipe: Literal["gasp"] = Field(
        default="gasp", description="Name of the recipe, which may be left out: other recipes have their own configs."
    )
    experiment: str = Field(default="", description="Published name of the experiment this is, or empty.")
    network: dict[str, JsonValue] = Field(
        description="Fields of the integrator's network (gazenet.fusion.gasp_config.GaspConfig); 'class' begins with "
        "a published class, modalities is the number of cues and may be left out."
    )
    cues: tuple[str, ...] = Field(
        min_length=1, description="Extractors (with data.frames_root: pictures) in the order the network takes them."
    )
    test_cues: tuple[str, ...] = Field(
        default=(), description="Where the test takes other cues than the training: these; empty: the same."
    )
    rendering: Literal["scalar", "published"] = Field(
        default="scalar",
        description="scalar: one channel per cue; published: coloured as the released weights expect.",
    )
    input_size: Size = Field(default=(54, 96), description="[height, width] of the maps given to the network.")
    colours: tuple[str, ...] = Field(
        default=(),
        description="With rendering published: per cue a colour map, or 'picture', the coloured picture that the "
        "extractor itself draws; empty: pictures of published stems, jet for all others.",
    )
    smoothing: int = Field(default=0, ge=0, description="Frames on either side averaged by the finished integrator.")
    sharpness: float = Field(default=1.0, gt=0, description="Exponent on the density of the finished integrator.")
    name: str = Field(default="trained", pattern="^[a-z][a-z0-9_]*$", description="Name of the finished integrator.")
    data: DataConfig
    infer_config: str = Field(
        default="default", min_length=1, description="Inference config that says how cues are made."
    )
    cache_dir: PathText = Field(default="runs/.cache", description="Home of the cue maps, as in inference.")
    folds: PathText | None = Field(
        default=None,
        description="video: besides the final network, one per training video that has not seen it, scored on it. A "
        ".json file: the same, with the parameters of learned cues per video left out that it holds "
        "(benchmarks/training/folds.py makes it), so that they have not seen it either.",
    )
    compute_metrics: bool = Field(
        default=False, description="Score the finished network on the videos of validation and test, by every metric."
    )
    infer_configs: tuple[str, ...] = Field(
        default=(), description="Inference configs (names or .json files) through which it is scored."
    )
    trainer: TrainerConfig = TrainerConfig()

    @field_validator("input_size")
    @classmethod
    def _even(cls, value: Size) -> Size:
        if min(value) < 8 or value[0] % 2 or value[1] % 2:
            raise ValueError("input_size must be [height, width], both even and at least 8")
        return value

    @field_validator("folds")
    @classmethod
    def _video_or_table(cls, value: str | None) -> str | None:
        if value is not None and value != "video" and not value.endswith(".json"):
            raise ValueError("write video, or the .json file of a table of folds")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> TrainConfig:
        twice = sorted({cue for cue in self.cues if self.cues.count(cue) > 1})
        if twice:
            raise ValueError(f"cues: {', '.join(twice)} is listed more than once")
        declared = self.network.get("modalities", len(self.cues))
        if declared != len(self.cues):
            raise ValueError(f"network.modalities is {declared}, but there are {len(self.cues)} cues")
        if len(self.test_cues) not in (0, len(self.cues)):
            raise ValueError(f"test_cues: {len(self.test_cues)} cues, but the network takes {len(self.cues)}")
        if self.data.frames_root is not None and self.rendering != "published":
            raise ValueError("data.frames_root holds coloured pictures: set rendering to published")
        if self.data.frames_root is not None and self.folds not in (None, "video"):
            raise ValueError("folds: a table is for cues that are made from videos: write video")
        if self.trainer.keep == "best" and not self.data.validation:
            raise ValueError("trainer.keep is best, but data.validation is empty: add a source or keep the last")
        if (self.compute_metrics or self.infer_configs) and not (self.data.validation or self.data.test):
            raise ValueError(
                "compute_metrics: data.validation and data.test are empty: name a source of videos in one of them"
            )
        return self

    def may_change(self) -> frozenset[str]:
        """Return the free keys; without a schedule, more epochs continue what fewer began."""
        return self.free | ({"trainer.max_epochs"} if self.trainer.schedule == "constant" else set())
