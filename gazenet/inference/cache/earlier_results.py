"""Results of earlier runs: their records, and whether the outputs that these list are still intact."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gazenet.files import sha256_file, write_json
from gazenet.redaction import redact

NAME, OVERVIEW_LOCK = "run.json", ".run.lock"
ENTRIES = ("finished", "failures")


def read_record(folder: Path) -> dict[str, Any] | None:
    """The content of ``run.json`` in a folder; None where it cannot be read."""
    try:
        record = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def is_of(record: Mapping[str, Any], path: Path) -> bool:
    """Return whether a record belongs to the input at ``path``, whatever its content was then."""
    if "path" in record:
        return bool(record["path"] == redact(path.absolute()))
    return record.get("input") in (redact(path), redact(path.absolute()))


def finished(folder: Path, fingerprint: str, files: Iterable[str] = ()) -> dict[str, Any] | None:
    """The record of a finished input whose fingerprint is this one and whose ``files`` are still there, else None.

    An input with a skipped cue is not finished: what failed may work now, and the other cues are cached.
    """
    record = read_record(folder)
    try:
        fits = record is not None and record["fingerprint"] == fingerprint and not record["counts"]["skipped_cues"]
    except (KeyError, TypeError):
        return None
    return record if fits and all((folder / name).exists() for name in files) else None


def digests(folder: Path, files: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of outputs that are files, for a record's ``digests``. Raises OSError."""
    paths = {name: folder / name for name in files if (folder / name).is_file()}
    return {name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for name, path in paths.items()}


def faults(folder: Path, record: Mapping[str, Any], files: Iterable[str]) -> dict[str, str]:
    """Faults of finished outputs by name: gone, of another size, changed.

    Sizes are compared first; a file is only read where they agree. An output without a digest, and all outputs in a
    record of an older version, need only be there.
    """
    kept = record.get("digests")
    texts = {name: _fault(folder / name, kept.get(name) if isinstance(kept, Mapping) else None) for name in files}
    return {name: text for name, text in texts.items() if text}


def _fault(path: Path, wanted: Any) -> str:
    try:
        size = path.stat().st_size
        if wanted is None:
            return ""
        if not path.is_file():
            return "is not a file"
        if size != wanted["bytes"]:
            return f"has {size} bytes instead of {wanted['bytes']}"
        return "" if sha256_file(path) == wanted["sha256"] else "has been changed"
    except FileNotFoundError:
        return "is gone"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    except (KeyError, TypeError):
        return ""


def as_kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record in the form in which it is written: as JSON data, without credentials."""
    kept: dict[str, Any] = redact(record)
    return {**kept, "config": redact(record["config"], config=True)} if "config" in record else kept


def now() -> str:
    """The time in the form of the overview: UTC, sortable."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def write_overview(output_dir: Path, record: Mapping[str, Any], began: str) -> None:
    """Write ``run.json`` of a whole run: ``finished`` and ``failures`` by input.

    The entries of runs beside this one, which ended after it ``began``, stay.
    """
    mine = as_kept({**record, "began": began, "ended": now()})
    with _overview_lock(output_dir):
        other = read_record(output_dir) or {}
        if str(other.get("ended", "")) >= began:
            own = {entry["input"] for key in ENTRIES for entry in mine[key]}
            for key in ENTRIES:
                mine[key] = [entry for entry in other.get(key, []) if entry.get("input") not in own] + mine[key]
            mine["began"] = min(began, str(other.get("began", began)))
        write_json(output_dir / NAME, mine)


@contextlib.contextmanager
def _overview_lock(output_dir: Path) -> Iterator[None]:
    lock = FileLock(str(output_dir / OVERVIEW_LOCK), timeout=60, thread_local=False)
    with contextlib.suppress(Timeout, NotImplementedError, OSError):  # without locks, the last run's record stays
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
