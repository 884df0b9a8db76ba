"""Failures as one line that names the input, and the plugins at work when an earlier run died."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from gazenet.config.inference import InferConfig
from gazenet.errors import GazenetError, PluginError
from gazenet.guard import journal
from gazenet.inference.results import InputFailure
from gazenet.maps.map_key import without_folders
from gazenet.media.media_files import display_name
from gazenet.redaction import redact_text


def failure(path: Path, error: Exception, cache: Path) -> InputFailure:
    """The failure of an input; messages name the extractor of a cache entry instead of its folder below ``cache``."""
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
    """The plugin's error, where one happened before: a plugin may close our files, so that the clean-up fails too."""
    earlier: BaseException | None = error
    while earlier is not None and not isinstance(error, GazenetError):
        if isinstance(earlier, PluginError):
            return earlier
        earlier = earlier.__context__
    return error


@contextlib.contextmanager
def at_work(config: InferConfig, folder: Path) -> Iterator[None]:
    """Within the block calls of plugins are noted in ``folder``; prints what a run that died left noted there."""
    for line in died_at(config, journal.read_unfinished_calls(folder)):
        print(f"note: {line}", file=sys.stderr)
    with contextlib.suppress(OSError):  # a folder that cannot be made is reported where results are written
        folder.mkdir(parents=True, exist_ok=True)
    with journal.note_calls(folder):
        yield


def died_at(config: InferConfig, calls: list[journal.ActiveCall]) -> list[str]:
    """A line about the calls that an earlier run did not come back from; none without calls."""
    if not calls:
        return []
    positions = {extractor.name: k for k, extractor in enumerate(config.extractors) if not extractor.isolated}
    remedy = " ".join(
        f"extractors.{k}.isolated=true" for k in sorted({positions[c.plugin] for c in calls if c.plugin in positions})
    )
    advice = f"; unless it was killed, run the plugin in a process of its own: --set {remedy}" if remedy else ""
    return [f"an earlier run died while these were at work: {describe_calls(calls)}{advice}"]


def describe_calls(calls: Sequence[journal.ActiveCall]) -> str:
    """Input, plugin and place of each call, each once."""
    texts = [": ".join(filter(None, (call.input, call.plugin, call.where))) for call in calls]
    return "; ".join(dict.fromkeys(texts))
