"""Reading and writing of video, sound and pictures, independent of saliency. Names are imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gazenet.media.audio import read_audio as read_audio
    from gazenet.media.decode import VideoReader as VideoReader
    from gazenet.media.decode import frame_at as frame_at
    from gazenet.media.decode import probe as probe
    from gazenet.media.encode import VideoWriter as VideoWriter
    from gazenet.media.frame_source import open_source as open_source
    from gazenet.media.frames import Frame as Frame
    from gazenet.media.frames import VideoInfo as VideoInfo
    from gazenet.media.frames import Waveform as Waveform
    from gazenet.media.logmel import log_mel as log_mel
    from gazenet.media.logmel import log_mel_at as log_mel_at
    from gazenet.media.logmel import log_mel_examples as log_mel_examples
    from gazenet.media.logmel import windowed as windowed
    from gazenet.media.picture_file import read_image as read_image
    from gazenet.media.prefetch import read_ahead as read_ahead

_MODULES = {
    "Frame": "frames",
    "VideoInfo": "frames",
    "VideoReader": "decode",
    "VideoWriter": "encode",
    "Waveform": "frames",
    "frame_at": "decode",
    "log_mel": "logmel",
    "log_mel_at": "logmel",
    "log_mel_examples": "logmel",
    "open_source": "frame_source",
    "probe": "decode",
    "read_ahead": "prefetch",
    "read_audio": "audio",
    "read_image": "picture_file",
    "windowed": "logmel",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
