"""One continuous clock for files whose time stamps jump, derived from the packets of picture and sound together.

Recordings that were joined byte by byte restart their clock in every part, counters of 33 bits wrap around, and parts
that were recorded hours apart keep these hours. Where time stamps step back, or jump forward over more than
:data:`~gazenet.media.clock_jumps.LONGEST_GAP` seconds without any packet, a new *stretch* of the clock begins; it is
shifted so that time continues. Picture and sound of one stretch are shifted by the same amount and stay synchronous,
and every reader of the file gets the same shifts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream

from gazenet.media.clock_jumps import StretchFinder
from gazenet.media.container import COVER, audio_stream, open_container, origin

TOLERATED_ERRORS = 20
"""Reading ends after this many failures in a row: after a truncation, every further read fails."""
NAMED_JUMPS = 3
"""Jumps that a warning lists."""


@dataclass(frozen=True)
class ClockJump:
    """A jump of the clock of a file.

    Attributes:
        at: seconds of the corrected clock at which the jump happens.
        before, after: seconds of the file's own clock before and after the jump.
        only: "picture" or "sound" where the clock of the other continues, else None.
    """

    at: float
    before: float
    after: float
    only: str | None = None

    def __str__(self) -> str:
        only = f" (in the {self.only} only)" if self.only else ""
        size = self.after - self.before
        way = "forward" if size > 0 else "back"
        return f"by {abs(size):.2f} s {way} at {max(self.at, 0.0):.2f} s{only}"


@dataclass(frozen=True)
class ContainerClock:
    """The correction of the time stamps of a file.

    Attributes:
        shifts: per stream index, (number of the first packet, seconds to add from there on), in order.
        jumps: closed jumps, in the order of the file.
        packets: packets per stream index.
        seconds: duration of each stream by index, from its first to the end of its last packet, jumps closed.
        zero: the moment of time 0 in seconds, where it differs from that of the container.
    """

    shifts: dict[int, tuple[tuple[int, Fraction], ...]] = field(default_factory=dict)
    jumps: tuple[ClockJump, ...] = ()
    packets: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    zero: Fraction | None = None

    def correction(self, stream: Stream) -> Callable[[Packet[Any]], None]:
        """Return a function that corrects packets of a stream in place; it needs all of them, in file order."""
        return _Correction(self.shifts.get(stream.index, ()))

    def origin(self, container: InputContainer) -> Fraction:
        """Return the moment of the container's clock that is time 0, in seconds."""
        return origin(container) if self.zero is None else self.zero

    def remarks(self) -> list[str]:
        """Return a warning about jumps, if there are any."""
        if not self.jumps:
            return []
        more = len(self.jumps) - NAMED_JUMPS
        listed = ", ".join(str(jump) for jump in self.jumps[:NAMED_JUMPS]) + (f" and {more} more" if more > 0 else "")
        times = "once" if len(self.jumps) == 1 else f"{len(self.jumps)} times"
        return [f"its clock jumps {times}: {listed}; the jumps are closed, picture and sound stay synchronous"]


class _Correction:
    """A function with state that counts the packets of one stream and shifts them; in most files by nothing."""

    def __init__(self, shifts: Sequence[tuple[int, Fraction]]) -> None:
        self._shifts, self._next, self._count, self._shift = shifts, 0, 0, Fraction(0)

    def __call__(self, packet: Packet[Any]) -> None:
        if is_end(packet):
            return
        while self._next < len(self._shifts) and self._shifts[self._next][0] <= self._count:
            self._shift = self._shifts[self._next][1]
            self._next += 1
        self._count += 1
        if self._shift and packet.time_base:
            steps = round(self._shift / packet.time_base)
            if packet.pts is not None:
                packet.pts += steps
            if packet.dts is not None:
                packet.dts += steps


def is_end(packet: Packet[Any]) -> bool:
    """Return whether a packet is the demuxer's end marker, which has no data."""
    return packet.size == 0 and packet.pts is None and packet.dts is None


def read_packets(
    container: InputContainer, streams: Sequence[Stream], on_error: Callable[[BaseException], None]
) -> Iterator[Packet[Any]]:
    """Yield the packets of streams in the order of the file; ``on_error`` receives errors, and reading continues."""
    failures = 0
    while failures < TOLERATED_ERRORS:
        try:
            for packet in container.demux(list(streams)):
                failures = 0
                yield packet
            return
        except (FFmpegError, ValueError) as error:
            failures += 1
            on_error(error)


def read_clock(path: str | Path) -> ContainerClock:
    """Derive the clock of a file from all its packets; cached until the file changes. Raises MediaError."""
    try:
        status = os.stat(path)
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    except OSError:
        version = (0, 0, 0, 0)
    return _cached_clock(os.path.abspath(path), version)


@lru_cache(maxsize=32)
def _cached_clock(path: str, version: tuple[int, ...]) -> ContainerClock:
    """Derive the clock of a version of a file."""
    with open_container(path) as container:
        pictures = [s for s in container.streams.video if not s.disposition & COVER]
        video = next((s for s in pictures if s.disposition & Disposition.default), next(iter(pictures), None))
        streams = [stream for stream in (video, audio_stream(container)) if stream is not None]
        finder = StretchFinder(streams)
        for packet in read_packets(container, streams, lambda error: None):
            if not is_end(packet):
                finder.add(packet.stream_index, packet.pts, packet.dts, packet.duration or 0)
        finder.finish()
        return _clock_from(finder, origin(container))


def _clock_from(finder: StretchFinder, start: Fraction) -> ContainerClock:
    """Return the clock of a container that starts at ``start``, after all packets were added to the finder."""
    shifts, tracks = finder.shifts(), finder.tracks
    counts = {index: track.count for index, track in tracks.items()}
    lengths = {index: track.length + track.step for index, track in tracks.items()}
    if all(len(track.changes) < 2 for track in tracks.values()) and not any(shifts):
        return ContainerClock(packets=counts, seconds=lengths)
    zero = None
    if any(track.changes and track.changes[0][1] for track in tracks.values()):  # streams whose clocks never met
        spans = ((shifts[k], span) for k, stretch in enumerate(finder.stretches) for span in stretch.spans.values())
        zero = min(Fraction(span.low) + shift for shift, span in spans)
    return ContainerClock(
        {index: tuple((number, shifts[k]) for number, k in track.changes) for index, track in tracks.items()},
        _jumps(finder, shifts, start if zero is None else zero),
        counts,
        lengths,
        zero,
    )


def _jumps(finder: StretchFinder, shifts: Sequence[Fraction], zero: Fraction) -> tuple[ClockJump, ...]:
    jumps = []
    for number, (stretch, shift) in enumerate(zip(finder.stretches, shifts, strict=True)):
        spans = {index: span for index, span in stretch.spans.items() if number}
        if not spans:
            continue
        pictures = [index for index in spans if finder.tracks[index].picture]
        index = (pictures or list(spans))[0]
        track, span = finder.tracks[index], spans[index]
        before = finder.stretches[span.before or 0].spans
        end = before[index].high + track.step if index in before else min(other.low for other in before.values())
        only = len(spans) < len(finder.tracks)
        kind = ("picture" if track.picture else "sound") if only else None
        jumps.append(ClockJump(span.low + float(shift - zero), end, span.low, kind))
    return tuple(jumps)
