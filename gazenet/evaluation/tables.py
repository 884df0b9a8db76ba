"""The schema of all tables of scores (docs/evaluation.md), and the only writer of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gazenet.evaluation.bootstrap import Interval, bootstrap_mean, finite_mean
from gazenet.evaluation.score import Scores
from gazenet.evaluation.scoring_grid import as_text
from gazenet.files import write_text

if TYPE_CHECKING:
    from pandas import DataFrame

VIDEO = ("predictor", "part", "dataset", "video")
"""Columns that say what a row is about."""
COUNTS = ("frames", "invalid")
HOW = ("grid", "definitions")
"""Columns that say how scores were computed: the scoring grid (width x height), and by which definitions."""
MEAN = "mean"
"""In the column ``video``: the mean over videos."""
Row = dict[str, object]


def interval_columns(names: Iterable[str]) -> list[str]:
    """Return for each name the mean and the ends of its 95 % interval."""
    return [column for name in names for column in (name, f"{name}_low", f"{name}_high")]


def interval_cells(name: str, interval: Interval) -> Row:
    """Return the three cells of an interval."""
    return dict(zip(interval_columns([name]), (interval.mean, interval.low, interval.high), strict=True))


def mean_interval(columns: Sequence[NDArray[np.float64]]) -> Interval:
    """Return the mean over videos of their means, with its interval by resampling videos; of one video, of its frames.

    ``columns``: the scores of the frames of each video.
    """
    if len(columns) == 1:
        return bootstrap_mean(columns[0])
    return bootstrap_mean([finite_mean(column) for column in columns])


def score_row(labels: Row, scores: Sequence[Scores], definitions: str) -> Row:
    """Return a row of one video, or of the mean over several: counts, mean and interval of each metric, and how."""
    row = labels | {"frames": sum(len(one.frames) for one in scores), "invalid": sum(one.invalid for one in scores)}
    for metric in scores[0].values:
        row |= interval_cells(metric, mean_interval([one.values[metric] for one in scores]))
    return row | {"grid": grids(scores), "definitions": definitions}


def grids(scores: Iterable[Scores]) -> str:
    """Return the grids of scoring, width x height: ``480x270``; several where frames differ in size."""
    return " ".join(sorted({as_text(one.grid) for one in scores if one.grid is not None}))


def table(rows: Iterable[Row], columns: Sequence[str]) -> DataFrame:
    """Return the rows as a DataFrame with exactly these columns; a cell that a row lacks is empty."""
    import pandas

    # Names that are not UTF-8 hold surrogates, which the storage of pyarrow refuses.
    with pandas.option_context("mode.string_storage", "python"):
        return pandas.DataFrame(list(rows), columns=list(columns))


def concatenated(tables: Sequence[DataFrame]) -> DataFrame:
    """Put tables of one kind below each other, columns in the order of the first."""
    import pandas

    return pandas.concat(tables, ignore_index=True)


def write_table(table: DataFrame, path: Path) -> None:
    """Write a table as CSV: full precision, empty cells for what is not known. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
