"""What a training checks before it writes anything, and what it remembers for a resume."""

from __future__ import annotations

from pathlib import Path

from gazenet.config.load import read_file, validate
from gazenet.config.trainer import RunConfig, differing
from gazenet.errors import UsageError
from gazenet.files import write_json
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting
from gazenet.redaction import redact
from gazenet.training.loggers import check_logger

CONFIG = "train_config.json"
WRITTEN = (
    CONFIG,
    "result.json",
    "scores.json",
    "integrator.safetensors",
    "last_model.pt",
    "evaluation.csv",
    "curve.png",
)
"""What trainings leave in the folder ``output``."""


def check_request(config: RunConfig) -> None:
    """Raises UsageError for a device or the package of a logger that is not there."""
    check_devices(config.device, config.trainer.devices)
    check_logger(config.logger)
    written = [OutputTarget(Path(config.output) / name, "output") for name in WRITTEN]
    refuse_overwriting(written, named_files(config.model_dump(mode="json"), leave_out=("output",)))


def check_devices(device: str, count: int = 1) -> None:
    """Raises UsageError where ``device`` (``cpu`` or ``cuda:N``), or ``count`` of its kind, are not there."""
    import torch

    if device == "cpu":
        return
    # Several are taken from the first one on.
    needed, there = (count if count > 1 else int(device.partition(":")[2]) + 1), torch.cuda.device_count()
    if needed > there:
        wanted = f"trainer.devices {count}" if count > 1 else f"device {device}"
        raise UsageError(f"{wanted}: this machine has {there} CUDA devices; use cpu")


def remember(config: RunConfig, folder: Path, resume: bool) -> None:
    """Keeps the config; a resume under another one is refused, since it could not end in the same network."""
    path, kept = folder / CONFIG, redact(config.model_dump(mode="json"), config=True)
    if resume and path.exists():
        before, now = (validate(type(config), values, str(path)) for values in (read_file(path), kept))
        changed = differing(before, now)
        if changed:
            raise UsageError(
                f"--resume: {', '.join(changed)} differs from {path}: use the same values or another output"
            )
    write_json(path, kept)
