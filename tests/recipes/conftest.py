"""Fixtures on the made-up cache."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_up_cache import fixations_on_blob, make_clip

from gazenet.data.cue_clip import CueClip


@pytest.fixture(scope="session")
def clips() -> list[CueClip]:
    return [make_clip(seed) for seed in (1, 2, 3)]


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """A FindWho folder of three videos, whose pixels are 1280 wide."""
    folder = tmp_path / "sets" / "findwho"
    (folder / "raw_videos").mkdir(parents=True)
    lines = ["video,subject,start_ms,duration_ms,x,y"]
    for seed in (1, 2, 3):
        (folder / "raw_videos" / f"{seed:03d}.mp4").write_bytes(b"")
        table = fixations_on_blob(seed)
        for who, start, (x, y) in zip(table.subject, table.start, table.points * 10, strict=True):
            lines.append(f"{seed:03d},{who},{1000 * start:.0f},10,{x:.2f},{y:.2f}")
    (folder / "fixations.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "sets"
