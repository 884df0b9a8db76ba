"""With which parameters learned cues run where a video is left out: a JSON table, read and checked.

``{"011": {"active_speaker": {"weights": "speaker-011.safetensors"}}, ...}``: by the name of the video left out, the
parameters of the extractors whose installed weights have learned from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gazenet.config.load import read_file
from gazenet.cues.registry import get
from gazenet.errors import UsageError

Parameters = dict[str, dict[str, Any]]
"""Extractor to the parameters that replace those of the inference config."""
Folds = Mapping[str, Parameters]
"""Name of the video left out to parameters; of ``osie-0`` and the like, to those of a fifth of the pictures."""


def read_folds(path: Path) -> dict[str, Parameters]:
    """The table in a file; files that it names are looked for beside it, then from the working directory.

    Raises UsageError naming the fold and the extractor for whatever could not be used.
    """
    found: dict[str, Parameters] = {}
    for fold, by_extractor in read_file(path).items():
        where = f"{path}: {fold}"
        if not isinstance(by_extractor, dict):
            raise UsageError(f'{where}: write the parameters of its cues: {{"active_speaker": {{"weights": "FILE"}}}}')
        found[fold] = {name: _checked(name, given, path.parent, where) for name, given in by_extractor.items()}
    return found


def _checked(name: str, given: Any, beside: Path, where: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise UsageError(f'{where}: {name}: write an object of parameters: {{"weights": "FILE"}}')
    try:
        spec = get(name).spec
        spec.with_parameters(given)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    files = {
        key: _place(str(given[key]), beside, f"{where}: {name}: {key}") for key in spec.checkpoints if given.get(key)
    }
    return {**given, **files}


def _place(name: str, beside: Path, where: str) -> str:
    for path in (beside / name, Path(name)):
        if path.exists():
            return str(path)
    raise UsageError(f"{where}: there is no {name}, neither in {beside} nor in the working directory")
