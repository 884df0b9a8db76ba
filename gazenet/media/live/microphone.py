"""What the machine hears, through sounddevice (an extra)."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from gazenet.errors import UsageError
from gazenet.media.live.sound_ring import RATE, SoundRing

INSTALL = "install it with: pip install 'gazenet[realtime]' (and PortAudio, for example apt install libportaudio2)"


class Microphone:
    """Fills a ring until closed.

    Args:
        device: number or part of the name of an input device; empty for the system's default.

    Raises UsageError without sounddevice or PortAudio, and where there is no such device.
    """

    def __init__(self, device: str = "") -> None:
        self.ring = SoundRing()
        try:
            import sounddevice
        except (ImportError, OSError) as error:
            raise UsageError(f"microphone: sounddevice cannot be used ({error}); {INSTALL}") from None
        chosen: Any = int(device) if device.isdigit() else device or None
        try:
            self._stream = sounddevice.InputStream(
                samplerate=RATE, channels=1, dtype="float32", device=chosen, callback=self._hear
            )
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            text = " ".join(str(error).split())
            raise UsageError(
                f"microphone {device or 'default'}: {text}; name another in realtime.microphone, or none"
            ) from None

    def _hear(self, block: np.ndarray, frames: int, times: object, status: object) -> None:
        self.ring.push(np.array(block[:, 0], np.float32), time.monotonic())

    def close(self) -> None:
        self._stream.close()
