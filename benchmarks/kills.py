"""Commands killed at random moments, then run again: is anything lost? ``python benchmarks/kills.py``.

For each command and signal: start it, kill it at a moment drawn from the whole duration of a run left in peace, start
it again and let it finish. A trial fails where something that was reported done is gone or changed, the results
differ from those of the run left in peace, temporary files or processes are left, the exit code is not that of the
signal, or the end shows a traceback. Exit code 1 if any trial fails.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

if __package__:
    from benchmarks.kill_subjects import Download, Files, Infer, Subject, Train, serving
else:
    from kill_subjects import Download, Files, Infer, Subject, Train, serving

COMMANDS = ("infer", "train", "download")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
PATIENCE_S = 600.0
"""Seconds that a command has to end after a signal, or to finish once it is started again."""
STRAYS = ("**/.*.tmp*", "**/.gazenet-probe-*", "**/.fetch-*", "**/package-*", "**/*.part", "**/.owner")
MARK = "GAZENET_KILLS"
HOME = Path(__file__).resolve().parents[1]


@dataclass
class Ended:
    """How a process ended: its exit code (negative: by that signal), what it said, and for how long it ran."""

    code: int
    said: str
    seconds: float
    left_over: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Peaceful:
    """A run that nobody disturbed."""

    outcome: Files
    seconds: float
    temporary: set[str]
    """What it leaves in the folder for temporary files: caches of libraries."""


class Bench:
    """Runs one subject, again and again, in fresh folders below ``home``."""

    def __init__(self, subject: Subject, home: Path) -> None:
        self.subject, self.home = subject, home

    def run(self, folder: Path, number: int | None = None, after: float = 0.0) -> Ended:
        """The command once in ``folder``; sent the signal ``number`` after so many seconds, if it still runs."""
        mark, log, for_temporary = uuid.uuid4().hex, folder.with_suffix(".log"), folder.with_suffix(".tmpdir")
        for_temporary.mkdir(exist_ok=True)
        more = {MARK: mark, "TMPDIR": str(for_temporary), "OMP_NUM_THREADS": "1"}
        environment = {**os.environ, "PYTHONPATH": "", **self.subject.environment(folder), **more}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [environment["PYTHONPATH"], str(HOME)]))
        command = [sys.executable, "-m", self.subject.module, *self.subject.arguments]
        start = time.monotonic()
        with log.open("wb") as said, signals_as_usual():
            child = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        try:
            if number is not None:
                wait(child, after)
                child.send_signal(number)
            ended = wait(child, PATIENCE_S)
        finally:
            child.kill()
            child.wait()
        seconds = time.monotonic() - start
        left = marked(mark, until=time.monotonic() + 10)
        for process in left:
            os.kill(process, signal.SIGKILL)
        text = log.read_text("utf-8", "replace") + ("" if ended else "\n(does not end)")
        return Ended(child.returncode, text, seconds, left)

    def in_peace(self) -> Peaceful:
        """What the command does when it is left alone. Raises RuntimeError where that is not success."""
        folder = self.fresh("peace")
        ended = self.run(folder)
        if ended.code:
            raise RuntimeError(f"{self.subject.name}: fails by itself ({ended.code}):\n{ended.said}")
        return Peaceful(self.subject.outcome(folder), ended.seconds, temporary(folder))

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        folder = self.home / self.subject.name / name
        folder.mkdir(parents=True)
        return folder

    def trial(self, name: str, number: int, after: float, peaceful: Peaceful) -> list[str]:
        """Kill, run again, compare; the faults in words. What failed stays in its folder."""
        folder = self.fresh(name)
        killed = self.run(folder, number, after)
        faults = faults_of_end(killed, number)
        if number != signal.SIGKILL and temporary(folder) - peaceful.temporary:
            faults.append("leaves something in the folder for temporary files")
        done = self.subject.reported(folder, killed.said)
        shutil.copy(folder.with_suffix(".log"), folder.with_suffix(".killed.log"))
        again = self.run(folder)
        if again.code:
            return [*faults, f"run again: exit code {again.code}: {last_line(again.said)}"]
        outcome = self.subject.outcome(folder)
        kept = {path: (folder / path).read_bytes() if (folder / path).exists() else None for path in done}
        faults += [f"{path}: was reported done and is not the same" for path in done if kept[path] != done[path]]
        names = sorted({*outcome, *peaceful.outcome})
        faults += [
            f"{path}: not as without the kill" for path in names if outcome.get(path) != peaceful.outcome.get(path)
        ]
        strays = [path for pattern in STRAYS for path in folder.glob(pattern)]
        faults += [f"{path.relative_to(folder)}: left behind" for path in strays]
        if not faults:
            shutil.rmtree(folder)
        return faults


def temporary(folder: Path) -> set[str]:
    """Names in the folder for temporary files of the runs in ``folder``."""
    return {path.name for path in folder.with_suffix(".tmpdir").iterdir()}


def faults_of_end(killed: Ended, number: int) -> list[str]:
    """What is wrong with how a process ended on a signal. One that was not yet at work ends by the signal itself."""
    faults = [f"process {process} is left over" for process in killed.left_over]
    allowed = (0, -number) if number == signal.SIGKILL else (0, -number, 128 + number)
    if killed.code not in allowed:
        faults.append(f"exit code {killed.code}: {last_line(killed.said)}")
    if number != signal.SIGKILL and "Traceback" in killed.said and "gazenet" in killed.said:
        faults.append(f"ends with a traceback: {last_line(killed.said)}")
    if killed.code == 128 + number and not any(word in last_line(killed.said) for word in ("interrupted", "ended by")):
        faults.append(f"does not say that it was ended: {last_line(killed.said)}")
    return faults


def last_line(text: str) -> str:
    """The last line of a text."""
    return (text.strip().splitlines() or [""])[-1]


def wait(child: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ended within so many seconds."""
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def signals_as_usual() -> Iterator[None]:
    """A process that is started within the block ends on Ctrl-C, also where we run in the background."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def marked(mark: str, until: float) -> list[int]:
    """Processes with the mark in their environment that are still there at ``until``."""
    while True:
        found = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if holds(path, mark)]
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.1)


def holds(path: Path, mark: str) -> bool:
    """Whether an environment is that of a living process with the mark."""
    try:
        return f"{MARK}={mark}".encode() in path.read_bytes()
    except OSError:  # It is gone, or not ours.
        return False


@contextmanager
def subjects(names: Sequence[str], home: Path) -> Iterator[list[Subject]]:
    """The commands by name, with their inputs made."""
    files: Files = {}
    with serving(files) as address:
        makers: dict[str, Callable[[Path], Subject]] = {
            "infer": Infer,
            "train": Train,
            "download": lambda inputs: Download(inputs, address, files),
        }
        made = []
        for name in names:
            inputs = home / f"{name}-inputs"
            inputs.mkdir(parents=True)
            made.append(makers[name](inputs))
        yield made


def trials(subject: Subject, home: Path, names: Sequence[str], count: int, seed: int) -> dict[str, list[list[str]]]:
    """Signal -> the faults of each of ``count`` trials; moments depend on ``seed`` alone."""
    bench = Bench(subject, home)
    peaceful = bench.in_peace()
    found: dict[str, list[list[str]]] = {}
    for name in names:
        number = int(getattr(signal, name))
        moments = random.Random(f"{seed} {subject.name} {name}")
        found[name] = []
        for index in range(count):
            after = moments.uniform(0, 1.05 * peaceful.seconds)
            faults = bench.trial(f"{name}-{index}", number, after, peaceful)
            found[name].append(faults)
            for fault in faults:
                print(f"{subject.name} {name} {index} after {after:.2f} s: {fault}", file=sys.stderr, flush=True)
    return found


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50, help="kills per command and signal (default: 50)")
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--signals", nargs="+", choices=SIGNALS, default=list(SIGNALS))
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, help="where the runs are kept (default: a temporary one, removed)")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, and print a table."""
    options = parse(argv)
    home = options.folder or Path(tempfile.mkdtemp(prefix="kills-"))
    rows: list[list[str]] = [["command", "signal", "runs", "failures"]]
    failures = 0
    with subjects(options.commands, home) as chosen:
        for subject in chosen:
            for name, faults in trials(subject, home, options.signals, options.count, options.seed).items():
                failed = sum(map(bool, faults))
                failures += failed
                rows.append([subject.name, name, str(len(faults)), str(failed)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not options.folder and not failures:
        shutil.rmtree(home)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
