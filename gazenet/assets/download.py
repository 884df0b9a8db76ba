"""Download a file from a list of addresses: resumed where it stopped, retried with growing pauses, mirrors in order.

A partial file is continued only where the rest certainly belongs to it: the server's validator (ETag, date) is the
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
from typing import Any

from gazenet.assets.disk_space import reserve, translate_full_disk
from gazenet.assets.http import (
    SNIFF_BYTES,
    AddressRefused,
    ConnectionLost,
    HttpResponse,
    StalePart,
    looks_like_page,
    request_file,
)
from gazenet.errors import GazenetError
from gazenet.files import write_all, write_json

TRIES = 5
PAUSE_SECONDS = 1.0
_BLOCK = 1 << 18


ProgressMeter = Callable[[int, int | None], None]
"""A callback that receives the bytes downloaded so far, and the total where it is known."""


def ignore_progress(done: int, total: int | None) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class ExpectedFile:
    """Facts about a file before it is fetched.

    Attributes:
        size: bytes, or None.
        hashed: whether its SHA-256 is known, so that wrong content is always detected.
        self_checking: whether a truncated file is detected when it is used (archives).
        check: raises GazenetError for a complete file with the wrong content.
    """

    size: int | None = None
    hashed: bool = False
    self_checking: bool = False
    check: Callable[[Path], None] = field(default=lambda path: None)


def download(
    addresses: Sequence[str],
    part: Path,
    wanted: ExpectedFile,
    meter: ProgressMeter = ignore_progress,
    stop: threading.Event | None = None,
) -> str:
    """Download the rest of ``part``, check the file and return the address that served it.

    Args:
        addresses: tried in order.
        part: the partial file; it is kept for the next run where all addresses fail.
        wanted: size and checks of the file.
        meter: receives the progress.
        stop: ends the download as soon as it is set.

    Raises GazenetError after the last address, with the reason of each failure.
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
    """Remove a partial file and its state."""
    part.unlink(missing_ok=True)
    _state_file(part).unlink(missing_ok=True)


def _persist(address: str, part: Path, wanted: ExpectedFile, meter: ProgressMeter, stop: threading.Event) -> None:
    """Request the file again until it is complete, with pauses that grow while no bytes arrive."""
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
        with request_file(address, have, str(state.get("validator", ""))) as response:
            if response.start and response.validator != state.get("validator", response.validator):
                raise StalePart("the file has changed on the server")
            _receive(response, address, part, wanted, meter, stop)
    except StalePart as error:
        discard(part)
        if have:
            raise ConnectionLost(str(error)) from None
        raise


def _resumable(address: str, part: Path, wanted: ExpectedFile) -> tuple[int, dict[str, Any]]:
    """Return the bytes that can be continued from an address, with their state; discard a part that cannot be."""
    have, state = _size(part), _read_state(part)
    same = state.get("address_sha256") == _digest(address)
    certain = wanted.hashed or (state.get("validator") and same)
    limit = wanted.size or state.get("total")
    if have and (not certain or (limit and have > limit)):
        discard(part)
        return 0, {}
    return have, state if same else {}


def _receive(
    response: HttpResponse, address: str, part: Path, wanted: ExpectedFile, meter: ProgressMeter, stop: threading.Event
) -> None:
    total = response.total if response.total is not None else wanted.size
    if wanted.size is not None and total != wanted.size:
        raise AddressRefused(f"offers {total} bytes, the catalogue has {wanted.size}: not the published file")
    if total is None and not response.bounded and not (wanted.hashed or wanted.self_checking):
        raise AddressRefused("does not send the length of the file, so a broken connection could not be detected")
    if total is not None:
        reserve(part.parent, total - response.start, part.stem)
    state = {"address_sha256": _digest(address), "validator": response.validator, "total": total}
    write_json(_state_file(part), state)
    done = response.start
    with part.open("r+b" if response.start else "wb", buffering=0) as file:
        file.seek(response.start)
        while block := response.body.read(_BLOCK):
            if done == 0 and looks_like_page(block[:SNIFF_BYTES]):
                raise AddressRefused("sends a web page instead of the file")
            if total is not None and done + len(block) > total:
                raise AddressRefused(f"sends more than {total} bytes: not the published file")
            with translate_full_disk(part.parent, None if total is None else total - done, part.stem):
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
    """Return a hash that identifies an address in stored state without revealing its credentials."""
    return hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()


def _state_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_state(part: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        state = json.loads(_state_file(part).read_text(encoding="utf-8"))
        return state if isinstance(state, dict) else {}
    return {}
