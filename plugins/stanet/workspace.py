"""The files by which the steps of the training chain hand their results to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gazenet.errors import UsageError
from gazenet.files import write_text
from gazenet_plugins.stanet.classifiers import Stage
from gazenet_plugins.stanet.scam import Box

Mode = Literal["S", "SA", "ST", "STA"]
BRANCHES: tuple[Mode, ...] = ("S", "SA", "ST")


@dataclass(frozen=True)
class Confidence:
    """The answer of a classifier for one picture: the likeliest class, its probability and that of the true class."""

    mode: Mode
    picture: str
    predicted: int
    probability: float
    true: int
    true_probability: float

    def line(self) -> str:
        """Return the answer as a line of a file, separated by ``&``."""
        values = (self.mode, self.picture, self.predicted, self.probability, self.true, self.true_probability)
        return "&".join(str(value) for value in values)


@dataclass(frozen=True)
class Workspace:
    """Files of the chain below ``root``, one folder per video, one name per second."""

    root: Path

    def pictures(self, stage: Stage) -> Path:
        """Return the folder of pictures: whole ones for the coarse networks, crops for the fine ones."""
        return self.root / ("Picture" if stage == "coarse" else "Crop")

    @property
    def sounds(self) -> Path:
        """The folder of spectrograms."""
        return self.root / "Sound"

    def picture(self, stage: Stage, video: str, second: int) -> Path:
        """Return the file of a picture or crop."""
        return self.pictures(stage) / video / f"{second:02d}.jpg"

    def sound(self, video: str, second: int) -> Path:
        """Return the file of a spectrogram; an HDF5 file of the re-implementation if there is no other."""
        own = self.sounds / video / f"{second:02d}.npy"
        theirs = own.with_suffix(".h5")
        return theirs if theirs.is_file() and not own.is_file() else own

    def target(self, video: str, second: int) -> Path:
        """Return the file of a pseudo-fixation map."""
        return self.root / "GT" / video / f"{second:02d}.png"

    def class_map(self, stage: Stage, video: str, second: int, mode: Mode) -> Path:
        """Return the file of a class map of a classifier."""
        return self.root / "Maps" / stage / video / f"{second:02d}_{mode}.png"

    def confidences(self, stage: Stage, video: str, second: int) -> Path:
        """Return the file with the confidences of all classifiers."""
        return self.root / "Maps" / stage / video / f"{second:02d}.txt"

    def box(self, video: str, second: int) -> Path:
        """Return the file of a crop box."""
        return self.root / "Crop" / video / f"{second:02d}_crop_smooth.txt"

    def results(self, video: str, second: int) -> tuple[Path, Path]:
        """Return the files of the saliency network's map, and of the map over its picture."""
        own = self.root / "Results" / video
        return own / f"{second:02d}.png", own / f"{second:02d}_overlay.jpg"

    def weights(self, stage: Stage, mode: Mode, epoch: int) -> Path:
        """Return the file of the state dict after an epoch, counted from 1."""
        return self.root / stage / mode / "model_weight" / f"AVE_{mode}_{epoch:03d}.pth"


def add_confidence(path: Path, confidence: Confidence) -> None:
    """Put a line into a file, in place of an earlier one of the same classifier."""
    lines = [line for line in _lines(path) if line.partition("&")[0] != confidence.mode]
    write_text(path, "\n".join([*lines, confidence.line()]) + "\n")


def read_confidences(path: Path, modes: Sequence[Mode] = BRANCHES) -> list[float]:
    """Read the probability of the true class by each classifier; of several lines of one the last counts.

    Raises UsageError if one is missing.
    """
    values = {line.partition("&")[0]: line.rpartition("&")[2] for line in _lines(path)}
    missing = [mode for mode in modes if mode not in values]
    if missing:
        raise UsageError(f"{path}: contains no confidence of {missing[0]}; run that classifier over its video again")
    return [float(values[mode]) for mode in modes]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def write_box(path: Path, box: Box) -> None:
    """Write first row, last row, first column, last column, separated by ``&``."""
    write_text(path, "&".join(str(side) for side in box) + "\n")


def read_box(path: Path) -> Box:
    """Read a box written by :func:`write_box`. Raises UsageError for anything else."""
    try:
        top, bottom, left, right = (int(side) for side in path.read_text(encoding="utf-8").split("&"))
    except (OSError, ValueError):
        raise UsageError(f"{path}: contains no box of four numbers; cut the crops of its video again") from None
    return top, bottom, left, right
