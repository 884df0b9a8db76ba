"""An extractor that fails while it is exported: one line that names it, as in a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.registry import PluginEntry
from gazenet.errors import PluginError, UsageError
from gazenet.export import export_subject


class Closed:
    """Cannot be exported, and says why."""

    not_exportable = "its network is a lookup table"

    def load(self, *asked: Any) -> None:
        raise SystemExit("no weights,\nno word")


class Broken(Closed):
    """Can be exported, but not loaded."""

    def exportable(self, size: Any) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        (Broken, PluginError, r"broken: loading: tried to end the program .*no weights"),
        (Closed, UsageError, "broken: cannot be exported: its network is a lookup table"),
    ],
)
def test_a_failing_extractor_is_named(
    kind: type[Closed], error: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ExtractorSpec(name="broken", summary="fails", cue="other", implementation="toy:Broken")
    monkeypatch.setattr(export_subject, "get", lambda name: PluginEntry(name, spec, "toys", lambda: kind))
    with pytest.raises(error, match=text):
        export_subject.extractor_subject("broken", {}, Path)
