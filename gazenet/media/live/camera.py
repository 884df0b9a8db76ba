"""Cameras of this machine, read with OpenCV."""

from __future__ import annotations

import time
from typing import Any

import cv2
import numpy as np

from gazenet.errors import MediaError, UsageError
from gazenet.media.decode import resize_image
from gazenet.media.live.live_source import LiveFrame
from gazenet.media.live.sound_ring import SoundRing
from gazenet.media.orient import fit_size

RETRIES = 3
PAUSE_S = 1.0


class Camera:
    """A live source ``camera:N``. A camera without frames is reopened a few times before it counts as lost.

    Args:
        number: of the camera, from 0.
        max_side: largest longer side of the frames in pixels.
        sound: the sound of a microphone beside the camera.

    Raises UsageError where there is no such camera.
    """

    def __init__(self, number: int, max_side: int | None = None, sound: SoundRing | None = None) -> None:
        self.name, self.sound = f"camera{number}", sound
        self._number, self._max_side = number, max_side
        self._device = self._open()
        if self._device is None:
            raise UsageError(
                f"camera:{number}: no such camera, or another program uses it; cameras are counted from 0"
            )
        frame = self._read_frame()
        if frame is None:
            raise UsageError(f"camera:{number}: opens but gives no frames")
        self._first: LiveFrame | None = frame
        self.size = (frame.image.shape[0], frame.image.shape[1])
        declared = float(self._device.get(cv2.CAP_PROP_FPS))
        self.rate = declared if 1 <= declared <= 240 else 25.0

    def _open(self) -> Any:
        # The error of a missing camera is reported by the caller, in one line.
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            device = cv2.VideoCapture(self._number)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not device.isOpened():
            device.release()
            return None
        # A queue of one frame, because the newest frame is needed.
        device.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return device

    def _read_frame(self) -> LiveFrame | None:
        if self._device is None:
            return None
        good, image = self._device.read()
        if not good or image is None:
            return None
        taken = time.monotonic()
        height, width = image.shape[:2]
        width, height = fit_size(width, height, self._max_side)
        picture = cv2.cvtColor(resize_image(np.asarray(image, np.uint8), height, width), cv2.COLOR_BGR2RGB)
        return LiveFrame(np.asarray(picture, np.uint8), taken)

    def read(self) -> LiveFrame | None:
        """Return the next frame. Raises MediaError where the camera is lost."""
        frame, self._first = self._first, None
        for _ in range(RETRIES):
            frame = frame or self._read_frame()
            if frame is not None:
                return self._same_size(frame)
            self.close()
            time.sleep(PAUSE_S)
            self._device = self._open()
        raise MediaError(f"camera:{self._number}: no longer gives frames (unplugged?)")

    def _same_size(self, frame: LiveFrame) -> LiveFrame:
        """Resize a frame to the first size: a reopened camera may have another one."""
        if frame.image.shape[:2] == self.size:
            return frame
        return LiveFrame(resize_image(frame.image, *self.size), frame.taken)

    def close(self) -> None:
        """Release the camera."""
        if self._device is not None:
            self._device.release()
            self._device = None
