"""The scripted server, with short pauses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scripted_server import Server, serving

from gazenet.assets import download, http


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.5)
    with serving() as running:
        yield running
