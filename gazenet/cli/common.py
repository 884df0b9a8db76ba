"""What every command shares: argument errors in one line, exit codes, interrupts, the default working directory.

Exit codes: 0 done; 1 some input failed, the others are done; 2 the request is wrong; 130 interrupted.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from gazenet.config.load import suggest
from gazenet.errors import GazenetError, UsageError
from gazenet.records import ESCAPING, without_secrets

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 128 + signal.SIGINT
Action = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """An argument parser that answers a wrong option with one line and the nearest right one.

    ``examples`` are shown below the options; ``--debug`` is added to every command. Abbreviated options are refused,
    so that a new option never changes what an old command line means.
    """

    def __init__(self, prog: str | None = None, description: str = "", examples: str = "", **options: Any) -> None:
        options.setdefault("epilog", f"examples:\n{examples}" if examples else None)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(prog=prog, description=description, allow_abbrev=False, **options)
        # Suppressed default: a sub-command must not undo what was said before it.
        self.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="print a traceback with every error"
        )

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def,override]
        """Parse; an unknown option or a stray word ends the command with exit code 2."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            word = unknown[0].partition("=")[0]
            hint = suggest(word, self._option_string_actions) if word.startswith("-") else ""
            if not word.startswith("-") and "--input" in self._option_string_actions:
                hint = f" (did you mean '--input {unknown[0]}'?)"
            self.error(f"unrecognised argument {unknown[0]}{hint}")
        return found

    def error(self, message: str) -> NoReturn:
        """End with exit code 2 and one line."""
        line = without_secrets(" ".join(message.split()))
        self.exit(USAGE, f"{self.prog}: {line} ({self.prog} --help shows all options)\n")


def execute(parser: argparse.ArgumentParser, action: Action, argv: Sequence[str] | None = None) -> int:
    """Parse ``argv``, run ``action`` in the working directory and turn every outcome into an exit code.

    Errors of the project become one line on stderr; a traceback is shown only with ``--debug``. ``GASP_CWD`` is the
    working directory unless the command line names one (an option called ``--working_dir``).
    """
    print_any_name()
    args = parser.parse_args(argv)
    debug = bool(getattr(args, "debug", False))
    try:
        enter_working_dir(getattr(args, "working_dir", None))
        code = action(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        again = "the same command" + (" with --resume" if hasattr(args, "resume") and not args.resume else "")
        print(f"{parser.prog}: interrupted; {again} continues where it stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) left: be quiet, and keep Python's last flush of stdout quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except UsageError as error:
        return _report(parser.prog, error, USAGE, debug)
    except (GazenetError, OSError) as error:
        return _report(parser.prog, error, FAILED, debug)
    except Exception as error:
        name = type(error).__name__
        return _report(parser.prog, f"internal error: {name}: {error} (--debug shows where)", FAILED, debug)


def _report(prog: str, error: object, code: int, debug: bool) -> int:
    if debug:
        print(without_secrets(traceback.format_exc()), end="", file=sys.stderr)
    print(f"{prog}: {without_secrets(' '.join(str(error).split()))}", file=sys.stderr)
    return code


def print_any_name() -> None:
    """Let every text be printed, whatever the terminal's encoding: what it lacks is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPING)


def enter_working_dir(working_dir: str | None) -> None:
    """Change to ``working_dir``, else to ``$GASP_CWD`` where that is set. Raises UsageError when there is no such."""
    folder, source = working_dir or os.environ.get("GASP_CWD"), "--working_dir" if working_dir else "GASP_CWD"
    if not folder:
        return
    try:
        os.chdir(os.path.expanduser(folder))
    except OSError as error:
        raise UsageError(f"{source} {folder}: {error.strerror}: name an existing folder") from None


def check_device(device: str) -> None:
    """Raise UsageError when ``device`` ('cpu' or 'cuda:N') is not there. Imports torch only for a GPU."""
    if device == "cpu":
        return
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(device.partition(":")[2]) >= count:
        seen = f"this machine has {count} usable GPU{'s' if count != 1 else ''}" if count else "no GPU is usable here"
        raise UsageError(f"device {device}: {seen}: leave --gpu out (or --set device=cpu) to run on the CPU")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def cell(value: object) -> str:
    """A cell of a table: numbers with three decimals, counts and names as they are."""
    return f"{value:.3f}" if isinstance(value, float) else str(value)
