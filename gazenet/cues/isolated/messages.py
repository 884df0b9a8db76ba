"""Input and output of an extractor as bytes: JSON and arrays, no code.

A payload is the length of its JSON (8 bytes, little-endian), the JSON, then the arrays one after the other. In
place of an array the JSON holds its number in the list ``arrays`` of types and shapes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.cues.extractor import CueMaps, Face, Record, VideoContext, Windows
from gazenet.media.frames import Waveform

Array = NDArray[Any]
Faces = Sequence[Sequence[Sequence[Face]]]


class Packer:
    """Collects arrays; an array that is added several times is sent once."""

    def __init__(self) -> None:
        self._arrays: list[Array] = []
        self._numbers: dict[int, int] = {}

    def array(self, values: Array | None) -> int | None:
        """Add an array and return its number; None for None."""
        if values is None:
            return None
        if id(values) not in self._numbers:
            self._numbers[id(values)] = len(self._arrays)
            self._arrays.append(values)
        return self._numbers[id(values)]

    def payload(self, facts: Mapping[str, Any]) -> bytes:
        """Return the payload of ``facts`` and the collected arrays."""
        plain = [np.ascontiguousarray(one) for one in self._arrays]
        arrays = [[one.dtype.str, list(one.shape)] for one in self._arrays]
        head = json.dumps({**facts, "arrays": arrays}).encode()
        return b"".join([len(head).to_bytes(8, "little"), head, *(one.tobytes() for one in plain)])


def unpacked(data: bytes) -> tuple[dict[str, Any], list[Array]]:
    """Return the facts and the (writable) arrays of a payload. Raises ValueError for other bytes."""
    end = 8 + int.from_bytes(data[:8], "little")
    facts: dict[str, Any] = json.loads(data[8:end])
    arrays = []
    for kind, shape in facts["arrays"]:
        values = np.frombuffer(data, np.dtype(kind), int(np.prod(shape, dtype=np.int64)), end)
        end += values.nbytes
        arrays.append(values.reshape(shape).copy())
    return facts, arrays


def from_video(video: VideoContext) -> bytes:
    """Encode the context of a video."""
    packer, sound = Packer(), video.waveform
    waveform = (
        None if sound is None else {"samples": packer.array(sound.samples), "rate": sound.rate, "start": sound.start}
    )
    size = {"height": video.height, "width": video.width}
    return packer.payload({"source_id": video.source_id, **size, "rate": video.rate, "waveform": waveform})


def to_video(data: bytes) -> VideoContext:
    """Decode the context of a video; the inverse of :func:`from_video`."""
    facts, arrays = unpacked(data)
    waveform = facts["waveform"]
    sound = None if waveform is None else Waveform(arrays[waveform["samples"]], waveform["rate"], waveform["start"])
    return VideoContext(facts["source_id"], facts["height"], facts["width"], facts["rate"], sound)


def from_windows(windows: Windows) -> bytes:
    """Encode a batch of windows."""
    packer = Packer()
    frames = None if windows.frames is None else windows.frames.cpu().numpy()
    return packer.payload(
        {
            "index": packer.array(windows.index),
            "times": packer.array(windows.times),
            "size": windows.size,
            "map_size": windows.map_size,
            "anchor": windows.anchor,
            "frames": packer.array(frames),
            "faces": [[[_from_face(face, packer) for face in faces] for faces in row] for row in windows.faces],
            "maps": {name: packer.array(maps.cpu().numpy()) for name, maps in windows.maps.items()},
        }
    )


def to_windows(data: bytes, device: torch.device) -> Windows:
    """Decode a batch of windows, tensors on ``device``; the inverse of :func:`from_windows`."""
    facts, arrays = unpacked(data)
    frames = None if facts["frames"] is None else torch.from_numpy(arrays[facts["frames"]]).to(device)
    return Windows(
        index=arrays[facts["index"]],
        times=arrays[facts["times"]],
        size=(facts["size"][0], facts["size"][1]),
        map_size=(facts["map_size"][0], facts["map_size"][1]),
        anchor=facts["anchor"],
        frames=frames,
        faces=[[tuple(_to_face(face, arrays) for face in faces) for faces in row] for row in facts["faces"]],
        maps={name: torch.from_numpy(arrays[number]).to(device) for name, number in facts["maps"].items()},
    )


def _from_face(face: Face, packer: Packer) -> list[Any]:
    numbers = [packer.array(face.landmarks), packer.array(face.crop)]
    return [face.track, [float(side) for side in face.box], float(face.score), float(face.presence), *numbers]


def _to_face(fields: list[Any], arrays: Sequence[Array]) -> Face:
    track, box, score, presence, landmarks, crop = fields
    mesh, picture = (None if number is None else arrays[number] for number in (landmarks, crop))
    if mesh is not None:
        mesh.flags.writeable = False
    return Face(track, (box[0], box[1], box[2], box[3]), score, mesh, presence, picture)


def from_maps(maps: Array, records: Sequence[Record] | None, pictures: Sequence[Array] | None) -> bytes:
    """Encode checked maps ``[B, h, w]``, records and pictures."""
    packer = Packer()
    numbers = None if pictures is None else [packer.array(one) for one in pictures]
    return packer.payload({"maps": packer.array(maps), "records": records, "pictures": numbers})


def to_maps(data: bytes, device: torch.device) -> CueMaps:
    """Decode maps, records and pictures; the inverse of :func:`from_maps`."""
    facts, arrays = unpacked(data)
    drawings = None if facts["pictures"] is None else [arrays[number] for number in facts["pictures"]]
    return CueMaps(torch.from_numpy(arrays[facts["maps"]]).to(device), facts["records"], drawings)
