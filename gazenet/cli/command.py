"""The frame of every command: argument errors in one line, exit codes, interrupts, the default working directory.

Exit codes: 0 done; 1 some input failed, the others are done; 2 the request is wrong; 130 interrupted (143 by SIGTERM,
129 by SIGHUP).
"""

from __future__ import annotations

import argparse
import atexit
import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from gazenet.cli.standard_streams import StandardStreams, robust_streams
from gazenet.config.load import suggest
from gazenet.config.placeholders import split_placeholders
from gazenet.ending_signals import EndingSignals, ending_signals
from gazenet.errors import GazenetError, Terminated, UsageError
from gazenet.redaction import without_secrets

if TYPE_CHECKING:
    from pandas import DataFrame

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 128 + signal.SIGINT
LONGEST = 2000
"""Characters: longer messages are shortened in the middle."""
Action = Callable[[argparse.Namespace], int]


class CommandParser(argparse.ArgumentParser):
    """An argument parser that answers a wrong option with one line that names the nearest valid option.

    ``--debug`` is added to every command. Abbreviated options are refused, so that a new option never changes the
    meaning of an old command line.

    Args:
        prog: name of the command.
        description: text above the options.
        examples: lines shown below the options.
        placeholders: whether pairs ``--@NAME VALUE`` are accepted; they become the attribute ``placeholders``.
        options: further arguments of :class:`argparse.ArgumentParser`.
    """

    def __init__(
        self,
        prog: str | None = None,
        description: str = "",
        examples: str = "",
        placeholders: bool = False,
        **options: Any,
    ) -> None:
        self._placeholders = placeholders
        options.setdefault("epilog", f"examples:\n{examples}" if examples else None)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog=prog, description=description, allow_abbrev=False, **options)
        # Without a default, a sub-command does not reset a --debug given before it.
        self.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="print a traceback with every error"
        )

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Parse arguments; end with exit code 2 on an unknown option or a stray word."""
        words = sys.argv[1:] if args is None else list(args)
        words, values = split_placeholders(words) if self._placeholders else (words, {})
        arguments, unknown = self.parse_known_args(words, namespace)
        if self._placeholders:
            arguments.placeholders = values
        if unknown:
            word = unknown[0].partition("=")[0]
            hint = suggest(word, self._option_string_actions) if word.startswith("-") else ""
            if not word.startswith("-") and "--input" in self._option_string_actions:
                hint = f" (did you mean '--input {unknown[0]}'?)"
            self.error(f"unrecognised argument {unknown[0]}{hint}")
        return arguments

    def error(self, message: str) -> NoReturn:
        """Print one line and end with exit code 2."""
        line = without_secrets(" ".join(message.split()))
        self.exit(USAGE, f"{self.prog}: {line} ({self.prog} --help shows all options)\n")


def execute(parser: argparse.ArgumentParser, action: Action, argv: Sequence[str] | None = None) -> int:
    """Parse ``argv``, run ``action`` in the working directory and turn every outcome into an exit code.

    Errors become one line on stderr; a traceback is shown only with ``--debug``. ``GASP_CWD`` is the working directory
    unless the option ``--working_dir`` names another. Signals, streams and warnings are handled while ``action`` runs
    and, where ``argv`` is None, until the process ends.
    """
    final = argv is None
    with (
        robust_streams(final) as streams,
        ending_signals(final) as signals,
        plain_warnings(parser.prog, final) as shown_warnings,
    ):
        try:
            args = parser.parse_args(argv)
        except SystemExit as end:
            streams.flush()
            raise SystemExit(_check_output(parser.prog, streams, end.code)) from None
        shown_warnings.debug = bool(getattr(args, "debug", False))
        if final:
            # Registered before the handlers of libraries, it is called after them.
            atexit.register(signals.leave)
        code = _outcome(parser.prog, action, args, signals)
        streams.flush()
        signals.exit_code = int(_check_output(parser.prog, streams, code) or 0)
        return signals.exit_code


def _outcome(prog: str, action: Action, args: argparse.Namespace, signals: EndingSignals) -> int:
    debug = bool(getattr(args, "debug", False))
    try:
        enter_working_dir(getattr(args, "working_dir", None))
        return action(args)
    except BaseException as error:
        # A library may turn an interrupt into an error of its own; the command still ends because of the signal.
        if signals.received is not None or isinstance(error, KeyboardInterrupt):
            number = error.signal if isinstance(error, Terminated) else signal.SIGINT
            return _report_signal(prog, args, number if signals.received is None else signals.received)
        if isinstance(error, UsageError):
            return _report(prog, error, USAGE, debug)
        if isinstance(error, GazenetError):
            return _report(prog, error, FAILED, debug)
        if isinstance(error, OSError):
            return _report(prog, _system_error_text(error), FAILED, debug)
        name, text = type(error).__name__, f": {error}" if str(error) else ""
        return _report(prog, f"internal error: {name}{text} (--debug shows where)", FAILED, debug)


def _report_signal(prog: str, args: argparse.Namespace, number: signal.Signals) -> int:
    word = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    again = "the same command" + (" with --resume" if hasattr(args, "resume") and not args.resume else "")
    print(f"{prog}: {word}; {again} continues where it stopped", file=sys.stderr)
    return 128 + number


def _system_error_text(error: OSError) -> str:
    """Describe an OSError with its file and, where the working directory is the reason, the remedy."""
    text = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    if error.errno in (errno.ENOENT, errno.ESTALE) and working_dir_is_gone():
        text += " (the working directory was deleted: change to one that exists and run again)"
    return text


def _check_output(prog: str, streams: StandardStreams, code: int | str | None) -> int | str | None:
    """Return ``code``, or a failure where the command's output could not be written."""
    if streams.failure is None:
        return code
    return _report(prog, f"standard output: {streams.failure.strerror}: the output is lost", int(code or FAILED))


