"""The benchmark of engines: a line per engine, and processor time of all that belongs to a run."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from benchmarks import scale

SPIN = """
import time
while time.process_time() < 1.0:
    pass
print(1, flush=True)
input()
"""


def test_the_processor_time_of_children_counts() -> None:
    before = scale.processor_s()
    child = subprocess.Popen([sys.executable, "-c", SPIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"1\n"
    assert scale.processor_s() - before >= 0.8
    child.communicate(b"\n")


def test_the_middle_of_a_run_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([3.0, 5.0, 6.0, 7.0])
    monkeypatch.setattr(scale, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    monkeypatch.setattr(scale, "processor_s", time.process_time)
    stamped = scale.Stamped(lambda graph, jobs, resume: iter([(job, ValueError()) for job in jobs]))
    assert len(list(stamped(None, [1, 2, 3, 4], True))) == 4  # type: ignore[arg-type, list-item]
    assert [moment for moment, _ in stamped.stamps] == [3.0, 5.0, 6.0, 7.0]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_line_per_engine() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    options = ["--rounds", "3", "--frames", "32", "--sleep_ms", "1", "--real", "", "--engines", "local:1", "ray:1"]
    done = subprocess.run(
        [sys.executable, "benchmarks/scale.py", *options], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = {
        line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if line.lstrip()[:3] in ("loc", "ray")
    }
    assert set(rows) == {"local:1", "ray:1"} and "over local" in done.stdout
    ms, over_ideal, over_local, processor = map(float, rows["local:1"][:4])
    assert over_local == 0 and ms == pytest.approx(1 + over_ideal, abs=0.02) and processor > 0
