"""What earlier runs left in result folders: their records, and whether the results that they tell of still stand."""

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
    """What ``run.json`` in a folder says; None where there is none that can be read."""
    try:
        record = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def is_of(record: Mapping[str, Any], path: Path) -> bool:
    """Whether a record is of the input at ``path``, whatever its content was then."""
    if "path" in record:
        return bool(record["path"] == redact(path.absolute()))
    return record.get("input") in (redact(path), redact(path.absolute()))


def finished(folder: Path, fingerprint: str, files: Iterable[str] = ()) -> dict[str, Any] | None:
    """The record of a finished input, if its results are those of this fingerprint and ``files`` are still there.

    An input with a skipped cue does not count: what failed may work now, and the other cues are cached.
    """
    record = read_record(folder)
    try:
        fits = record is not None and record["fingerprint"] == fingerprint and not record["counts"]["skipped_cues"]
    except (KeyError, TypeError):
        return None
    return record if fits and all((folder / name).exists() for name in files) else None


def digests(folder: Path, files: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of results, as they stand in a record under ``digests``; folders have none. Raises OSError."""
    found = {name: folder / name for name in files if (folder / name).is_file()}
    return {name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for name, path in found.items()}


def faults(folder: Path, record: Mapping[str, Any], files: Iterable[str]) -> dict[str, str]:
    """What is wrong with finished results, by name: gone, of another size, changed.

    Sizes are compared first; a file is only read where they agree. What has no digest, and all results of a record of
    an older version, need only be there.
    """
    known = record.get("digests")
    found = {name: _fault(folder / name, known.get(name) if isinstance(known, Mapping) else None) for name in files}
    return {name: fault for name, fault in found.items() if fault}


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
    """A record, with a ``config`` in it, as it may be written."""
    kept: dict[str, Any] = redact(record)
    return {**kept, "config": redact(record["config"], config=True)} if "config" in record else kept


def now() -> str:
    """The time as the overview has it: UTC, sortable."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def write_overview(output_dir: Path, record: Mapping[str, Any], began: str) -> None:
    """``run.json`` of a whole run: ``finished`` and ``failures`` by input.

    What runs beside this one (those that ended after it ``began``) have written there stays.
    """
    mine = as_kept({**record, "began": began, "ended": now()})
    with _overview_lock(output_dir):
        other = read_record(output_dir) or {}
        if str(other.get("ended", "")) >= began:
            seen = {one["input"] for key in ENTRIES for one in mine[key]}
            for key in ENTRIES:
                mine[key] = [one for one in other.get(key, []) if one.get("input") not in seen] + mine[key]
            mine["began"] = min(began, str(other.get("began", began)))
        write_json(output_dir / NAME, mine)


@contextlib.contextmanager
def _overview_lock(output_dir: Path) -> Iterator[None]:
    lock = FileLock(str(output_dir / OVERVIEW_LOCK), timeout=60, thread_local=False)
    with contextlib.suppress(Timeout, NotImplementedError, OSError):  # without locks, the last run's word stands
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
