"""Parts of an inference config that know data sets: what goes in, the published layout, the scores."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from gazenet.config.model import ConfigModel, PathText

Subset = Literal["train", "validation", "test"]
MetricName = Literal[
    "nss", "cc", "sim", "kld", "auc_judd", "auc_uniform", "auc_borji", "auc_shuffled", "information_gain"
]
GROUPED_FRAMES = "datasets/processed/Grouped_frames"
"""Where the published layout lies in a working directory."""
EVALUATION = "evaluation.csv"
"""The table of scores of a run or of a training."""


def gates_path(table: Path) -> Path:
    """Return the path of the table of mean gates beside a table of scores."""
    return table.with_name(f"{table.stem}_gate_scores.csv")


class DataInputsConfig(ConfigModel):
    """Videos of an installed data set as inputs, with their ground truth."""

    reader: str = Field("", description="Name of an installed data set reader (coutrot1, diem, processed, ...).")
    root: PathText | None = Field(
        None, description="Folder of its files; null: where gasp_download_manager puts them, below datasets/."
    )
    options: dict[str, JsonValue] = Field({}, description='Options of the reader, such as {"behaviour": "published"}.')
    split: str | tuple[str, ...] | None = Field(
        None,
        description="Whose Social rows are taken: a .csv of your own, an installed table (test_ave), or a family "
        "(ave) of which 'subset' names parts; several are joined. null: every video of the data set.",
    )
    subset: tuple[Subset, ...] = Field((), description="Parts of a family of tables; empty: all it has.")
    items: tuple[str, ...] | None = Field(None, min_length=1, description="Of these only the named ones; null: all.")
    maps: Literal["computed", "stored"] = Field(
        "computed",
        description="stored: with the reader 'processed' and an integrator, cue maps are the pictures that are there.",
    )

    @field_validator("split")
    @classmethod
    def _named(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if value is not None and not all(tables_of(value)):
            raise ValueError("name a table: a .csv, an installed one such as test_ave, or null for every video")
        return value

    @model_validator(mode="after")
    def _fits(self) -> DataInputsConfig:
        if self.subset and self.split is None:
            raise ValueError("subset: needs a split, the family of tables that it is a part of")
        if self.maps == "stored" and self.reader != "processed":
            raise ValueError(f"maps: stored pictures are what the reader 'processed' reads, not {self.reader!r}")
        return self

    @property
    def tables(self) -> tuple[str, ...]:
        """The split tables as named; empty for all videos."""
        return tables_of(self.split)


def tables_of(split: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """A split as a tuple of names."""
    if split is None:
        return ()
    return (split,) if isinstance(split, str) else split or ("",)


class PublishedConfig(ConfigModel):
    """Pictures in the published layout, ``<root>/<dataset>/<video>/<frame>/<picture>_1.jpg``."""

    root: PathText = Field(GROUPED_FRAMES, description="Folder that receives one folder per data set.")
    size: tuple[int, int] = Field((500, 500), description="[height, width] that every picture is stretched to.")
    colour: str = Field("jet", min_length=1, description="Colour map of the cues.")
    truth_colour: str = Field("bone", min_length=1, description="Colour map of the ground-truth density.")

    @field_validator("size", mode="before")
    @classmethod
    def _from_list(cls, value: object) -> object:
        # Outputs are brought into one form first, so this is no longer JSON, in which a list would do.
        return tuple(value) if isinstance(value, list) else value

    @field_validator("size")
    @classmethod
    def _positive(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 8 <= min(value) <= max(value) <= 4096:
            raise ValueError("size must be [height, width], each from 8 to 4096")
        return value


class MetricsConfig(ConfigModel):
    """Scores against the ground truth of the data set, computed when all videos are done."""

    names: tuple[MetricName, ...] = Field(
        ("auc_judd", "auc_shuffled", "cc", "nss", "sim"), min_length=1, description="What is computed, in order."
    )
    definitions: Literal["standard", "original"] = Field(
        "standard", description="original: as the published evaluation computed them."
    )
    prediction: str = Field(
        "", description="Name of the extractor whose maps are judged; empty: the map that the integrator makes."
    )
    baseline: PathText | None = Field(
        None, description="Picture of the centre bias for the shuffled AUC; null or absent: other videos' fixations."
    )
    grid: int | None = Field(
        None,
        ge=16,
        le=2048,
        description="Longer side at most of the frames' grid on which all is scored (null: 480); with the original "
        "definitions, the longer side to which smaller maps are enlarged (null: their own).",
    )
    stride: int = Field(1, ge=1, description="Judge every stride-th frame.")
    min_observers: int = Field(1, ge=1, description="Leave out frames that fewer people looked at.")
    file: PathText | None = Field(None, description="Table of the videos (CSV); null: <output_dir>/evaluation.csv.")

    def table(self, output_dir: str | Path) -> Path:
        """Return the path of the table of scores."""
        return Path(self.file) if self.file else Path(output_dir) / EVALUATION

    @model_validator(mode="after")
    def _exist(self) -> MetricsConfig:
        if self.definitions == "original" and "auc_uniform" in self.names:
            raise ValueError("names: auc_uniform was not in the published evaluation: leave it out")
        return self
