"""A signal ends a command in order, a second one at once, and neither leaves a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gazenet.cli.command import CommandParser, execute
from gazenet.errors import GazenetError, Terminated

WORK = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from gazenet.cli.command import CommandParser, execute
def work(args):
    with ThreadPoolExecutor(1) as pool:
        try:
            {slow}
            print("ready", flush=True)
            time.sleep(60)
        finally:
            Path("cleaned").touch()
            print("cleaning", flush=True)
            {cleaning}
    return 0
sys.exit(execute(CommandParser("gasp_test", ""), work))
"""


def started(folder: Path, slow: str = "pass", cleaning: str = "pass", before: str = "") -> subprocess.Popen[str]:
    code = WORK.format(slow=slow, cleaning=cleaning)
    command = [sys.executable, "-c", code]
    if before:
        command = ["sh", "-c", f'{before}; exec "$@"', "sh", *command]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)
    assert child.stdout is not None and child.stdout.readline() == "ready\n"
    return child


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "ended by SIGTERM"),
        (signal.SIGHUP, 129, "ended by SIGHUP"),
    ],
)
def test_a_signal_cleans_up_and_has_its_code(number: int, code: int, word: str, tmp_path: Path) -> None:
    child = started(tmp_path)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (code, f"gasp_test: {word}; the same command continues where it stopped\n")
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize("slow", ["pass", "pool.submit(time.sleep, 60)"], ids=["cleaning", "threads"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once_without_a_traceback(number: int, slow: str, tmp_path: Path) -> None:
    child = started(tmp_path, slow, cleaning="time.sleep(60)" if slow == "pass" else "pass")
    child.send_signal(number)
    assert child.stdout is not None and child.stdout.readline() == "cleaning\n"
    child.send_signal(number)
    _, said = child.communicate(timeout=30)
    assert (child.returncode, said) == (128 + number, "")


IMPORTS = """
import os, signal, sys
from gazenet.cli.command import CommandParser, execute
def work(args):
    import library
    print("imported", library.answer, flush=True)
    for _ in range(1000):
        signal.sigtimedwait([], 0.01)
    print("went on")
    return 0
sys.exit(execute(CommandParser("gasp_test", ""), work))
"""
LIBRARY = """
import os, signal
try:
    os.kill(os.getpid(), signal.{signal})
    answer = 42
except BaseException:
    answer = 0  # as a library does that takes any exception for a module that is missing
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_for_the_end_of_an_import(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(LIBRARY.format(signal=number.name))
    child = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (child.returncode, child.stdout) == (128 + number, "imported 42\n"), child.stderr
    assert child.stderr.endswith("the same command continues where it stopped\n") and child.stderr.count("\n") == 1


AT_EXIT = """
import atexit, os, signal, sys
atexit.register(os.abort)  # stands for the end of a library whose threads are still at work
from gazenet.cli.command import CommandParser, execute
def work(args):
    atexit.register(lambda: print("closed", flush=True))
    os.kill(os.getpid(), signal.SIGTERM)
sys.exit(execute(CommandParser("gasp_test", ""), work))
"""
LATE = """
import atexit, os, signal, sys
from gazenet.cli.command import CommandParser, execute
def work(args):
    atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM))
    return 1
sys.exit(execute(CommandParser("gasp_test", ""), work))
"""


def test_after_a_signal_libraries_cannot_abort_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (143, "closed\n") and "ended by SIGTERM" in done.stderr


def test_a_signal_after_the_end_changes_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    child = started(tmp_path, before="trap '' HUP INT")
    child.send_signal(signal.SIGHUP)
    child.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)
    child.terminate()
    child.communicate(timeout=60)
    assert child.returncode == 143


@pytest.mark.parametrize("made_of_it", [RuntimeError("a worker is gone"), SystemExit(1), GazenetError("no frames")])
def test_the_signal_is_told_whatever_a_library_makes_of_it(
    made_of_it: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(args: object) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Terminated as error:
            assert error.signal == signal.SIGTERM
            raise made_of_it from None
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert execute(CommandParser("gasp_test", ""), work, []) == 143
    assert capsys.readouterr().err.startswith("gasp_test: ended by SIGTERM; ")
    assert signal.getsignal(signal.SIGTERM) is before, "a call from another program leaves its handlers"


def test_an_interrupt_while_a_command_imports_is_quiet(tmp_path: Path) -> None:
    code = "import gazenet.cli.infer, os, signal; os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(9)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
    fault = subprocess.run([sys.executable, "-c", "import gazenet.cli; 1/0"], capture_output=True, text=True)
    assert "ZeroDivisionError" in fault.stderr
