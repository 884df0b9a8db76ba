"""Where the training chain keeps what its steps hand to each other."""

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
    """What a classifier thinks of one picture: the likeliest class, and how likely it and the true one are."""

    mode: Mode
    picture: str
    predicted: int
    probability: float
    true: int
    true_probability: float

    def line(self) -> str:
        values = (self.mode, self.picture, self.predicted, self.probability, self.true, self.true_probability)
        return "&".join(str(value) for value in values)


@dataclass(frozen=True)
class Workspace:
    """Files of the chain below ``root``, one folder per video, one name per second."""

    root: Path

    def pictures(self, stage: Stage) -> Path:
        """Whole pictures for the coarse networks, crops for the fine ones."""
        return self.root / ("Picture" if stage == "coarse" else "Crop")

    @property
    def sounds(self) -> Path:
        return self.root / "Sound"

    @property
    def targets(self) -> Path:
        """Pseudo-fixations."""
        return self.root / "GT"

    def picture(self, stage: Stage, video: str, second: int) -> Path:
        return self.pictures(stage) / video / f"{second:02d}.jpg"

    def sound(self, video: str, second: int) -> Path:
        """The spectrogram; an HDF5 file of the re-implementation where there is no other."""
        own = self.sounds / video / f"{second:02d}.npy"
        theirs = own.with_suffix(".h5")
        return theirs if theirs.is_file() and not own.is_file() else own

    def target(self, video: str, second: int) -> Path:
        return self.targets / video / f"{second:02d}.png"

    def class_map(self, stage: Stage, video: str, second: int, mode: Mode) -> Path:
        return self.root / "Maps" / stage / video / f"{second:02d}_{mode}.png"

    def confidences(self, stage: Stage, video: str, second: int) -> Path:
        return self.root / "Maps" / stage / video / f"{second:02d}.txt"

    def box(self, video: str, second: int) -> Path:
        return self.root / "Crop" / video / f"{second:02d}_crop_smooth.txt"

    def results(self, video: str, second: int) -> tuple[Path, Path]:
        """The saliency network's map, and the map over its picture."""
        own = self.root / "Results" / video
        return own / f"{second:02d}.png", own / f"{second:02d}_overlay.jpg"

    def weights(self, stage: Stage, mode: Mode, epoch: int) -> Path:
        """The state dict after an epoch, counted from 1."""
        return self.root / stage / mode / "model_weight" / f"AVE_{mode}_{epoch:03d}.pth"


def add_confidence(path: Path, one: Confidence) -> None:
    """Puts a line into a file, in place of an earlier one of the same classifier."""
    kept = [line for line in _lines(path) if line.partition("&")[0] != one.mode]
    write_text(path, "\n".join([*kept, one.line()]) + "\n")


def read_confidences(path: Path, modes: Sequence[Mode] = BRANCHES) -> list[float]:
    """The probability of the true class by each classifier; of several lines of one the last counts.

    Raises UsageError where one is missing.
    """
    known = {line.partition("&")[0]: line.rpartition("&")[2] for line in _lines(path)}
    missing = [mode for mode in modes if mode not in known]
    if missing:
        raise UsageError(f"{path}: holds no confidence of {missing[0]}; run that classifier over its video again")
    return [float(known[mode]) for mode in modes]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def write_box(path: Path, box: Box) -> None:
    """First row, last row, first column, last column, separated by ``&``."""
    write_text(path, "&".join(str(side) for side in box) + "\n")


def read_box(path: Path) -> Box:
    """What :func:`write_box` wrote. Raises UsageError for anything else."""
    try:
        top, bottom, left, right = (int(side) for side in path.read_text(encoding="utf-8").split("&"))
    except (OSError, ValueError):
        raise UsageError(f"{path}: holds no box of four numbers; cut the crops of its video again") from None
    return top, bottom, left, right
