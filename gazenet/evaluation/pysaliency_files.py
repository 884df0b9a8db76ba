"""Predictions and fixations in the form that pysaliency reads, so that its metrics can be computed on them.

Writing does not need pysaliency. A frame becomes a stimulus of the size of the scoring grid; its picture is the
density of the fixations (only its size matters to metrics of maps), its map is the one that was scored, and every
fixation counts as it does here. pysaliency tells stimuli apart by their content, so the first pixels of each picture
hold its number.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from gazenet.data.density import Size
from gazenet.evaluation.evaluation import Evaluation, VideoScores
from gazenet.evaluation.scoring_grid import on_grid
from gazenet.evaluation.tables import Row, table, write_table
from gazenet.files import atomic_path, write_bytes, write_text

COLUMNS = ("stimulus", "n", "x", "y")
README = """Frames that were scored, for pysaliency (pip install pysaliency):

    from pathlib import Path
    import numpy as np
    import pysaliency

    stimuli = pysaliency.FileStimuli([str(path) for path in sorted(Path("stimuli").glob("*.png"))])
    model = pysaliency.SaliencyMapModelFromDirectory(stimuli, "maps/NAME")
    rows = np.genfromtxt("fixations.csv", delimiter=",", skip_header=1, usecols=(1, 2, 3), ndmin=2)
    fixations = pysaliency.Fixations.create_without_history(rows[:, 1], rows[:, 2], rows[:, 0].astype(int))
    model.NSS(stimuli, fixations, average="image")

"""


def write_for_pysaliency(evaluation: Evaluation, folder: Path) -> int:
    """Write ``stimuli/*.png``, ``maps/<predictor>/*.npy``, ``fixations.csv`` and ``README``; return the frames.

    ``n`` counts the stimuli in order of their names; ``x`` and ``y`` are the middles of fixated cells, a cell coming
    as often as it was fixated (once with the original definitions). Only frames that every predictor has, and that
    were scored on one grid, are written.
    """
    names = [
        (f"{video}_{frame:06d}", video, frame) for video in evaluation.videos for frame in _common(evaluation, video)
    ]
    rows: list[Row] = []
    for n, (stem, video, frame) in enumerate(sorted(names)):
        scored = next(iter(evaluation.scores.values()))[video]
        h, w = _grid(scored)
        grey = np.round(255 * scored.truth.density(frame, h, w, scored.sigma)).astype(np.uint8)
        grey.flat[:4] = np.frombuffer(np.uint32(n).tobytes(), np.uint8)
        write_bytes(folder / "stimuli" / f"{stem}.png", cv2.imencode(".png", grey)[1].tobytes())
        counted = evaluation.options.definitions == "standard"
        fixated = (scored.truth.fixation_counts if counted else scored.truth.fixation_map)(frame, h, w)
        cells = np.repeat(np.nonzero(fixated), fixated[fixated > 0], axis=1)
        rows += [{"stimulus": stem, "n": n, "x": x + 0.5, "y": y + 0.5} for y, x in cells.T.tolist()]
        for name, videos in evaluation.scores.items():
            with atomic_path(folder / "maps" / name / f"{stem}.npy") as path:
                own = torch.from_numpy(np.array(videos[video].prediction.maps[frame], np.float64))
                np.save(path, on_grid(own[None], (h, w))[0].numpy())
    write_table(table(rows, COLUMNS), folder / "fixations.csv")
    write_text(folder / "README", README)
    return len(names)


def _grid(scored: VideoScores) -> Size:
    assert scored.scores.grid is not None
    return scored.scores.grid


def _common(evaluation: Evaluation, video: str) -> list[int]:
    each = [videos[video].scores for videos in evaluation.scores.values()]
    if len({scores.grid for scores in each}) > 1 or each[0].grid is None:
        return []
    return sorted(set.intersection(*(set(scores.frames.tolist()) for scores in each)))
