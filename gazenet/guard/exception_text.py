"""Exceptions of strangers as text."""

from __future__ import annotations

LONGEST = 300
"""Characters of an exception's text that are shown."""


def first_line_of(error: BaseException) -> str:
    """An exception as one printable line: its type and the beginning of its text, at most 300 characters.

    Never raises, whatever the text of the exception does.
    """
    kind = as_line(type(error).__name__, 80)
    try:
        text = as_line(str(error))
    except BaseException as fault:  # an exception's text is the plugin's code as well
        text = f"(its text cannot be read: {as_line(type(fault).__name__, 80)})"
    return f"{kind}: {text}" if text else kind


def as_line(text: str, longest: int = LONGEST) -> str:
    """Text on one line, printable on every terminal, cut where it is longer than ``longest``."""
    head = str(text)[: 20 * longest]
    plain = "".join(letter if letter.isprintable() else " " for letter in head)
    line = " ".join(plain.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."
