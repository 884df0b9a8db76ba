"""A command that is started without a stream, or loses one, does its work and says so where it can."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

MODULES = sorted(
    point.module for point in entry_points(group="console_scripts") if point.module.startswith("gazenet.")
)
QUESTIONS = {"gazenet.cli.plugins": ["list"]} | {
    f"gazenet.cli.{name}": ["--help"] for name in ("bench", "compare", "evaluate")
}
WORK = """
import os, sys
from gazenet.cli.command import CommandParser, execute
def work(args):
    print("an answer" * 10000)
    print("a note", file=sys.stderr)
    target = os.open("done", os.O_WRONLY | os.O_CREAT)
    os.write(2, b"said by a library")
    os.write(target, b"all of it")
    print("descriptor", target, file=open("descriptor", "w"))
    return 0
sys.exit(execute(CommandParser("gasp_test", ""), work))
"""


def shell(redirection: str, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The command as a shell starts it, with streams closed or led elsewhere."""
    line = f'"$@" {redirection}'
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        ["bash", "-o", "pipefail", "-c", line, "bash", *command], capture_output=True, text=True, **options
    )


@pytest.mark.parametrize("module", MODULES)
def test_every_command_answers_without_streams(module: str, tmp_path) -> None:
    command = [sys.executable, "-m", module, *QUESTIONS.get(module, ["--list"])]
    whole = shell("", *command, cwd=tmp_path)
    assert whole.returncode == 0 and whole.stdout
    for redirection in ("2>&-", "<&-", "<&- >&- 2>&-", "| head -1"):
        done = shell(redirection, *command, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), redirection
        if ">&-" not in redirection.replace("2>&-", ""):
            assert done.stdout and whole.stdout.startswith(done.stdout)
    if os.path.exists("/dev/full"):
        lost = shell(">/dev/full", *command, cwd=tmp_path)
        assert lost.returncode == 1
        assert lost.stderr.endswith("standard output: No space left on device: the output is lost\n")
        assert lost.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "redirection", ["2>&-", ">&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full", "| head -c1", "2>&1 | head -c1"]
)
def test_work_is_done_and_its_files_are_its_own(redirection: str, tmp_path) -> None:
    done = shell(redirection, sys.executable, "-c", WORK, cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "done").read_text() == "all of it"
    assert int((tmp_path / "descriptor").read_text().split()[1]) > 2, "what is said on stderr went into a file"


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_words_that_the_locale_lacks_are_escaped(locale: dict[str, str]) -> None:
    code = (
        "import sys\nfrom gazenet.cli.command import CommandParser, execute\n"
        "sys.exit(execute(CommandParser('p', ''), lambda args: print('caf\\xe9 \\udcff \\u4e2d') or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env={**os.environ, **locale}, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"caf") and done.stdout.endswith(b"\n")


def test_a_pipe_that_does_not_block_loses_nothing() -> None:
    code = (
        "import os, sys\nfrom gazenet.cli.command import CommandParser, execute\nos.set_blocking(1, False)\n"
        "sys.exit(execute(CommandParser('p', ''), lambda args: print('x' * 1000000) or 0))"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as said:
        assert len(said.read()) == 1_000_001
    assert child.wait() == 0
