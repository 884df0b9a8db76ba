"""Extractors as one file of Python with its weights beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from gazenet.cues.extractor import AssetPath
from gazenet.cues.registry import get
from gazenet.cues.standalone import Standalone
from gazenet.errors import UsageError
from gazenet.export.single_file import Bundle
from gazenet.files import write_bytes, write_text
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting
from gazenet.version import __version__


def write_standalone(name: str, parameters: Mapping[str, object], folder: Path, asset_path: AssetPath) -> list[Path]:
    """Writes the file of an extractor and what belongs beside it into a folder; returns their paths, the file first.

    Args:
        name: of the extractor.
        parameters: what is changed of the parameters in its spec (``weights`` among them, where it has some).
        folder: made where it is not there; files of these names are replaced.
        asset_path: finds declared weights.

    Raises UsageError for an unknown extractor or parameter, one that has no such form, and where nothing can be
    written.
    """
    entry = get(name)
    extractor = entry.load()(**entry.spec.with_parameters(parameters))
    if not callable(getattr(extractor, "standalone", None)):
        raise UsageError(f"{name}: has no standalone form (docs/export.md says what gives it one); take --format onnx")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --format standalone writes a folder")
    extractor.load(torch.device("cpu"), torch.float32, asset_path)
    lent: Standalone = extractor.standalone()
    text = python_file(lent)
    written = [OutputTarget(folder / file, "--output") for file in (lent.file, *lent.beside)]
    refuse_overwriting(written, named_files(parameters))
    try:
        for file, content in lent.beside.items():
            write_bytes(folder / file, content)
        write_text(folder / lent.file, text)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); choose another --output") from None
    return [folder / lent.file, *(folder / file for file in lent.beside)]


def python_file(lent: Standalone) -> str:
    """The text of the file. Raises UsageError where what is offered cannot be put into one."""
    try:
        text = Bundle(lent.offered, lent.replaced).text(f"{lent.summary}\n\nWritten by gazenet {__version__} (MIT).\n")
        compile(text, lent.file, "exec")
    except (ValueError, SyntaxError) as error:
        raise UsageError(f"{lent.file}: cannot be written: {error}") from None
    return text
