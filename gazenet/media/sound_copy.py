"""Copying of the sound of one file into another: packets unchanged, or encoded again as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from gazenet.media.clock import ContainerClock, read_clock
from gazenet.media.container import audio_stream, open_container, reason
from gazenet.media.media_files import sound_in

COPIED = ("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus", "flac")
"""Codecs that MP4 can contain and current browsers or players read."""
GAP = Fraction(1, 10)
"""Seconds between time stamp and sample count beyond which encoded sound has a gap or an overlap."""
AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


def open_sound(path: Path, target: OutputContainer, warnings: list[str]) -> SoundCopy | None:
    """Open the sound of ``path`` for copying into ``target``; None without a sound track. Raises MediaError."""
    path = sound_in(path) or path
    source = open_container(path)
    stream = audio_stream(source)
    if stream is None:
        source.close()
        return None
    return SoundCopy(source, stream, target, warnings, read_clock(path))


class SoundCopy:
    """A copier that writes sound packets between the frames, so that the file is interleaved and memory small."""

    def __init__(
        self,
        source: InputContainer,
        stream: AudioStream,
        target: OutputContainer,
        warnings: list[str],
        clock: ContainerClock,
    ) -> None:
        self._source, self._stream, self._target, self._warnings = source, stream, target, warnings
        self._zero = clock.origin(source)
        self._correct = clock.correction(stream)
        self._until = 0.0
        self._pending: Packet[Any] | None = None
        copied = stream.codec_context.name in COPIED
        if copied:
            self._output: Any = target.add_stream_from_template(stream)
        else:
            rate = min(AAC_RATES, key=lambda candidate: abs(candidate - stream.rate))
            layout = "mono" if stream.channels == 1 else "stereo"
            self._output = target.add_stream("aac", rate=rate, layout=layout)
        self._packets = self._copied() if copied else self._encoded()

    def carry_until(self, time: float) -> None:
        """Write the packets that begin before ``time``, in seconds after the origin of the source."""
        self._until = time
        while True:
            packet = self._pending or next(self._packets, None)
            self._pending = packet
            if packet is None or self._begins(packet) >= time:
                return
            self._pending = None
            self._target.mux(packet)

    def finish(self) -> None:
        """Write the last packets of the encoder that begin before the end of the frames, and drop the rest."""
        self.carry_until(self._until)
        self._packets = iter(())

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def _begins(self, packet: Packet[Any]) -> float:
        stamp = packet.dts if packet.pts is None else packet.pts
        return float((stamp or 0) * packet.time_base)

    def _demuxed(self) -> Iterator[Packet[Any]]:
        try:
            for packet in self._source.demux(self._stream):
                self._correct(packet)
                yield packet
        except (FFmpegError, ValueError) as error:
            self._warnings.append(f"the sound could not be read to its end ({reason(error)})")

    def _copied(self) -> Iterator[Packet[Any]]:
        last: int | None = None
        for packet in self._demuxed():
            if packet.dts is None or packet.size == 0 or packet.is_corrupt:
                continue
            shift = round(self._zero / packet.time_base)
            dts = packet.dts - shift
            if last is not None and dts <= last:  # MP4 refuses packets that go back in time
                continue
            packet.pts, packet.dts, last = (packet.dts if packet.pts is None else packet.pts) - shift, dts, dts
            packet.stream = self._output
            yield packet

    def _encoded(self) -> Iterator[Packet[Any]]:
        """Yield AAC packets of the decoded sound, each at its own time."""
        context = self._output.codec_context
        earliest: int | None = None
        for piece, time in self._pieces(context):
            at = round(time * context.rate)
            piece.pts, piece.time_base = at if earliest is None else max(at, earliest), Fraction(1, context.rate)
            earliest = piece.pts + piece.samples
            yield from self._output.encode(piece)
        yield from self._output.encode(None)

    def _pieces(self, context: Any) -> Iterator[tuple[Any, Fraction]]:
        """Yield the sound in the encoder's format, with the start of each piece in seconds."""
        run: _Run | None = None
        for frame in self._decoded():
            begin = (run.end if run else Fraction(0)) if frame.pts is None else self._time(frame)
            if run is not None and run.continues(frame, begin):
                yield from run.convert(frame)
                continue
            if run is not None:
                yield from run.convert(None)
                if begin + Fraction(frame.samples, frame.sample_rate) <= run.end:
                    continue  # it overlaps with earlier sound
            run = _Run(context, frame, begin)
            yield from run.convert(frame)
        if run is not None:
            yield from run.convert(None)

    def _time(self, frame: Any) -> Fraction:
        return Fraction(frame.pts * frame.time_base) - self._zero

    def _decoded(self) -> Iterator[Any]:
        errors = 0
        for packet in self._demuxed():
            try:
                frames = packet.decode()
            except (FFmpegError, ValueError):
                errors += 1
                continue
            yield from frames
        if errors:
            self._warnings.append(f"{errors} packets of the sound could not be decoded and are missing")


class _Run:
    """A stretch of sound of one format without a gap, converted for the encoder; ``end`` in seconds."""

    def __init__(self, context: Any, first: Any, begin: Fraction) -> None:
        self._resampler = av.AudioResampler(context.format, context.layout, context.rate, frame_size=1024)
        self._format, self._rate = self._format_of(first), context.rate
        self._begin, self._emitted = begin, 0
        self.end = begin

    @staticmethod
    def _format_of(frame: Any) -> tuple[str, str, int]:
        return frame.format.name, frame.layout.name, frame.sample_rate

    def continues(self, frame: Any, begin: Fraction) -> bool:
        """Return whether a frame that begins at ``begin`` seconds follows without a gap, in the same format."""
        return self._format_of(frame) == self._format and abs(begin - self.end) <= GAP

    def convert(self, frame: Any | None) -> Iterator[tuple[Any, Fraction]]:
        """Yield finished pieces with their times in seconds; for None, the last ones."""
        if frame is not None:
            self.end += Fraction(frame.samples, frame.sample_rate)
        for piece in self._resampler.resample(frame):
            time = self._begin + Fraction(self._emitted, self._rate)
            self._emitted += piece.samples
            yield piece, time
