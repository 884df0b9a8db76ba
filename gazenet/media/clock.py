"""One clock for a file whose time stamps jump: decided from the packets of picture and sound together.

Recordings that were joined byte by byte begin their clock anew in every part, counters of 33 bits wrap around, and
parts that were recorded hours apart keep these hours. Where time stamps step back, or jump forward over more than
:data:`~gazenet.media.clock_jumps.LONGEST_GAP` seconds in which the file holds nothing at all, a new *stretch* of the
clock begins; it is shifted so that time goes on. Picture and sound of one stretch are shifted by the same amount, so
they stay together, and every reader of the file gets the same shifts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream

from gazenet.media.clock_jumps import StreamTrack, StretchFinder
from gazenet.media.container import COVER, audio_stream, open_container, origin

TOLERATED_ERRORS = 20
"""Reading ends after this many failures in a row: behind a cut, every further read fails."""
NAMED_JUMPS = 3


@dataclass(frozen=True)
class ClockJump:
    """The clock of a file jumps from ``before`` to ``after``, in seconds of that clock; time goes on at ``at``.

    ``only``: "picture" or "sound" where the other one's clock goes on.
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
    """How to correct the time stamps of a file.

    Attributes:
        shifts: per stream index, (number of the first packet, seconds to add from there on), in order.
        jumps: what was closed, in the order of the file.
        packets: packets per stream index.
        seconds: how long each stream is, by index, from its first to the end of its last packet, jumps closed.
        zero: the moment that is time 0 where it is not that of the container, in seconds.
    """

    shifts: dict[int, tuple[tuple[int, Fraction], ...]] = field(default_factory=dict)
    jumps: tuple[ClockJump, ...] = ()
    packets: dict[int, int] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    zero: Fraction | None = None

    def correction(self, stream: Stream) -> Callable[[Packet[Any]], None]:
        """What corrects the packets of a stream in place; it must see all of them, in the order of the file."""
        shifts = self.shifts.get(stream.index, ())
        if not any(shift for _, shift in shifts):
            return _as_it_is
        return _Correction(shifts)

    def origin(self, container: InputContainer) -> Fraction:
        """The moment of the container's clock that is time 0, in seconds."""
        return origin(container) if self.zero is None else self.zero

    def remarks(self) -> list[str]:
        """What users should know, in plain lines."""
        if not self.jumps:
            return []
        more = len(self.jumps) - NAMED_JUMPS
        listed = ", ".join(str(jump) for jump in self.jumps[:NAMED_JUMPS]) + (f" and {more} more" if more > 0 else "")
        times = "once" if len(self.jumps) == 1 else f"{len(self.jumps)} times"
        return [f"its clock jumps {times}: {listed}; time goes on there, picture and sound stay together"]


def _as_it_is(packet: Packet[Any]) -> None:
    """Most files need no correction."""


class _Correction:
    """Counts the packets of one stream and shifts them."""

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
    """Whether this is the demuxer's sign of the end, which holds no data."""
    return packet.size == 0 and packet.pts is None and packet.dts is None


def read_packets(
    container: InputContainer, streams: Sequence[Stream], failed: Callable[[BaseException], None]
) -> Iterator[Packet[Any]]:
    """The packets of streams in the order of the file; ``failed`` is told of reads that fail, and they go on."""
    failures = 0
    while failures < TOLERATED_ERRORS:
        try:
            for packet in container.demux(list(streams)):
                failures = 0
                yield packet
            return
        except (FFmpegError, ValueError) as error:
            failures += 1
            failed(error)


def read_clock(path: str | Path) -> ContainerClock:
    """The clock of a file, from reading its packets once; decided again when the file changes. Raises MediaError."""
    try:
        status = os.stat(path)
        found = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    except OSError:
        found = (0, 0, 0, 0)
    return _clock_of(os.path.abspath(path), found)


@lru_cache(maxsize=32)
def _clock_of(path: str, state: tuple[int, ...]) -> ContainerClock:
    with open_container(path) as container:
        pictures = [s for s in container.streams.video if not s.disposition & COVER]
        shown = next((s for s in pictures if s.disposition & Disposition.default), next(iter(pictures), None))
        streams = [one for one in (shown, audio_stream(container)) if one is not None]
        stretches = StretchFinder(streams)
        for packet in read_packets(container, streams, lambda error: None):
            if not is_end(packet):
                stretches.see(packet.stream_index, packet.pts, packet.dts, packet.duration or 0)
        stretches.finish()
        return _decided(stretches, origin(container))


def _decided(stretches: StretchFinder, start: Fraction) -> ContainerClock:
    """The clock of a container that starts at ``start``, once its packets have been seen."""
    shifts, tracks = stretches.shifts(), stretches.tracks
    if all(len(track.changes) < 2 for track in tracks.values()) and not any(shifts):
        return ContainerClock(packets=_counts(tracks), seconds=_lengths(tracks))
    zero = None
    if any(track.changes and track.changes[0][1] for track in tracks.values()):  # streams whose clocks never met
        spans = ((shifts[k], span) for k, one in enumerate(stretches.found) for span in one.spans.values())
        zero = min(Fraction(span.low) + shift for shift, span in spans)
    return ContainerClock(
        {index: tuple((number, shifts[k]) for number, k in track.changes) for index, track in tracks.items()},
        _jumps(stretches, shifts, start if zero is None else zero),
        _counts(tracks),
        _lengths(tracks),
        zero,
    )


def _counts(tracks: Mapping[int, StreamTrack]) -> dict[int, int]:
    return {index: track.count for index, track in tracks.items()}


def _lengths(tracks: Mapping[int, StreamTrack]) -> dict[int, float]:
    return {index: track.length + track.step for index, track in tracks.items()}


def _jumps(stretches: StretchFinder, shifts: Sequence[Fraction], zero: Fraction) -> tuple[ClockJump, ...]:
    jumps = []
    for number, (stretch, shift) in enumerate(zip(stretches.found, shifts, strict=True)):
        came = {index: span for index, span in stretch.spans.items() if number}
        if not came:
            continue
        pictured = [index for index in came if stretches.tracks[index].picture]
        index = (pictured or list(came))[0]
        track, span = stretches.tracks[index], came[index]
        before = stretches.found[span.before or 0].spans
        end = before[index].high + track.step if index in before else min(one.low for one in before.values())
        only = len(came) < len(stretches.tracks)
        kind = ("picture" if track.picture else "sound") if only else None
        jumps.append(ClockJump(span.low + float(shift - zero), end, span.low, kind))
    return tuple(jumps)
