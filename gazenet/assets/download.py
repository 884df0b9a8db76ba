"""Fetch a file from an address: resumed where it stopped, mirrors tried in order."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from gazenet.errors import GazenetError

_BLOCK = 1 << 20
TIMEOUT_SECONDS = 60


def download(addresses: Sequence[str], part: Path, size: int) -> None:
    """Bring ``part`` to ``size`` bytes; what it already holds is kept where the server can continue.

    Raises GazenetError, after the last address, with the reason of each.
    """
    reasons = []
    for address in addresses:
        try:
            _continue(address, part, size)
        except (urllib.error.URLError, TimeoutError, ConnectionError, EOFError) as error:
            reasons.append(f"{address}: {getattr(error, 'reason', None) or error}")
        else:
            return
    raise GazenetError("; ".join(reasons) + ": check the network and run again to continue")


def _continue(address: str, part: Path, size: int) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        have = 0
    if have == size:
        return
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    with contextlib.closing(urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)) as answer:
        continues = getattr(answer, "status", None) == 206
        with part.open("ab" if continues else "wb") as file:
            left = size - (have if continues else 0)
            while left > 0 and (block := answer.read(min(_BLOCK, left))):
                file.write(block)
                left -= len(block)
            if left > 0:
                raise EOFError(f"the connection ended {left} bytes early")
            if answer.read(1):
                raise EOFError(f"the file is larger than the {size} bytes of the catalogue")
