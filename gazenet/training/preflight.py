"""The checks of a training before it writes anything, and the config that it keeps for a resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gazenet.config.fit_config import RecipeConfig, differing
from gazenet.config.load import read_file, validate
from gazenet.errors import UsageError
from gazenet.files import write_json
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting
from gazenet.redaction import redact
from gazenet.training.loggers import check_logger

CONFIG, RESULT, CURVE, EPOCHS = "train_config.json", "result.json", "curve.png", "epochs.csv"
"""Files that every training writes into its folder."""
LONGEST = 60
"""Characters of a value in a message."""


def check_request(config: RecipeConfig) -> None:
    """Check the devices, the package of the logger, and that no input would be overwritten. Raises UsageError."""
    check_devices(config.device, config.trainer.devices)
    check_logger(config.logger)
    names = (CONFIG, RESULT, CURVE, EPOCHS, *config.writes)
    written = [OutputTarget(Path(config.output) / name, "output") for name in names]
    refuse_overwriting(written, named_files(config.model_dump(mode="json"), leave_out=("output",)))


def check_devices(device: str, count: int = 1) -> None:
    """Raise UsageError where ``device`` (``cpu`` or ``cuda:N``), or ``count`` of its kind, are not there."""
    import torch

    if device == "cpu":
        return
    # Several are taken from the first one on.
    needed, there = (count if count > 1 else int(device.partition(":")[2]) + 1), torch.cuda.device_count()
    if needed > there:
        wanted = f"trainer.devices {count}" if count > 1 else f"device {device}"
        raise UsageError(f"{wanted}: this machine has {there} CUDA devices; use cpu")


def remember(config: RecipeConfig, folder: Path, resume: bool) -> None:
    """Keep the config; refuse to resume under another one, which could not end in the same network (UsageError)."""
    path, kept = folder / CONFIG, redact(config.model_dump(mode="json"), config=True)
    if resume and path.exists():
        before, now = (validate(type(config), values, str(path)) for values in (read_file(path), kept))
        changed = differing(before, now)
        if changed:
            words = ", ".join(
                f"{key} ({_short(old)} there, {_short(new)} here)" for key, (old, new) in changed.items()
            )
            raise UsageError(f"--resume: {words} differs from {path}: use the same values or another output")
    write_json(path, kept)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
