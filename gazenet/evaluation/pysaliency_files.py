"""Predictions and fixations in the form that pysaliency reads, so that its metrics can be computed on them.

pysaliency is not needed to write it. A frame becomes a stimulus of the size of the scoring grid, its picture the
density that people left (only its size matters to metrics of maps), its map what was scored, and every fixation counts
as it did here. pysaliency tells stimuli apart by their content, so the first pixels of each picture hold its number.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import torch

from gazenet.data.density import Size
from gazenet.evaluation.evaluation import Comparison, Judged
from gazenet.evaluation.scoring_grid import on_grid
from gazenet.files import atomic_path, write_bytes, write_text

COLUMNS = ("stimulus", "n", "x", "y")
README = """Frames that were judged, for pysaliency (pip install pysaliency):

    from pathlib import Path
    import numpy as np
    import pysaliency

    stimuli = pysaliency.FileStimuli([str(path) for path in sorted(Path("stimuli").glob("*.png"))])
    model = pysaliency.SaliencyMapModelFromDirectory(stimuli, "maps/NAME")
    rows = np.genfromtxt("fixations.csv", delimiter=",", skip_header=1, usecols=(1, 2, 3), ndmin=2)
    fixations = pysaliency.Fixations.create_without_history(rows[:, 1], rows[:, 2], rows[:, 0].astype(int))
    model.NSS(stimuli, fixations, average="image")

"""


def write_for_pysaliency(comparison: Comparison, folder: Path) -> int:
    """``stimuli/*.png``, ``maps/<predictor>/*.npy``, ``fixations.csv`` and ``README``; returns the number of frames.

    ``n`` counts the stimuli in order of their names; ``x`` and ``y`` are the middles of fixated cells, a cell coming
    as often as it was fixated (once with the published definitions). Only frames that every predictor has, and that
    were judged on one grid, are written.
    """
    names = [
        (f"{video}_{frame:06d}", video, frame) for video in comparison.videos for frame in _common(comparison, video)
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for n, (stem, video, frame) in enumerate(sorted(names)):
        first = next(iter(comparison.judged.values()))[video]
        h, w = _grid(first)
        grey = np.round(255 * first.truth.density(frame, h, w, first.sigma)).astype(np.uint8)
        grey.flat[:4] = np.frombuffer(np.uint32(n).tobytes(), np.uint8)
        write_bytes(folder / "stimuli" / f"{stem}.png", cv2.imencode(".png", grey)[1].tobytes())
        counted = comparison.mode == "standard"
        fixated = (first.truth.fixation_counts if counted else first.truth.fixation_map)(frame, h, w)
        rows, columns = np.repeat(np.nonzero(fixated), fixated[fixated > 0], axis=1)
        writer.writerows((stem, n, x + 0.5, y + 0.5) for y, x in zip(rows, columns, strict=True))
        for name, videos in comparison.judged.items():
            with atomic_path(folder / "maps" / name / f"{stem}.npy") as path:
                own = torch.from_numpy(np.array(videos[video].video.maps[frame], np.float64))
                np.save(path, on_grid(own[None], (h, w))[0].numpy())
    write_text(folder / "fixations.csv", text.getvalue())
    write_text(folder / "README", README)
    return len(names)


def _grid(one: Judged) -> Size:
    assert one.scores.grid is not None
    return one.scores.grid


def _common(comparison: Comparison, video: str) -> list[int]:
    each: list[Judged] = [videos[video] for videos in comparison.judged.values()]
    if len({one.scores.grid for one in each}) > 1 or each[0].scores.grid is None:
        return []
    return sorted(set.intersection(*(set(one.scores.frames.tolist()) for one in each)))
