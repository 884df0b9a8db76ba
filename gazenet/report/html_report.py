"""The report: one HTML file that opens offline and links frames, cues, people and time line."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gazenet.files import write_text
from gazenet.maps.colours import table
from gazenet.report.jpeg import Box, Image, frame_picture, map_picture
from gazenet.report.overlay_drawing import DEFAULT_STYLE, normalised
from gazenet.report.palette import cue_colour, person_colour
from gazenet.report.report_data import KeyFrame, KeyFrames, ReportPeople, Timeline, finite

MOST_FRAMES = 120
PICTURE_BYTES = 6_400_000
"""JPEG bytes of all key frames together; base64 adds a third, and the page stays below 10 MB."""
MOST_BINS = 600
FRAME_SIDE, HEAT_SIDE, CUE_SIDE, FACE_SIDE = 720, 160, 112, 80
LISTED_PEOPLE, DRAWN_PEOPLE = 24, 8
LISTED_WARNINGS = 50
PAGE_TEXT = 200_000
"""The most characters of configuration that are shown."""


@dataclass(frozen=True)
class ReportFrame:
    """One frame for the report.

    Attributes:
        index: of the frame, counted from 0, increasing.
        time: in seconds.
        image: uint8 ``[H, W, 3]`` RGB of any size.
        saliency: ``[h, w]`` >= 0 of any scale; None without an integrator.
        cue_maps: uint8 ``[h, w]`` per cue name.
        gates: weight 0..1 per gate name, empty without an integrator.
        shares: part 0..1 of the attention per track.
        boxes: (left, top, right, bottom) per track, in pixels of a frame of ``size``.
        size: (height, width) to which the boxes refer.
    """

    index: int
    time: float
    image: Image
    saliency: NDArray[np.floating] | None
    cue_maps: Mapping[str, Image]
    gates: Sequence[float]
    shares: Mapping[int, float]
    boxes: Mapping[int, Box]
    size: tuple[int, int]


class ReportBuilder:
    """Builds the report frame by frame; memory and page size stay bounded however long the video is.

    Args:
        path: where the page goes.
        title: name of the source; any text is safe.
        cues: extractor names, in the order shown.
        gates: names that belong to the gate weights, empty without an integrator.
    """

    def __init__(self, path: str | Path, title: str, cues: Sequence[str], gates: Sequence[str] = ()) -> None:
        self._path, self._title = Path(path), title
        self._cues, self._gates = list(cues), list(gates)
        self._frames = KeyFrames(MOST_FRAMES, PICTURE_BYTES)
        self._timeline = Timeline(MOST_BINS)
        self._people = ReportPeople(FACE_SIDE, 4 * LISTED_PEOPLE)
        self._size = (0, 0)
        self._count, self._last_time, self._attended = 0, 0.0, 0.0

    def add(self, frame: ReportFrame) -> None:
        """Take the next frame."""
        gates = [finite(gate) for gate in frame.gates]
        shares = {track: finite(share) for track, share in frame.shares.items()}
        self._count, self._last_time, self._size = self._count + 1, frame.time, frame.image.shape[:2]
        if frame.saliency is not None:
            self._attended += sum(shares.values())
        self._timeline.add(frame.time, gates, shares)
        self._people.see(frame.time, frame.image, frame.boxes, shares, frame.size)
        if not self._frames.wants(frame.index):
            return
        maps = {name: frame.cue_maps[name] for name in self._cues if name in frame.cue_maps}
        pictures = {f"cue:{name}": map_picture(cue_map, CUE_SIDE) for name, cue_map in maps.items()}
        pictures["frame"] = frame_picture(frame.image, FRAME_SIDE)
        heat = None if frame.saliency is None else normalised(frame.saliency)
        if heat is not None:
            pictures["heat"] = map_picture(heat, HEAT_SIDE, 90)
        facts = {
            "peak": None if heat is None else _peak(heat),
            "index": frame.index,
            "time": round(frame.time, 3),
            "gates": [round(gate, 4) for gate in gates],
            "shares": {track: round(share, 4) for track, share in shares.items()},
            "boxes": {track: _relative(box, frame.size) for track, box in frame.boxes.items()},
        }
        self._frames.add(KeyFrame(frame.index, facts, pictures))

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Write the page atomically.

        ``summary`` may hold ``timings`` (as :meth:`gazenet.inference.engine.timing.Timings.summary` gives),
        ``warnings``, ``versions``, ``config``; other plain entries are listed as they are.
        Raises OSError where writing fails.
        """
        write_text(self._path, _render(self._title, self._data(summary)))

    def _data(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        ranked = self._people.ranked()
        count = max(self._count, 1)
        return {
            "title": self._title,
            "frames": [{**frame.facts, "pictures": dict(frame.pictures)} for frame in self._frames.items],
            "count": self._count,
            "duration": self._last_time,
            "size": self._size,
            "cues": [{"name": name, "colour": self._cue_colour(name)} for name in self._cues],
            "gates": [
                {"name": name, "colour": self._cue_colour(name), "values": values}
                for name, values in zip(self._gates, self._timeline.gates(len(self._gates)), strict=True)
            ],
            "times": self._timeline.times(),
            "people": [
                {
                    "track": person.track,
                    "colour": person_colour(person.track),
                    "share": round(person.attention / count, 4),
                    "frames": person.frames,
                    "first": round(person.first, 2),
                    "last": round(person.last, 2),
                    "face": person.face,
                    "values": self._timeline.share(person.track) if rank < DRAWN_PEOPLE else None,
                }
                for rank, person in enumerate(ranked[:LISTED_PEOPLE])
            ],
            "more_people": max(0, len(ranked) - LISTED_PEOPLE),
            "elsewhere": round(max(0.0, 1 - self._attended / count), 4),
            "colours": table(DEFAULT_STYLE.colours).tobytes(),
            "glow": {"strength": DEFAULT_STYLE.strength, "light": DEFAULT_STYLE.light, "floor": DEFAULT_STYLE.floor},
            "summary": _shortened(summary),
        }

    def _cue_colour(self, name: str) -> str:
        names = [*self._gates, *(cue for cue in self._cues if cue not in self._gates)]
        return cue_colour(names.index(name))


def _peak(heat: Image) -> list[float] | None:
    """(x, y) of the maximum in parts 0..1 of the frame; None for a map of zeros."""
    if not heat.any():
        return None
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    return [round((column + 0.5) / heat.shape[1], 4), round((row + 0.5) / heat.shape[0], 4)]


def _relative(box: Box, size: tuple[int, int]) -> list[float]:
    """A box in parts 0..1 of the frame."""
    return [round(finite(edge) / side, 4) for edge, side in zip(box, size[::-1] * 2, strict=True)]


def _shortened(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary with at most ``LISTED_WARNINGS`` warnings and ``PAGE_TEXT`` characters of configuration."""
    short = dict(summary)
    warnings = [str(line)[:2000] for line in short.get("warnings") or []]
    if len(warnings) > LISTED_WARNINGS:
        warnings = [*warnings[:LISTED_WARNINGS], f"and {len(warnings) - LISTED_WARNINGS} more, all in run.json"]
    short["warnings"] = warnings
    if len(repr(short.get("config"))) > PAGE_TEXT:
        short["config"] = "too long to show here, see run.json"
    return short


def _render(title: str, data: Mapping[str, Any]) -> str:
    """Fill the template and return the complete HTML document.

    Text reaches the document as JSON in an inert element and is set as text by the script. A content security policy
    allows exactly this style and this script, and pictures from the page itself.
    """
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'"
    )
    parts = {
        "POLICY": policy,
        "TITLE": html.escape(title.encode("utf-8", "replace").decode("utf-8")),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": _as_json(data),
    }
    # One pass: a title that looks like a placeholder is left alone.
    return re.sub(r"@(POLICY|TITLE|STYLE|SCRIPT|DATA)@", lambda mark: parts[mark[1]], _asset("report.html"))


def _as_json(value: Any) -> str:
    """JSON that is safe inside a script element: "<" is written as an escape, numbers are finite."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")


def _plain(value: Any) -> Any:
    """The value in JSON's types: NaN and infinity become null, numpy scalars numbers, other objects their text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int) else str(value)


def _asset(name: str) -> str:
    return (resources.files("gazenet.report.assets") / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
