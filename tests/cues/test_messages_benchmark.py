"""The benchmark of what moves between programs and machines."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import make_clip


@pytest.mark.slow
def test_it_measures_all_ways(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", 6)
    command = [sys.executable, "benchmarks/messages.py", str(clip), "--repetitions", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"pipes, 16 at once: [\d.]+ ms per frame", done.stdout)
    assert re.search(r"topic, .*(ms per frame|Wrapyfi is not installed)", done.stdout)
    sizes = {line.split()[0]: float(line.split()[1]) for line in done.stdout.partition("records")[2].splitlines()[1:]}
    assert set(sizes) >= {"faces", "frames", "saliency", "active_speaker"}
    assert sizes["saliency"] > 5184 * 0.9, "a map of 96 cells on its longer side"
