"""One line, one exit code, for every way a command can end."""

from __future__ import annotations

import argparse
import errno
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from gazenet.cli.command import CommandParser, check_device, enter_working_dir, execute, print_table
from gazenet.errors import MediaError, UsageError


def parser() -> CommandParser:
    command = CommandParser("gasp_test", "A test.", "  gasp_test --number 3")
    command.add_argument("--number", type=int)
    command.add_argument("--working_dir")
    return command


@pytest.mark.promise("errors have an owner")
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UsageError("key x: bad"), 2, "gasp_test: key x: bad\n"),
        (MediaError("a.mp4: not\na video"), 1, "gasp_test: a.mp4: not a video\n"),
        (OSError(errno.ENOSPC, "No space left on device", "f"), 1, "No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(errno.ENOSPC, "No space left on device", "f"), 1, "gasp_test: f: No space left on device\n"),
        (SystemExit(0), 1, "gasp_test: internal error: SystemExit: 0 (--debug shows where)\n"),
        (GeneratorExit(), 1, "gasp_test: internal error: GeneratorExit (--debug shows where)\n"),
        (UsageError("9" * 5000), 2, "9 ... 9"),
        (ZeroDivisionError("by zero"), 1, "internal error: ZeroDivisionError: by zero (--debug shows where)"),
    ],
)
def test_errors_become_one_line_and_a_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: argparse.Namespace) -> int:
        raise error

    assert execute(parser(), fail, []) == code
    captured = capsys.readouterr()
    assert said in captured.err and captured.err.count("\n") == 1 and captured.out == ""
    if code != 130:
        assert execute(parser(), fail, ["--debug"]) == code
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"), [([], "the same command with --resume continues"), (["--resume"], "the same command continues")]
)
def test_an_interrupt_says_how_to_go_on(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(args: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    command = parser()
    command.add_argument("--resume", action="store_true")
    assert execute(command, interrupt, argv) == 130
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--nubmer", "3"], "unrecognised argument --nubmer (did you mean '--number'?)"),
        (["--nubmer=3"], "unrecognised argument --nubmer=3 (did you mean '--number'?)"),
        (["stray"], "unrecognised argument stray (gasp_test --help"),
        (["--num", "3"], "unrecognised argument --num"),
        (["--number", "three"], "argument --number: invalid int value: 'three'"),
        (["--number"], "argument --number: expected one argument"),
    ],
)
def test_wrong_arguments_are_one_line(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        execute(parser(), lambda args: 0, argv)
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"gasp_test: {said}") and captured.err.count("\n") == 1


def test_sub_commands_share_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    command = parser()
    commands = command.add_subparsers(dest="command", required=True)
    commands.add_parser("show", description="Show.", epilog="examples: none").add_argument("name")
    seen: list[argparse.Namespace] = []
    assert execute(command, lambda args: seen.append(args) or 0, ["--debug", "show", "x"]) == 0
    assert seen[0].debug is True and (seen[0].command, seen[0].name) == ("show", "x")
    with pytest.raises(SystemExit) as caught:
        execute(command, lambda args: 0, ["show"])
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("gasp_test show: the following arguments are required: name")


def test_action_gets_its_arguments_and_its_code_is_kept() -> None:
    assert execute(parser(), lambda args: int(args.number), ["--number", "1"]) == 1


def test_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = tmp_path / "start"
    for name in ("start", "env", "flag"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(start)
    monkeypatch.delenv("GASP_CWD", raising=False)
    seen: list[str] = []

    def look(args: argparse.Namespace) -> int:
        seen.append(Path.cwd().name)
        return 0

    execute(parser(), look, [])
    monkeypatch.setenv("GASP_CWD", str(tmp_path / "env"))
    execute(parser(), look, [])
    execute(parser(), look, ["--working_dir", str(tmp_path / "flag")])
    assert seen == ["start", "env", "flag"]
    with pytest.raises(UsageError, match=r"--working_dir .*No such file or directory: name an existing folder"):
        enter_working_dir(str(tmp_path / "absent"))


def test_closed_pipe_is_quiet() -> None:
    code = (
        "from gazenet.cli.command import CommandParser, execute\n"
        "import sys\n"
        "sys.exit(execute(CommandParser('p', ''), lambda args: print('x\\n' * 200000) or 0, []))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline() == b"x\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0
    process.stderr.close()


def test_a_warning_is_one_line_without_a_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, category, place, *more: places.append(place))

    def warn(args: argparse.Namespace) -> int:
        warnings.warn("divide by zero\nencountered", RuntimeWarning, stacklevel=1)
        return 0

    shown = warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert execute(parser(), warn, []) == 0
        assert capsys.readouterr().err == "gasp_test: warning: divide by zero encountered\n"
        assert places == []
        assert execute(parser(), warn, ["--debug"]) == 0
        assert places == [__file__]
    assert warnings.showwarning is shown


def test_a_deleted_working_directory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.delenv("GASP_CWD", raising=False)

    def deleted_on_the_way(args: argparse.Namespace) -> int:
        gone.rmdir()
        Path("made").mkdir()
        return 0

    remedy = "the working directory was deleted: change to one that exists and run again"
    assert execute(parser(), deleted_on_the_way, []) == 1
    assert capsys.readouterr().err == f"gasp_test: made: No such file or directory ({remedy})\n"
    assert execute(parser(), lambda args: 0, []) == 2
    assert capsys.readouterr().err == f"gasp_test: {remedy}\n"
    assert execute(parser(), lambda args: 0, ["--working_dir", str(tmp_path)]) == 0


def test_absent_gpu_is_one_line() -> None:
    check_device("cpu")
    with pytest.raises(UsageError, match=r"device cuda:99: .*leave --gpu out"):
        check_device("cuda:99")


def test_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([("a", "long"), ("bbb", "c")])
    assert capsys.readouterr().out == "a    long\nbbb  c\n"
