"""How large maps are; light, so that a plan can tell it without loading anything."""

from __future__ import annotations


def map_size(size: tuple[int, int], longer: int) -> tuple[int, int]:
    """(h, w) of the cue maps of a frame of ``size`` (height, width): the aspect ratio kept, at least one cell."""
    scale = longer / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
