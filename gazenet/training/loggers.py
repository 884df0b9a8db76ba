"""Loggers of a training: none, a CSV file, TensorBoard, Comet. Each is imported only when it is used."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gazenet.errors import UsageError
from gazenet.training.step_log import LOG, named

if TYPE_CHECKING:
    from lightning import Trainer
    from lightning.pytorch.loggers import Logger

_PACKAGES = {"tensorboard": "tensorboard", "comet": "comet_ml"}


def make_logger(name: str, folder: Path, project: str) -> tuple[Logger | bool, str]:
    """Return a Lightning logger writing below ``folder`` and a message for the user (often empty).

    Raises UsageError where the package of the wanted logger is not installed.
    """
    check_logger(name)
    if name == "tensorboard":
        from lightning.pytorch.loggers import TensorBoardLogger

        return TensorBoardLogger(folder, name="log", version=""), ""
    if name == "comet":
        from gazenet.training.comet import CometLogger

        logger = CometLogger(folder / "comet", project)
        return logger, logger.message
    return (_csv(folder) if name == "csv" else False), ""


def check_logger(name: str) -> None:
    """Raise UsageError where the package of a logger is not installed."""
    package = _PACKAGES.get(name)
    if package is not None and find_spec(package) is None:
        raise UsageError(
            f"logger {name}: {package} is not installed: pip install 'gazenet[{name}]', or --logger_name csv"
        )


def show_picture(trainer: Trainer, name: str, path: Path, step: int) -> None:
    """Log a picture file, where the logger of the run shows pictures (TensorBoard, Comet)."""
    board: Any = getattr(trainer.logger, "experiment", None)
    if hasattr(board, "add_image"):
        import numpy as np
        from PIL import Image

        with Image.open(path) as picture:
            board.add_image(name, np.asarray(picture.convert("RGB")), step, dataformats="HWC")
    elif hasattr(board, "log_image"):
        board.log_image(str(path), name=name, step=step)


def _csv(folder: Path) -> Logger:
    from lightning.pytorch import loggers

    class CSVLogger(loggers.CSVLogger):
        """Lightning's, whose errors say which file it was."""

        def save(self) -> None:
            """Write the rows. Raises OSError naming the file."""
            try:
                super().save()
            except OSError as error:
                raise named(error, folder / LOG) from None

    return CSVLogger(folder, name="log", version="")
