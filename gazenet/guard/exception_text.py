"""Exceptions of plugins as text."""

from __future__ import annotations

LONGEST = 300
"""Characters: longer texts of exceptions are cut."""


def first_line_of(error: BaseException) -> str:
    """Return an exception as one printable line: its type and the beginning of its text, at most 300 characters.

    Never raises, even where formatting the exception does.
    """
    kind = as_line(type(error).__name__, 80)
    try:
        text = as_line(str(error))
    except BaseException as fault:  # the __str__ of an exception is code of the plugin
        text = f"(cannot read its text: {as_line(type(fault).__name__, 80)})"
    return f"{kind}: {text}" if text else kind


def as_line(text: str, longest: int = LONGEST) -> str:
    """Return text as one printable line, cut to ``longest`` characters."""
    head = str(text)[: 20 * longest]
    plain = "".join(letter if letter.isprintable() else " " for letter in head)
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."
