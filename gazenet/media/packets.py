"""From packets to decoded frames, past whatever is damaged."""

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

from gazenet.media.clock import ContainerClock, is_end, packets_of
from gazenet.media.container import reason

FALLBACK_RATE = Fraction(25)


def frame_rate(stream: VideoStream) -> Fraction:
    """Frames per second: the average, or the nominal rate where the two differ by rounding or by cut frames only."""
    average, nominal = stream.average_rate, stream.guessed_rate
    if average and nominal and abs(nominal - average) <= average / 20:
        return nominal
    return average or nominal or FALLBACK_RATE


WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders for codecs whose usual decoder leaves transparency out."""


def decoding_with_alpha(stream: VideoStream) -> Callable[[Packet[Any] | None], list[VideoFrame]]:
    """What decodes packets of a stream, with its transparency where the container says that there is some."""
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    name = WITH_ALPHA.get(stream.codec_context.codec.canonical_name)
    if tags.get("alpha_mode") != "1" or name not in av.codecs_available:
        return stream.decode
    context: Any = av.CodecContext.create(name, "r")
    context.extradata = stream.codec_context.extradata
    return cast("Callable[[Packet[Any] | None], list[VideoFrame]]", context.decode)


class FrameDecoder:
    """Packets to frames; what cannot be read or decoded is counted and passed over, jumps of the clock are closed.

    Attributes:
        errors, last_error: how many reads or packets failed, and why the last one did.
        end: when the last frame decoded (or packet watched) ends, in seconds of the container's own clock.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, clock: ContainerClock | None = None) -> None:
        self._container, self._stream, self._clock = container, stream, clock or ContainerClock()
        self._streams: list[Stream] = [stream]
        self._decode = decoding_with_alpha(stream)
        # Frames that leave the decoder at the end of the file carry no time base of their own.
        self._time_base = stream.time_base or Fraction(1)
        self.errors = 0
        self.last_error = ""
        self.end = Fraction(-(10**9))
        self._frames, self._step = 0, 1 / frame_rate(stream)

    def watch(self, other: Stream) -> None:
        """Also reads the packets of another stream, to learn when the file really ends."""
        self._streams.append(other)

    def frames(self) -> Iterator[VideoFrame]:
        for packet in self._packets():
            try:
                decoded = self._decode(packet)
            except (FFmpegError, ValueError) as error:
                self._note(error)
                continue
            yield from map(self._seen, decoded)
        with suppress(FFmpegError, ValueError):
            yield from map(self._seen, self._decode(None))

    @property
    def aspect(self) -> Fraction:
        """Width of a pixel divided by its height, as the stream tells it by now."""
        return self._stream.codec_context.sample_aspect_ratio or Fraction(1)

    def time_of(self, frame: VideoFrame) -> Fraction | None:
        """When a frame is to be shown, in seconds of the container's own clock."""
        return None if frame.pts is None else frame.pts * self._time_base

    def _seen(self, frame: VideoFrame) -> VideoFrame:
        shown = self.time_of(frame)
        if shown is None:
            shown = self._frames * self._step
        self._frames += 1
        self.end = max(self.end, shown + max((frame.duration or 0) * self._time_base, self._step))
        return frame

    def _packets(self) -> Iterator[Packet[Any]]:
        corrections = {stream.index: self._clock.correction(stream) for stream in self._streams}
        for packet in packets_of(self._container, self._streams, self._note):
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
