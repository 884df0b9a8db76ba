"""Fetch a file from addresses: resumed where it stopped, tried again with growing pauses, mirrors in order.

A part is continued only when it is certain that its rest belongs to it: the server's validator (ETag, date) is the
same, or the hash of the whole file is known.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from gazenet.assets.disk_space import naming_full_disk, reserve
from gazenet.assets.http import (
    SNIFF_BYTES,
    AddressRefused,
    ConnectionLost,
    HttpAnswer,
    StalePart,
    ask,
    looks_like_page,
)
from gazenet.errors import GazenetError
from gazenet.files import write_all, write_json

TRIES = 5
PAUSE_SECONDS = 1.0
_BLOCK = 1 << 18


class ProgressMeter(Protocol):
    """Is told how far a download is."""

    def __call__(self, done: int, total: int | None) -> None: ...


def unmetered(done: int, total: int | None) -> None:
    """A meter that shows nothing."""


@dataclass(frozen=True)
class ExpectedFile:
    """What is known of a file before it is fetched.

    Attributes:
        size: bytes, or None.
        hashed: whether its SHA-256 is known, so that no wrong content can pass.
        self_checking: whether a cut file would be noticed when it is used (archives).
        check: raises GazenetError for a complete file that is not the wanted one.
    """

    size: int | None = None
    hashed: bool = False
    self_checking: bool = False
    check: Callable[[Path], None] = field(default=lambda path: None)


def download(
    addresses: Sequence[str],
    part: Path,
    wanted: ExpectedFile,
    meter: ProgressMeter = unmetered,
    stop: threading.Event | None = None,
) -> str:
    """Bring ``part`` to the complete, checked file and return the address that gave it.

    Raises GazenetError, after the last address, with the reason of each; what has come so far is kept for the next
    run. ``stop``: ends the download as soon as it is set.
    """
    stop = stop or threading.Event()
    reasons = []
    for address in addresses:
        try:
            _persist(address, part, wanted, meter, stop)
        except (AddressRefused, ConnectionLost) as error:
            if not _size(part):
                discard(part)
            reasons.append(f"{address}: {error}")
            continue
        try:
            wanted.check(part)
        except GazenetError as error:
            discard(part)
            reasons.append(f"{address}: {error}")
            continue
        _state_file(part).unlink(missing_ok=True)
        return address
    raise GazenetError("; ".join(reasons) + ": check the network and run again to continue")


def discard(part: Path) -> None:
    """Remove a part and what is known of it."""
    part.unlink(missing_ok=True)
    _state_file(part).unlink(missing_ok=True)


def _persist(address: str, part: Path, wanted: ExpectedFile, meter: ProgressMeter, stop: threading.Event) -> None:
    """Ask again until the file is complete; a pause grows while nothing new comes."""
    failed, reached = 0, _size(part)
    while True:
        if stop.is_set():
            raise GazenetError("interrupted; run again to continue")
        try:
            _attempt(address, part, wanted, meter, stop)
            return
        except ConnectionLost as error:
            failed = 0 if _size(part) > reached else failed + 1
            reached = max(reached, _size(part))
            if failed >= TRIES:
                raise
            stop.wait(max(error.wait, PAUSE_SECONDS * 2 ** max(failed - 1, 0)))


def _attempt(address: str, part: Path, wanted: ExpectedFile, meter: ProgressMeter, stop: threading.Event) -> None:
    have, state = _resumable(address, part, wanted)
    if have and have == (wanted.size or state.get("total")):
        return
    try:
        with ask(address, have, str(state.get("validator", ""))) as answer:
            if answer.start and answer.validator != state.get("validator", answer.validator):
                raise StalePart("the file has changed on the server")
            _receive(answer, address, part, wanted, meter, stop)
    except StalePart as error:
        discard(part)
        if have:
            raise ConnectionLost(str(error)) from None
        raise


def _resumable(address: str, part: Path, wanted: ExpectedFile) -> tuple[int, dict[str, Any]]:
    """Bytes of the part that may be continued from an address, and what is known of them; else it is discarded."""
    have, state = _size(part), _read_state(part)
    same = state.get("address_sha256") == _digest(address)
    certain = wanted.hashed or (state.get("validator") and same)
    limit = wanted.size or state.get("total")
    if have and (not certain or (limit and have > limit)):
        discard(part)
        return 0, {}
    return have, state if same else {}


def _receive(
    answer: HttpAnswer, address: str, part: Path, wanted: ExpectedFile, meter: ProgressMeter, stop: threading.Event
) -> None:
    total = answer.total if answer.total is not None else wanted.size
    if wanted.size is not None and total != wanted.size:
        raise AddressRefused(f"offers {total} bytes, the catalogue says {wanted.size}: not the published file")
    if total is None and not answer.bounded and not (wanted.hashed or wanted.self_checking):
        raise AddressRefused("does not tell how long the file is, so that a broken connection could not be noticed")
    if total is not None:
        reserve(part.parent, total - answer.start, part.stem)
    state = {"address_sha256": _digest(address), "validator": answer.validator, "total": total}
    write_json(_state_file(part), state)
    done = answer.start
    with part.open("r+b" if answer.start else "wb", buffering=0) as file:
        file.seek(answer.start)
        while block := answer.body.read(_BLOCK):
            if done == 0 and looks_like_page(block[:SNIFF_BYTES]):
                raise AddressRefused("answers with a web page instead of the file")
            if total is not None and done + len(block) > total:
                raise AddressRefused(f"sends more than {total} bytes: not the published file")
            with naming_full_disk(part.parent, None if total is None else total - done, part.stem):
                write_all(file.fileno(), block)
            done += len(block)
            meter(done, total)
            if stop.is_set():
                raise GazenetError("interrupted; run again to continue")
    if total is not None and done < total:
        raise ConnectionLost(f"the connection ended {total - done} bytes early")
    if done == 0:
        raise AddressRefused("sends an empty file")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _digest(address: str) -> str:
    """Stands for an address in what is kept: tells two apart, also by their query, and gives no credential away."""
    return hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()


def _state_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_state(part: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        state = json.loads(_state_file(part).read_text(encoding="utf-8"))
        return state if isinstance(state, dict) else {}
    return {}
