"""The report: one HTML file that opens offline, frames, cues and time line linked to each other."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gazenet.files import write_text
from gazenet.maps.colours import table
from gazenet.report.palette import PEOPLE

MOST_FRAMES, MOST_POINTS = 120, 2000
FRAME_WIDTH, FACE_SIDE = 640, 72

Image = NDArray[np.uint8]


class Thinning:
    """Keeps evenly spaced items: whenever there are too many, every other one goes and the step doubles."""

    def __init__(self, most: int) -> None:
        self._most, self.step, self.items = most, 1, []  # type: tuple[int, int, list[dict[str, Any]]]

    def wants(self, index: int) -> bool:
        return index % self.step == 0

    def add(self, item: dict[str, Any]) -> None:
        """Takes an item with an ``index`` that :meth:`wants` agreed to."""
        self.items.append(item)
        while len(self.items) > self._most:
            self.step *= 2
            self.items = [one for one in self.items if one["index"] % self.step == 0]


class ReportBuilder:
    """Fed frame by frame; memory stays bounded however long the video is.

    Args:
        path: where the page goes.
        title: name of the source; escaped wherever it appears.
        cues: extractor names, in order.
        gates: names that belong to the gate weights.
    """

    def __init__(self, path: str | Path, title: str, cues: Sequence[str], gates: Sequence[str] = ()) -> None:
        self._path, self._title = Path(path), title
        self._cues, self._gates = list(cues), list(gates)
        self._frames, self._points = Thinning(MOST_FRAMES), Thinning(MOST_POINTS)
        self._people: dict[int, dict[str, Any]] = {}
        self._count = 0

    def add(
        self,
        index: int,
        time: float,
        image: Image,
        saliency: NDArray[np.float32] | None,
        cue_maps: Mapping[str, Image],
        gates: Sequence[float],
        shares: Mapping[int, float],
        boxes: Mapping[int, tuple[float, float, float, float]],
        size: tuple[int, int],
    ) -> None:
        """One frame: ``image`` RGB uint8, maps ``[h, w]``, gates and shares 0..1, boxes in a frame of ``size``."""
        self._count += 1
        if self._points.wants(index):
            told = {str(track): round(share, 3) for track, share in shares.items()}
            self._points.add({"index": index, "t": round(time, 3), "g": [round(g, 3) for g in gates], "s": told})
        if self._frames.wants(index):
            pictures = {name: _jpeg(cue_maps[name], 60) for name in self._cues if name in cue_maps}
            heat = None if saliency is None else _jpeg(_grey(saliency), 85)
            places = {str(t): [round(v / s, 4) for v, s in zip(b, size[::-1] * 2, strict=True)] for t, b in boxes.items()}
            frame = {"index": index, "t": round(time, 3), "img": _thumbnail(image), "heat": heat}
            self._frames.add({**frame, "cues": pictures, "boxes": places})
        for track, box in boxes.items():
            self._meet(track, index, time, shares.get(track, 0.0), image, box, size)

    def _meet(
        self,
        track: int,
        index: int,
        time: float,
        share: float,
        image: Image,
        box: tuple[float, float, float, float],
        size: tuple[int, int],
    ) -> None:
        person = self._people.setdefault(track, {"track": track, "first": time, "frames": 0, "sum": 0.0, "area": 0.0})
        person["last"] = time
        person["frames"] += 1
        person["sum"] += share
        area = (box[2] - box[0]) * (box[3] - box[1])
        if area > 1.1 * person["area"]:
            person["area"], person["face"] = area, _face(image, box, size)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Writes the page; ``summary`` holds the run's timings, warnings, versions and config."""
        people = [
            {k: v for k, v in person.items() if k not in ("sum", "area")}
            | {"share": round(person["sum"] / max(self._count, 1), 4)}
            for person in sorted(self._people.values(), key=lambda p: -p["sum"])[:40]
        ]
        data = {
            "title": self._title,
            "count": self._count,
            "cues": self._cues,
            "gates": self._gates,
            "frames": self._frames.items,
            "points": self._points.items,
            "people": people,
            "colours": list(PEOPLE),
            "lut": base64.b64encode(table("inferno").tobytes()).decode("ascii"),
            "summary": dict(summary),
        }
        write_text(self._path, render(self._title, data))


def render(title: str, data: Mapping[str, Any]) -> str:
    """The page around its data. Text enters the document as data only, never as markup."""
    folder = resources.files("gazenet.report.assets")
    page = (folder / "report.html").read_text(encoding="utf-8")
    # "</script>" inside a JSON string would end the element that carries it.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True, default=str).replace("<", "\\u003c")
    for mark, value in {
        "@STYLE@": (folder / "report.css").read_text(encoding="utf-8"),
        "@SCRIPT@": (folder / "report.js").read_text(encoding="utf-8"),
        "@TITLE@": html.escape(title),
        "@DATA@": text,
    }.items():
        page = page.replace(mark, value)
    return page


def _grey(saliency: NDArray[np.float32]) -> Image:
    return np.round(saliency * (255 / max(float(saliency.max()), 1e-12))).astype(np.uint8)


def _thumbnail(image: Image) -> str:
    scale = min(1.0, FRAME_WIDTH / image.shape[1])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
    return _jpeg(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), 72)


def _face(image: Image, box: tuple[float, float, float, float], size: tuple[int, int]) -> str:
    sy, sx = image.shape[0] / size[0], image.shape[1] / size[1]
    x0, x1 = (int(np.clip(v * sx, 0, image.shape[1] - 1)) for v in (box[0], box[2]))
    y0, y1 = (int(np.clip(v * sy, 0, image.shape[0] - 1)) for v in (box[1], box[3]))
    crop = image[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    small = cv2.resize(crop, (FACE_SIDE, FACE_SIDE), interpolation=cv2.INTER_AREA)
    return _jpeg(cv2.cvtColor(small, cv2.COLOR_RGB2BGR), 80)


def _jpeg(image: Any, quality: int) -> str:
    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"an image of shape {image.shape} cannot be encoded")
    return base64.b64encode(data.tobytes()).decode("ascii")
