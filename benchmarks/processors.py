"""What results depend on the processor. ``python benchmarks/processors.py FOLDER ... [--tests FOLDER ...] [--suite]``.

Runs goldens, and tests, under the product of instruction sets and numbers of threads, each configuration in processes
of its own, and prints a table: a row per configuration, then every golden that fails anywhere or comes near to its
tolerance, with its largest error relative to the tolerance. Exit status 1 where anything fails.

A machine can only take less than it has: ``best`` leaves the choice to the libraries, other sets are upper limits. An
instruction set counts for oneDNN (``ONEDNN_MAX_CPU_ISA``), for PyTorch's own loops (``ATEN_CPU_CAPABILITY``) and for
NumPy's BLAS (``OPENBLAS_CORETYPE``).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETS: Mapping[str, Mapping[str, str]] = {
    "SSE41": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Nehalem"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "OPENBLAS_CORETYPE": "Haswell"},
    "best": {},
}
THREADS = (1, 2, 4)
NUMERIC = tuple(f"tests/{room}" for room in ("backbones", "fusion", "plugins", "export", "metrics", "cues"))
"""Folders of tests that compare numbers."""

MARKS = "not slow and not network and not gpu and not browser"
NEAR = 0.3
"""Share of a tolerance from which on a golden is named."""

_GOLDEN = re.compile(r"(pass|fail|skipped) +(\S+)  (\S+) *(.*)")
_FAILED = re.compile(r"(?:FAILED|ERROR) (\S.*)")


@dataclass(frozen=True)
class Configuration:
    """An instruction set and a number of threads, of OpenMP and of the libraries that have their own."""

    instructions: str
    threads: int

    def __str__(self) -> str:
        return f"{self.instructions}, {self.threads} thread{'s' if self.threads > 1 else ''}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process, without limits that the caller has set."""
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
        counts = dict.fromkeys(names, str(self.threads))
        # Threads beyond the processors of the machine would spin for each other.
        limits = {name for limits in SETS.values() for name in limits}
        kept = {name: value for name, value in os.environ.items() if name not in limits}
        return {**kept, **SETS[self.instructions], **counts, "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass
class Outcome:
    """What one configuration gave. ``near``: error in tolerances, by golden; ``failed``: goldens and tests."""

    goldens: dict[str, int] = field(default_factory=lambda: {"pass": 0, "fail": 0, "skipped": 0})
    near: dict[str, str] = field(default_factory=dict)
    tests: str = "-"
    failed: list[str] = field(default_factory=list)

    def read_goldens(self, text: str, rtol: float) -> None:
        """Takes in what the golden runner printed."""
        for state, error, name, reason in _GOLDEN.findall(text):
            self.goldens[state] += 1
            value = float("nan") if error == "-" else float(error)
            beyond = re.match(r"> ([\d.e+-]+)", reason)
            share = value / (float(beyond[1]) if beyond else rtol)
            if state == "fail" or share > NEAR:
                self.near[name] = f"{share:.2f} {'FAILS' if state == 'fail' else ''}{' (rounding)' if beyond else ''}"
            if state == "fail":
                self.failed.append(f"{name}: {reason}")

    def read_tests(self, text: str, status: int) -> None:
        """Takes in what pytest printed: its last line, and what failed."""
        lines = [line for line in text.splitlines() if line.strip()]
        self.tests = lines[-1].strip("= ") if lines else f"exit status {status}"
        self.failed += _FAILED.findall(text)
        if status not in (0, 5) and not _FAILED.search(text):
            self.failed.append(f"tests: exit status {status}")


def measure(configuration: Configuration, goldens: Sequence[str], tests: Sequence[str], rtol: float) -> Outcome:
    """Runs goldens and tests of one configuration, one after the other."""
    outcome = Outcome()
    if goldens:
        command = [sys.executable, "-m", "gazenet.testing.goldens", *goldens, "--rtol", str(rtol)]
        done = _run(command, configuration)
        outcome.read_goldens(done.stdout, rtol)
        if done.returncode and not outcome.failed:
            outcome.failed.append(f"goldens: exit status {done.returncode}: {done.stderr.strip()[-200:]}")
    if tests:
        # Instead of the project's options: a second -q would leave the counts out.
        options = ["-o", "addopts=--strict-markers -p no:cacheprovider", "-q", "-rfE", "--timeout", "1200"]
        done = _run([sys.executable, "-m", "pytest", *options, "-m", MARKS, *tests], configuration)
        outcome.read_tests(done.stdout, done.returncode)
    return outcome


def _run(command: Sequence[str], configuration: Configuration) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=configuration.environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


def table(outcomes: Mapping[Configuration, Outcome]) -> str:
    """Rows of configurations, then of goldens that fail or come near to their tolerance anywhere."""
    lines = ["| configuration | goldens | tests |", "| --- | --- | --- |"]
    for configuration, outcome in outcomes.items():
        counts = ", ".join(f"{count} {state}" for state, count in outcome.goldens.items() if count) or "-"
        lines.append(f"| {configuration} | {counts} | {outcome.tests} |")
    names = sorted({name for outcome in outcomes.values() for name in outcome.near})
    if names:
        lines += ["", f"Errors in tolerances (from {NEAR} on; `rounding`: beyond, as the computation explains)."]
        lines += ["| golden | " + " | ".join(map(str, outcomes)) + " |", "| --- |" + " --- |" * len(outcomes)]
        for name in names:
            lines.append(f"| {name} | " + " | ".join(one.near.get(name, "") for one in outcomes.values()) + " |")
    for configuration, outcome in outcomes.items():
        lines += [f"{configuration}: {failure}" for failure in outcome.failed]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("goldens", nargs="*", metavar="FOLDER", help="goldens (default tests/data/goldens)")
    made.add_argument("--tests", nargs="*", default=None, metavar="FOLDER", help=f"tests too: {' '.join(NUMERIC)}")
    made.add_argument("--suite", action="store_true", help="all tests")
    made.add_argument("--no-goldens", action="store_true", help="tests only")
    made.add_argument("--sets", nargs="*", choices=SETS, default=[*SETS], help="instruction sets (default: all)")
    made.add_argument("--threads", nargs="*", type=int, default=[*THREADS], help="numbers of threads (1 2 4)")
    made.add_argument("--rtol", type=float, default=1e-4, help="as of the golden runner")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table; 1 where anything failed."""
    options = parser().parse_args(argv)
    goldens = [] if options.no_goldens else options.goldens or ["tests/data/goldens"]
    tests = ["tests"] if options.suite else list(NUMERIC) if options.tests == [] else options.tests or []
    outcomes: dict[Configuration, Outcome] = {}
    for configuration in (Configuration(*pair) for pair in product(options.sets, options.threads)):
        outcomes[configuration] = measure(configuration, goldens, tests, options.rtol)
        print(f"{configuration}: {len(outcomes[configuration].failed)} failed", file=sys.stderr, flush=True)
    print(table(outcomes))
    return 1 if any(outcome.failed for outcome in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
