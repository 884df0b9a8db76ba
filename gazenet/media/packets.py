"""Decoding of packets to frames that skips damaged data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gazenet.media.clock import ContainerClock, is_end, read_packets
from gazenet.media.container import reason

FALLBACK_RATE = Fraction(25)


def frame_rate(stream: VideoStream) -> Fraction:
    """Return the average frame rate, or the nominal one where both differ only by rounding or cut frames."""
    average, nominal = stream.average_rate, stream.guessed_rate
    if average and nominal and abs(nominal - average) <= average / 20:
        return nominal
    return average or nominal or FALLBACK_RATE


WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders of codecs whose default decoder drops transparency."""


def decoding_with_alpha(stream: VideoStream) -> Callable[[Packet[Any] | None], list[VideoFrame]]:
    """Return the function that decodes packets of a stream, with transparency where the container declares it."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    name = WITH_ALPHA.get(stream.codec_context.codec.canonical_name)
    if tags.get("alpha_mode") != "1" or name not in av.codecs_available:
        return stream.decode
    context: Any = av.CodecContext.create(name, "r")
    context.extradata = stream.codec_context.extradata
    return cast("Callable[[Packet[Any] | None], list[VideoFrame]]", context.decode)


class FrameDecoder:
    """A decoder of frames that counts and skips unreadable packets and closes jumps of the clock.

    Attributes:
        errors, last_error: number of failed reads and packets, and the reason of the last failure.
        end: end of the last decoded frame or watched packet, in seconds of the container's own clock.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, clock: ContainerClock | None = None) -> None:
        self._container, self._stream, self._clock = container, stream, clock or ContainerClock()
        self._streams: list[Stream] = [stream]
        self._decode = decoding_with_alpha(stream)
        # Frames that the decoder returns at the end of the file have no time base of their own.
        self._time_base = stream.time_base or Fraction(1)
        self.errors = 0
        self.last_error = ""
        self.end = Fraction(-(10**9))
        self._frames, self._step = 0, 1 / frame_rate(stream)

    def watch(self, other: Stream) -> None:
        """Read the packets of another stream too, whose end is the real end of the file."""
        self._streams.append(other)

    def frames(self) -> Iterator[VideoFrame]:
        """Yield decoded frames in order of display."""
        for packet in self._packets():
            try:
                decoded = self._decode(packet)
            except (FFmpegError, ValueError) as error:
                self._note(error)
                continue
            yield from map(self._record, decoded)
        with suppress(FFmpegError, ValueError):
            yield from map(self._record, self._decode(None))

    @property
    def aspect(self) -> Fraction:
        """Width of a pixel divided by its height, as currently declared by the stream."""
        return self._stream.codec_context.sample_aspect_ratio or Fraction(1)

    def time_of(self, frame: VideoFrame) -> Fraction | None:
        """Return the presentation time of a frame, in seconds of the container's own clock."""
        return None if frame.pts is None else frame.pts * self._time_base

    def _record(self, frame: VideoFrame) -> VideoFrame:
        time = self.time_of(frame)
        if time is None:
            time = self._frames * self._step
        self._frames += 1
        self.end = max(self.end, time + max((frame.duration or 0) * self._time_base, self._step))
        return frame

    def _packets(self) -> Iterator[Packet[Any]]:
        corrections = {stream.index: self._clock.correction(stream) for stream in self._streams}
        for packet in read_packets(self._container, self._streams, self._note):
            if is_end(packet):
                continue  # the decoder is emptied once, by the caller
            corrections[packet.stream_index](packet)
            if packet.stream_index == self._stream.index:
                yield packet
            else:
                self._follow(packet)

    def _note(self, error: BaseException) -> None:
        self.errors += 1
        self.last_error = reason(error)

    def _follow(self, packet: Packet[Any]) -> None:
        if packet.pts is not None:
            self.end = max(self.end, (packet.pts + (packet.duration or 0)) * packet.time_base)
