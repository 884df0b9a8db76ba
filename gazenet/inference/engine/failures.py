"""What failed, in one line that names the input; and what was at work when an earlier run died without a word."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from gazenet.config.inference import InferConfig
from gazenet.errors import GazenetError, PluginError
from gazenet.guard import journal
from gazenet.inference.results import InputFailure
from gazenet.maps.map_key import without_folders
from gazenet.media.source_id import display_name
from gazenet.redaction import redact_text


def failure(path: Path, error: Exception, cache: Path) -> InputFailure:
    """The failure of an input; entries below the folder ``cache`` are called by their extractors."""
    name, trace, error = display_name(path), "", _first_fault(error)
    if isinstance(error, GazenetError):
        text = redact_text(without_folders(" ".join(str(error).split()), cache))
    elif isinstance(error, OSError):
        text = f"{display_name(error.filename or path)}: {error.strerror or error}"
    else:
        text = redact_text(" ".join(str(error).split()))
        text = f"internal error: {type(error).__name__}: {text} (run.json has its trace)"
        trace = redact_text("".join(traceback.format_exception(error)))
    return InputFailure(path, text if text.startswith(name) else f"{name}: {text}", trace)


def _first_fault(error: Exception) -> Exception:
    """What goes wrong in cleaning up after a plugin (it may have closed our files) is the plugin's fault."""
    before: BaseException | None = error
    while before is not None and not isinstance(error, GazenetError):
        if isinstance(before, PluginError):
            return before
        before = before.__context__
    return error


@contextlib.contextmanager
def at_work(config: InferConfig, folder: Path) -> Iterator[None]:
    """Within the block the plugins at work are noted in ``folder``; says what an earlier run left noted there."""
    for line in died_at(config, journal.read_unfinished_calls(folder)):
        print(f"note: {line}", file=sys.stderr)
    with contextlib.suppress(OSError):  # a folder that cannot be made is told by whoever writes results there
        folder.mkdir(parents=True, exist_ok=True)
    with journal.note_calls(folder):
        yield


def died_at(config: InferConfig, calls: list[journal.ActiveCall]) -> list[str]:
    """What is to be said of the calls that an earlier run did not come back from: one line, or none."""
    if not calls:
        return []
    places = {one.name: k for k, one in enumerate(config.extractors) if not one.isolated}
    named = [": ".join(part for part in (call.input, call.plugin, call.where) if part) for call in calls]
    found = sorted({places[call.plugin] for call in calls if call.plugin in places})
    remedy = " ".join(f"extractors.{k}.isolated=true" for k in found)
    advice = f"; if nobody ended it, keep the plugin in a process of its own: --set {remedy}" if remedy else ""
    return [f"an earlier run ended without a word while these were at work: {'; '.join(named)}{advice}"]
