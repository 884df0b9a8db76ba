"""Cameras of this machine, through OpenCV."""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np

from gazenet.errors import MediaError, UsageError
from gazenet.media.decode import resized
from gazenet.media.live.live_source import LiveFrame
from gazenet.media.live.sound_ring import SoundRing
from gazenet.media.orient import fit_size

RETRIES = 3
PAUSE_S = 1.0


class Camera:
    """``camera:N``. A camera that gives no picture is opened again a few times before it counts as lost.

    Raises UsageError where there is no such camera.
    """

    def __init__(self, number: int, max_side: int | None = None, sound: SoundRing | None = None) -> None:
        self.name, self.sound = f"camera{number}", sound
        self._number, self._max_side = number, max_side
        self._device = self._opened()
        if self._device is None:
            raise UsageError(
                f"camera:{number}: no such camera, or another program holds it; cameras are counted from 0"
            )
        frame = self._grab()
        if frame is None:
            raise UsageError(f"camera:{number}: opens but gives no picture")
        self._first: LiveFrame | None = frame
        self.size = (frame.image.shape[0], frame.image.shape[1])
        declared = float(self._device.get(cv2.CAP_PROP_FPS))
        self.rate = declared if 1 <= declared <= 240 else 25.0

    def _opened(self) -> Any:
        # What OpenCV says to a missing camera is said by us, in one line.
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            device = cv2.VideoCapture(self._number)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not device.isOpened():
            device.release()
            return None
        # One frame of delay at most: the newest picture is wanted, not the next in a queue.
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return device

    def _grab(self) -> LiveFrame | None:
        if self._device is None:
            return None
        good, image = self._device.read()
        if not good or image is None:
            return None
        taken = time.monotonic()
        height, width = image.shape[:2]
        width, height = fit_size(width, height, self._max_side)
        picture = cv2.cvtColor(resized(np.asarray(image, np.uint8), height, width), cv2.COLOR_BGR2RGB)
        return LiveFrame(np.asarray(picture, np.uint8), taken)

    def read(self) -> LiveFrame | None:
        """The next picture. Raises MediaError when the camera is lost."""
        frame, self._first = self._first, None
        for _ in range(RETRIES):
            frame = frame or self._grab()
            if frame is not None:
                return self._same_size(frame)
            self.close()
            time.sleep(PAUSE_S)
            self._device = self._opened()
        raise MediaError(f"camera:{self._number}: gives no picture any more (unplugged?)")

    def _same_size(self, frame: LiveFrame) -> LiveFrame:
        """A camera may come back with another size: what was begun goes on in the old one."""
        if frame.image.shape[:2] == self.size:
            return frame
        return LiveFrame(resized(frame.image, *self.size), frame.taken)

    def close(self) -> None:
        if self._device is not None:
            self._device.release()
            self._device = None
