"""Small raw data sets in the form in which they are published, with fixations that can be told by heart."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from clips import make_clip

FRAMES, SIZE, OBSERVERS = 20, (48, 64), 3


def clip(path: Path, rate: int = 25, frames: int = FRAMES) -> Path:
    """A video of 64 x 48; an .avi is an MP4 by another name, which decoders do not mind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = make_clip(path.with_suffix(".mp4"), frames, SIZE, Fraction(rate))
    return made.rename(path)


def grid() -> np.ndarray:
    """``[3, frames, observers]``: observer j looks at (10 + frame, 30 + j); the last one sees nothing."""
    frame, observer = np.meshgrid(np.arange(FRAMES), np.arange(OBSERVERS), indexing="ij")
    data = np.stack([10.0 + frame, 30.0 + observer, observer + 1.0])
    data[:, :, OBSERVERS - 1] = np.nan
    return data


def coutrot(root: Path, number: int = 1, data: np.ndarray | None = None, **info: Any) -> Path:
    """clip_1 with annotation, clip_2 without."""
    folder, top, inner = [
        ("ERB3_Stimuli", "Coutrot_Database1", "OriginalSounds"),
        ("ERB4_Stimuli", "Coutrot_Database2", "AudioVisual"),
    ][number - 1]
    for name in ("clip_1", "clip_2"):
        clip(root / folder / f"{name}.avi")
    one = {
        "data": grid() if data is None else data,
        "info": {"fps": 25, "vidwidth": 64, "vidheight": 48, "nframe": FRAMES, **info},
    }
    scipy.io.savemat(root / f"coutrot_database{number}.mat", {top: {inner: {"clip_1": one}}})
    return root


def diem(root: Path, name: str = "vid_64x48", rate: int = 30) -> Path:
    """Two observers; in display coordinates A looks at (640, 480), B at (640 + frame, 500) with the left eye.

    Events of A: fixation but in the frames 2 (saccade), 3 (blink), 4 (error). Right eyes are 4 pixels further right.
    """
    clip(root / name / "video" / f"{name}.mp4", rate)
    events = root / name / "event_data"
    events.mkdir(parents=True)
    for observer in "AB":
        lines = []
        for k in range(1, FRAMES + 1):
            x, y = (640, 480) if observer == "A" else (640 + k, 500)
            event = {2: 2, 3: 0, 4: -1}.get(k, 1) if observer == "A" else 1
            dilation = 2.0 if observer == "A" else 1.0
            lines.append("\t".join(map(str, (k, x, y, dilation, event, x + 4, y, dilation, 1))))
        (events / f"{observer}_{name}.txt").write_text("\n".join(lines) + "\n")
    return root


def summeetmd(root: Path) -> Path:
    """Video a; observer 0 looks at (0.5, 0.27) of the frame, observer 1 is lost (negative), the others are NaN."""
    clip(root / "video" / "a.mp4")
    data = np.full((3, FRAMES, 10), np.nan)
    data[0, :, 0], data[1, :, 0] = 0.5, 0.27
    data[:2, :, 1] = -1
    (root / "eyetracking").mkdir()
    scipy.io.savemat(root / "eyetracking" / "all_videos.mat", {"eye_data_all": {"a": data}})
    return root


def mvva(root: Path) -> Path:
    """Video 001, two observers in 20 frames; 002 has no fixations."""
    for name in ("001", "002"):
        clip(root / "our_database_video" / "raw_videos" / f"{name}.mp4")
    data = np.moveaxis(grid()[:2], 0, 1)
    (root / "all_videos_all_frames_fixation").mkdir()
    np.save(root / "all_videos_all_frames_fixation" / "001.npy", data)
    return root


def cell(values: list[Any], row: bool = False) -> np.ndarray:
    """A MATLAB cell."""
    made = np.empty(len(values), object)
    made[:] = values
    return made[None, :] if row else made[:, None]


def findwho(root: Path, rows: list[list[int]], rate: int = 23) -> Path:
    """Video 002 of a table of three; the field of x has the published trailing blank."""
    (root / "raw_videos").mkdir(parents=True)
    (root / "raw_videos" / "002.mp4").write_bytes(b"")
    fields = ["SubjectIndex", "VideoIndex", "Timestamp", "GazeDuration", "FixationPointX ", "FixationPointY"]
    info = {
        "size": np.array([[1280, 720]] * 3, np.uint16),
        "framerate_fps": np.array([[30], [rate], [25]], np.uint8),
    }
    database = {
        "videos_info": info,
        "video_names_list": cell(["001", "002", "003"]),
        "fixdata": np.array(rows, np.uint16),
        "fixdata_fields": cell(fields, row=True),
    }
    scipy.io.savemat(root / "video_database.mat", {"video_database": database})
    return root
