"""A few of the random kills of ``benchmarks/kills.py``, which does many, and what it would notice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import kills
from benchmarks.kill_subjects import Files, Subject, read

OBEDIENT = """
import os, signal, sys, time
from pathlib import Path
from gazenet.cli.command import CommandParser, execute
def work(args):
    out = Path("out")
    out.mkdir(exist_ok=True)
    for number in range(30):
        if not (out / str(number)).exists():
            time.sleep(0.05)
            (out / str(number)).write_text(str(number * number))
        print("done", number, flush=True)
    return 0
sys.exit(execute(CommandParser("obedient", ""), work))
"""
DEFIANT = {
    "forgets": ("number))\n", 'number))\n        else:\n            (out / str(number)).write_text("again")\n'),
    "differs": ("str(number * number)", "str(os.getpid())"),
    "leaves": ('print("done"', '(out / f".{number}.tmp").touch(); print("done"'),
    "outlives": ("    for number", '    os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "60")\n    for number'),
    "code": ("sys.exit(execute(", "os._exit(3 * execute("),
}
NOTICED = {
    "forgets": "was reported done and is not the same",
    "differs": "not as without the kill",
    "leaves": "left behind",
    "outlives": "is left over",
    "code": "exit code",
}


class Small(Subject):
    """A program of a few lines."""

    name, module, arguments = "small", "small_program", []

    def __init__(self, inputs: Path, source: str) -> None:
        super().__init__(inputs)
        (inputs / "small_program.py").write_text(source)

    def environment(self, folder: Path) -> dict[str, str]:
        return {"PYTHONPATH": str(self.inputs)}

    def outcome(self, folder: Path) -> Files:
        return read(folder, "out/[0-9]*")

    def reported(self, folder: Path, said: str) -> Files:
        return read(folder, *(f"out/{line.split()[1]}" for line in said.splitlines() if line.startswith("done")))


def faults_of(source: str, folder: Path, shares: tuple[float, ...]) -> list[str]:
    """The faults of a program that is ended by SIGTERM after these shares of its time, until there are some."""
    (folder / "inputs").mkdir()
    bench = kills.Bench(Small(folder / "inputs", source), folder)
    peaceful = bench.in_peace()
    for share in shares:
        faults = bench.trial(f"at{share}", signal.SIGTERM, share * peaceful.seconds, peaceful)
        if faults:
            return faults
    return []


@pytest.mark.slow
def test_a_sound_program_passes(tmp_path: Path) -> None:
    assert faults_of(OBEDIENT, tmp_path, (0.5, 0.8)) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(DEFIANT))
def test_every_fault_is_noticed(fault: str, tmp_path: Path) -> None:
    old, new = DEFIANT[fault]
    assert old in OBEDIENT
    # On a busy machine a moment may come before the program is at work or after its end.
    faults = faults_of(OBEDIENT.replace(old, new), tmp_path, (0.8, 0.7, 0.9, 0.6, 0.5, 0.95, 0.4, 0.3))
    assert any(NOTICED[fault] in one for one in faults), faults


@pytest.mark.promise("training resumes exactly")
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", kills.COMMANDS)
def test_nothing_is_lost_by_a_random_kill(command: str, tmp_path: Path) -> None:
    arguments = ["--count", "1", "--commands", command, "--folder", str(tmp_path), "--seed", "1"]
    script = Path(kills.__file__)
    done = subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.count(command) == len(kills.SIGNALS)
