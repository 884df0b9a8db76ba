"""Colours of people and cues, the same in the overlay, the report and the gallery."""

from __future__ import annotations

PEOPLE = ("#4cc9f0", "#ffb703", "#80ed99", "#f28cb1", "#b39ddb", "#ff8a65", "#64d8cb", "#d4e157", "#90caf9", "#f48fb1")
CUES = ("#5b8def", "#f2a93b", "#3fb68b", "#d9669b", "#8f7ae5", "#e07256", "#3db3c9", "#a3b840")


def person_colour(track: int) -> str:
    """``#rrggbb`` of a track; far apart for neighbouring numbers."""
    return PEOPLE[track % len(PEOPLE)]


def cue_colour(position: int) -> str:
    """``#rrggbb`` of the cue at a position of the gates."""
    return CUES[position % len(CUES)]


def rgb(colour: str) -> tuple[int, int, int]:
    """``#rrggbb`` as three numbers 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
