"""Features of mouths and voice around one moment, per face: the input of the speaker network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

from gazenet.cues.extractor import Face

Array = NDArray[np.float64]

MOUTH = ((13, 14), (78, 308), (1, 152), (0, 17))
"""Pairs of mesh points: inner lip opening, mouth width, nose to chin, outer lip height."""

OWN, COUNT = 15, 27
"""Number of features computed of a face by itself, and of all features."""


def measure(face: Face) -> Array:
    """Measure a face as ``[6]``: four mouth distances in heights of the face, centre x and width in pixels."""
    points = face.landmarks
    if points is None:
        return np.full(6, np.nan)
    height = np.linalg.norm(points[10, :2] - points[152, :2]) + 1e-6
    parts = [np.linalg.norm(points[a, :2] - points[b, :2]) / height for a, b in MOUTH]
    return np.array([*parts, face.centre[0], face.size[0]], np.float64)


def _gauss(offsets: Array, sigma: float) -> Array:
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    return weights / weights.sum()


def own_features(series: Array, times: Array, centre: int, voice: Array, level: Array) -> Array:
    """Compute the features ``[OWN + 3]`` of one face at ``times[centre]``.

    Args:
        series: ``[L, 6]`` of :func:`measure` over the window, without gaps.
        times: seconds ``[L]``, may repeat at the ends of a video.
        centre: index of the anchor.
        voice: voice activity 0..1, ``[L]``.
        level: normalised log loudness ``[L]``.
    """
    steps = np.maximum(np.diff(times), 1e-3)
    middle = (times[1:] + times[:-1]) / 2 - times[centre]
    at = times - times[centre]
    speed = np.abs(np.diff(series[:, :4], axis=0)) / steps[:, None]
    # Repeated frames at the ends of a video do not move: they get the mean speed of the others.
    speed[np.diff(times) <= 1e-6] = speed[np.diff(times) > 1e-6].mean(axis=0) if (np.diff(times) > 1e-6).any() else 0
    short, long = _gauss(middle, 0.15), _gauss(middle, 0.5)
    features: list[float] = []
    for k in (0, 3, 2, 1):
        features += [_log(short @ speed[:, k], 0.01), _log(long @ speed[:, k], 0.01)]
    wide = _gauss(at, 0.4)
    around = _gauss(at, 0.5)
    shaken = series[:, :4] - around @ series[:, :4]
    for k in (0, 3, 2):
        features.append(_log(np.sqrt(wide @ shaken[:, k] ** 2), 1e-3))
    features.append(float(np.clip(series[centre, 0] * 10, 0, 2)))
    drift = np.abs(np.diff(series[:, 4])) / steps / max(float(series[centre, 5]), 1.0)
    features.append(_log(_gauss(middle, 0.3) @ drift, 0.01))
    loud = level - around @ level
    both = np.sqrt((wide @ shaken[:, 0] ** 2) * (wide @ loud**2) + 1e-8)
    features.append(float(wide @ (shaken[:, 0] * loud) / both))
    features.append(_log(wide @ (_at_frames(speed[:, 0]) * voice), 0.01))
    return np.array([*features, voice[centre], around @ voice, level[centre]])


def _log(value: SupportsFloat, floor: float) -> float:
    return float(np.log(float(value) + floor))


def _at_frames(between: Array) -> Array:
    """Assign values between frames, ``[L - 1]``, to the frames, ``[L]``."""
    return np.concatenate([between[:1], between])


def face_features(
    frames: Sequence[Sequence[Face]], times: Array, centre: int, voice: Array, level: Array
) -> tuple[list[int], Array]:
    """Return the tracks at the anchor and their features ``[N, COUNT]``.

    The own features of a face are followed by its motion relative to the most active other face, and by whether it is
    alone.
    """
    table: dict[int, Array] = {}
    for at, faces in enumerate(frames):
        for face in faces:
            table.setdefault(face.track, np.full((len(frames), 6), np.nan))[at] = measure(face)
    tracks = [face.track for face in frames[centre] if not np.isnan(table[face.track][centre, 0])]
    own = [own_features(_without_gaps(table[track]), times, centre, voice, level) for track in tracks]
    rows = []
    for k, mine in enumerate(own):
        others = [row[:8] for j, row in enumerate(own) if j != k]
        relative = mine[:8] - np.max(others, axis=0) if others else np.zeros(8)
        rows.append(np.concatenate([mine, relative, [float(not others)]]))
    return tracks, np.array(rows).reshape(len(rows), COUNT)


def _without_gaps(series: Array) -> Array:
    present = ~np.isnan(series[:, 0])
    at = np.arange(len(series))
    return np.stack([np.interp(at, at[present], series[present, k]) for k in range(series.shape[1])], 1)
