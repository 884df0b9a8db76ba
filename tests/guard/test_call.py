"""Guarded calls: which errors pass, which are translated, and how interrupts of the user are recognised."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest
import torch

from gazenet.errors import PluginError, UsageError
from gazenet.guard.exception_text import as_line, first_line_of
from gazenet.guard.guarded_call import guarded


def test_an_interrupt_of_the_user_passes_and_one_of_the_plugin_does_not() -> None:
    with pytest.raises(KeyboardInterrupt), guarded("odd", "loading"):
        signal.raise_signal(signal.SIGINT)
    with (
        pytest.raises(PluginError, match="raised KeyboardInterrupt without an interrupt by the user"),
        guarded("odd", "loading"),
    ):
        raise KeyboardInterrupt


def test_an_interrupt_stays_one_whatever_a_library_makes_of_it() -> None:
    with pytest.raises(KeyboardInterrupt), guarded("recipe odd", "training"), guarded("odd", "loading"):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise SystemExit(1) from None
    with pytest.raises(PluginError, match="tried to end the program"), guarded("odd", "loading"):
        raise SystemExit(1)


def test_a_handler_of_another_kind_keeps_its_exception(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended(KeyboardInterrupt):
        """As the commands raise it for SIGTERM."""

    def handler(number: int, frame: object) -> None:
        raise Ended

    before = signal.signal(signal.SIGTERM, handler)
    try:
        with pytest.raises(Ended), guarded("odd", "loading"):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_errors_that_speak_for_themselves_pass() -> None:
    with pytest.raises(UsageError, match="weights are missing"), guarded("odd", "loading", own=(UsageError,)):
        raise UsageError("weights are missing")
    for name, said in (("odd", "odd: frame 3: boom"), ("even", "odd: frames 0 to 7: even: frame 3: boom")):
        with pytest.raises(PluginError) as caught, guarded("odd", "frames 0 to 7"):
            raise PluginError(f"{name}: frame 3: boom")
        assert str(caught.value) == said


@pytest.mark.parametrize(
    ("said", "read", "change"),
    [
        ("the working directory", os.getcwd, lambda: os.chdir("/")),
        ("torch's default dtype", torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64)),
    ],
)
def test_what_one_thread_changes_is_not_taken_for_the_state_by_another(
    said: str, read: Callable[[], object], change: Callable[[], None]
) -> None:
    before, changed, over = read(), threading.Event(), threading.Event()

    def change_it() -> None:
        with guarded("mover", "frame 0"):
            change()
            changed.set()
            over.wait(10)

    thread = threading.Thread(target=change_it)
    thread.start()
    changed.wait(10)
    # It cannot be told which of the two it was.
    error = pytest.raises(PluginError, match=f"bystander: .* {said}.*or it was mover: .*, which ran at the same time")
    with error, guarded("bystander", "frame 0"):
        assert read() != before
    assert read() == before
    over.set()
    thread.join()
    assert read() == before


def test_while_libraries_load_the_environment_is_theirs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAZENET_LIBRARY", "old")
    with guarded("odd", "loading", lenient=True):
        os.environ["GAZENET_LIBRARY"] = "new"
        before = os.getcwd()
        os.chdir("/")
    assert os.environ["GAZENET_LIBRARY"] == "new" and os.getcwd() == before
    assert capsys.readouterr().err.startswith("note: odd: loading: changed the working directory")


def test_lines() -> None:
    assert as_line("a\nb\t c\x1b[0m\udcff") == "a b c [0m"
    assert len(as_line("x" * 10**6)) == 300
    assert first_line_of(type("Odd\nName", (Exception,), {})("text")) == "Odd Name: text"