def _report(prog: str, error: object, code: int, debug: bool = False) -> int:
    if debug:
        print(without_secrets(traceback.format_exc()), end="", file=sys.stderr)
    print(f"{prog}: {without_secrets(error_line(error))}", file=sys.stderr)
    return code


def error_line(text: object) -> str:
    """Join a message to one line of at most 2000 characters; a longer one keeps its beginning and its end."""
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


class PlainWarnings:
    """A replacement of :func:`warnings.showwarning` that prints one line.

    With ``debug`` set, warnings are shown as Python shows them, with their place in the source.
    """

    def __init__(self, prog: str) -> None:
        self.debug = False
        self._prog, self._default = prog, warnings.showwarning

    def __call__(self, message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        """Print a warning as one line, or in full with ``--debug``."""
        if self.debug:
            self._default(message, category, *place, **more)
        else:
            print(f"{self._prog}: warning: {error_line(message)}", file=sys.stderr)


@contextmanager
def plain_warnings(prog: str, for_good: bool) -> Iterator[PlainWarnings]:
    """Show warnings of libraries as one line within the block, without the path of an installation."""
    plain, before = PlainWarnings(prog), warnings.showwarning
    warnings.showwarning = plain
    try:
        yield plain
    finally:
        if not for_good:
            warnings.showwarning = before


def working_dir_is_gone() -> bool:
    """Return whether the current directory was deleted."""
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def enter_working_dir(working_dir: str | None) -> None:
    """Change to ``working_dir``, else to ``$GASP_CWD`` where that is set.

    Raises UsageError where there is no such folder, and where the current one was deleted: numeric libraries abort a
    process without a working directory.
    """
    folder, source = working_dir or os.environ.get("GASP_CWD"), "--working_dir" if working_dir else "GASP_CWD"
    if not folder:
        if working_dir_is_gone():
            raise UsageError("the working directory was deleted: change to one that exists and run again")
        return
    try:
        os.chdir(os.path.expanduser(folder))
    except OSError as error:
        raise UsageError(f"{source} {folder}: {error.strerror}: name an existing folder") from None


def check_device(device: str) -> None:
    """Raise UsageError where ``device`` ('cpu' or 'cuda:N') does not exist. Imports torch only for a GPU."""
    if device == "cpu":
        return
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2]) >= count:
        usable = (
            f"this machine has {count} usable GPU{'s' if count != 1 else ''}" if count else "no GPU is usable here"
        )
        raise UsageError(f"device {device}: {usable}: leave --gpu out (or --set device=cpu) to run on the CPU")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_data_frame(table: DataFrame) -> None:
    """Print a table of results with its header."""
    print_table([list(table.columns), *(list(map(cell, row)) for row in table.itertuples(index=False))])


def cell(value: object) -> str:
    """Format a cell of a table: floats with three decimals, everything else as text."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
