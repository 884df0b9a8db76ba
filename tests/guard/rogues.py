"""Ways in which a plugin can misbehave: what each does, and what of it a run may notice.

``ACTS`` are done by any plugin in the middle of its work; ``GIFTS`` are what it hands back instead of a right result.
"""

from __future__ import annotations

import builtins
import ctypes
import locale
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from gazenet.errors import CacheError, MediaError, PluginError, UsageError

Act = Callable[[], None]


class Way(NamedTuple):
    """What a plugin does, and whether that fails the input (True) or does no harm (False)."""

    does: Act
    fails: bool = True


class OwnBase(BaseException):
    """Derived from BaseException by a plugin."""


class Unspeakable(Exception):
    """Its text raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Unprintable(Exception):
    """Its representation and its text end the program."""

    def __repr__(self) -> str:
        raise SystemExit(3)

    __str__ = __repr__


def raises(error: BaseException | type[BaseException]) -> Act:
    def act() -> None:
        raise error

    return act


def _group() -> None:
    kind = getattr(builtins, "BaseExceptionGroup", None)
    raise OwnBase("older than groups") if kind is None else kind("several", [ValueError("one"), SystemExit(0)])


def _recursion() -> None:
    _recursion()


def _stop() -> None:
    next(iter(()))


def _fork() -> None:
    os.fork()


def _fork_and_fail() -> None:
    if os.fork() == 0:
        raise ValueError("in the child")


def _fork_properly() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _close(*numbers: int) -> Act:
    def act() -> None:
        for number in numbers:
            os.close(number)

    return act


def _replace_output() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _close_stream() -> None:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    sys.stderr.close()


def _environment() -> None:
    os.environ["PATH"] = "/nowhere"
    os.environ["GAZENET_ROGUE"] = "1"


def _locale() -> None:
    for name in ("C.UTF-8", "C", "POSIX", "en_US.UTF-8"):
        before = locale.setlocale(locale.LC_ALL)
        try:
            if locale.setlocale(locale.LC_ALL, name) != before:
                return
        except locale.Error:
            continue
    raise AssertionError("no other locale here")


def _print_flood() -> None:
    for _ in range(2000):
        print("x" * 100)
        print("y" * 100, file=sys.stderr)


def _warning_flood() -> None:
    for k in range(500):
        warnings.warn(f"warning {k}", stacklevel=1)


def _threads_left() -> None:
    for _ in range(3):
        threading.Thread(target=time.sleep, args=(0.5,), daemon=True).start()


def _greedy() -> None:
    held = [bytearray(1 << 20) for _ in range(64)]
    del held


def _too_greedy() -> None:
    bytearray(1 << 62)


def _in_c() -> None:
    """Through the C library, which no hook of Python sees."""
    ctypes.CDLL(None).chdir(b"/")


ACTS: dict[str, Way] = {
    "sys.exit(0)": Way(lambda: sys.exit(0)),
    "sys.exit with a text": Way(lambda: sys.exit("that is all")),
    "SystemExit without a code": Way(raises(SystemExit)),
    "the built-in exit": Way(lambda: exit(0)),
    "GeneratorExit": Way(raises(GeneratorExit)),
    "a KeyboardInterrupt of its own": Way(raises(KeyboardInterrupt)),
    "a BaseException of its own": Way(raises(OwnBase("mine"))),
    "a UsageError of the project": Way(raises(UsageError("--colour: no such option"))),
    "a PluginError that names somebody else": Way(raises(PluginError("saliency: frame 0: it was he"))),
    "a MediaError": Way(raises(MediaError("x.mp4: is broken"))),
    "a CacheError": Way(raises(CacheError("/cache/ab/cd/x-1-f: is broken"))),
    "StopIteration": Way(_stop),
    "StopAsyncIteration": Way(raises(StopAsyncIteration)),
    "endless recursion": Way(_recursion),
    "MemoryError": Way(raises(MemoryError)),
    "more memory than there is": Way(_too_greedy),
    "an OSError of a full disk": Way(raises(OSError(28, "No space left on device"))),
    "BrokenPipeError": Way(raises(BrokenPipeError())),
    "an exception whose text raises": Way(raises(Unspeakable())),
    "an exception whose text ends the program": Way(raises(Unprintable())),
    "a text of several lines, colours and broken letters": Way(raises(ValueError("a\nb\r\x1b[31m\udcff\0c"))),
    "a text of a million letters": Way(raises(ValueError("word " * 200_000))),
    "a group of exceptions": Way(_group),
    "an exception with a cause that is unspeakable": Way(raises(RuntimeError(Unspeakable()))),
    "a fork whose child comes back": Way(_fork),
    "a fork whose child fails": Way(_fork_and_fail),
    "a fork whose child ends itself": Way(_fork_properly, fails=False),
    "chdir": Way(lambda: os.chdir("/")),
    "chdir through the C library": Way(_in_c),
    "standard output closed": Way(_close(1)),
    "standard input, output and error closed": Way(_close(0, 1, 2)),
    "standard output led elsewhere": Way(_replace_output),
    "sys.stdout = None": Way(lambda: setattr(sys, "stdout", None)),
    "sys.stderr replaced by a closed file": Way(_close_stream),
    "the environment changed": Way(_environment),
    "the locale changed": Way(_locale),
    "signal handlers changed": Way(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN) and None),
    "an alarm set": Way(lambda: signal.alarm(60) and None),
    "the recursion limit changed": Way(lambda: sys.setrecursionlimit(5000)),
    "torch's default dtype changed": Way(lambda: torch.set_default_dtype(torch.float64)),
    "torch's default device changed": Way(lambda: torch.set_default_device("meta")),
    "torch's number of threads changed": Way(lambda: torch.set_num_threads(3)),
    "numpy made to raise": Way(lambda: np.seterr(all="raise") and None),
    "a flood of prints": Way(_print_flood, fails=False),
    "a flood of warnings": Way(_warning_flood, fails=False),
    "threads left behind": Way(_threads_left, fails=False),
    "slowness": Way(lambda: time.sleep(0.1), fails=False),
    "greed": Way(_greedy, fails=False),
}
"""What any plugin may do in the middle of its work."""

_STATE = ("changed", "chdir", "standard", "sys.std", "alarm", "numpy")
STATE = tuple(name for name in ACTS if any(word in name for word in _STATE))
"""Of these the changes of what belongs to the whole process."""


class Endless:
    """Something that can be looped over for ever."""

    def __iter__(self) -> Endless:
        return self

    def __next__(self) -> int:
        return 0


def never() -> Any:
    """A generator that never yields."""
    while False:
        yield


MAPS: dict[str, Callable[[torch.Tensor], Any]] = {
    "maps of another size": lambda maps: maps[:, :-1],
    "maps without a batch": lambda maps: maps[0],
    "maps with channels": lambda maps: maps[:, None],
    "a map too many": lambda maps: torch.cat([maps, maps[:1]]),
    "a map too few": lambda maps: maps[:-1],
    "maps of bytes": lambda maps: (maps * 255).to(torch.uint8),
    "complex maps": lambda maps: maps.to(torch.complex64),
    "NaN in a map": lambda maps: maps * float("nan"),
    "an infinite map": lambda maps: maps / 0,
    "maps up to 255": lambda maps: maps * 255 + 2,
    "negative maps": lambda maps: maps - 1,
    "a sparse tensor": lambda maps: maps.to_sparse(),
    "a tensor on another device": lambda maps: maps.to("meta"),
    "a list of lists": lambda maps: maps.tolist(),
    "a numpy array": lambda maps: maps.numpy(),
    "nothing": lambda maps: None,
    "text": lambda maps: "maps",
}
"""Maps that an extractor gives instead of right ones."""

HARMLESS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "maps that are not contiguous": lambda maps: maps.transpose(1, 2).contiguous().transpose(1, 2),
    "maps that record gradients": lambda maps: maps.clone().requires_grad_(),
    "maps in float64": lambda maps: maps.double(),
    "maps in bfloat16": lambda maps: maps.to(torch.bfloat16),
}
"""Maps that are right in an unusual form."""

RECORDS: dict[str, Callable[[int], Any]] = {
    "a record that is not JSON": lambda n: [{"x": object()}] * n,
    "a record with NaN": lambda n: [{"x": float("nan")}] * n,
    "records that are lists": lambda n: [[1]] * n,
    "a record too few": lambda n: [{}] * (n - 1),
    "records without an end": lambda n: Endless(),
}
"""Records that an extractor gives instead of right ones."""
