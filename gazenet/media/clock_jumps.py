"""Where the clock of a file begins anew: found from the packets of picture and sound, in the order of the file.

A packet belongs to the stretch that its stream is in, unless its time stamp cannot: far ahead, with nothing of the
other stream in between, or further behind than frames leave an encoder out of their order of display.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from statistics import median

from av.stream import Stream
from av.video.stream import VideoStream

from gazenet.media.container import stream_end, stream_start

LONGEST_GAP = 60.0
"""Seconds: a longer time in which neither picture nor sound has anything is no part of the video and is closed."""
STEP_BACK = 0.25
"""Seconds that time stamps may step back before the clock counts as begun anew."""
INTERLEAVED = 10.0
"""Seconds that picture and sound of one moment may lie apart within a file."""
DEPTH = 8
"""Packets that may lie between a frame and those that are shown before it."""
SYNC = Fraction(1, 4)
"""Seconds by which the sound of a part may outlast its pictures without holding up the pictures of the next part."""


@dataclass
class StreamSpan:
    """What a stream has in a stretch: from ``low`` to ``high``, in seconds of the file's clock.

    ``before``: the stretch that it came from, and ``end``: how far that had come; ``first``, ``recent``: the stamps of
    some packets at either end; ``packets``: how many there are; ``astray``: the stream went back to where it had been.
    """

    low: float
    high: float
    before: int | None = None
    end: float = 0.0
    astray: bool = False
    first: list[float] = field(default_factory=list)
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=2 * DEPTH))
    packets: int = 0

    def add(self, time: float) -> None:
        """One more packet."""
        self.low, self.high = min(self.low, time), max(self.high, time)
        self.recent.append(time)
        self.packets += 1
        if len(self.first) < 2 * DEPTH:
            self.first.append(time)


@dataclass
class ClockStretch:
    """A part of the file with one clock: the spans of the streams in it, by index, in the order in which they came.

    ``seen``: where every stream was when the stretch began: its stretch, and the end of its span there.
    """

    spans: dict[int, StreamSpan] = field(default_factory=dict)
    seen: dict[int, tuple[int, float]] = field(default_factory=dict)

    def near(self, moment: float) -> bool:
        """Whether a moment is among those that the stretch has, or next to them."""
        return any(s.low - INTERLEAVED <= moment <= s.high + INTERLEAVED for s in self.spans.values())


class StreamTrack:
    """One stream while its packets go by; times in seconds of the file's own clock.

    Attributes:
        changes: (number of a packet, stretch from there on).
        length: seconds from the first to the last packet, jumps left out.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream, self.picture = stream, isinstance(stream, VideoStream)
        self.base = float(stream.time_base or 1)
        rates = [stream.average_rate, stream.guessed_rate] if isinstance(stream, VideoStream) else []
        # Of an average over a jump nothing is to be believed; a nominal rate may be that of fields or clock ticks.
        self.step = min([1 / float(rate) for rate in rates if rate], default=0.0)
        self.count = 0
        self.decoded = float("-inf")
        self.run: tuple[float, float] | None = None
        self.stretch: int | None = None
        self.earlier: int | None = None
        self.doubtful = False
        self.outside = 0
        self.changes: list[tuple[int, int]] = []
        self.length = 0.0

    @property
    def limit(self) -> float:
        """Seconds: the longest gap that belongs to the video."""
        return max(LONGEST_GAP, 4 * self.step)

    def follow(self, time: float) -> None:
        """Notes since when the stamps follow each other without a gap, and the newest."""
        since, newest = self.run or (time, time)
        if time - newest > self.limit or time < newest - STEP_BACK - DEPTH * self.step:
            since = newest = time
        self.run = (since, max(newest, time))

    def covers(self, moment: float) -> bool:
        """Whether the stream declares to have something shortly before a moment."""
        start, end = stream_start(self.stream), stream_end(self.stream)
        return end is not None and float(start or 0) <= moment and float(end) >= moment - LONGEST_GAP


class StretchFinder:
    """Takes the packets of all streams in the order of the file and finds the stretches of their clock."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.tracks = {stream.index: StreamTrack(stream) for stream in streams}
        self.found: list[ClockStretch] = []

    def see(self, index: int, shown: int | None, decoded: int | None, duration: int) -> None:
        """The next packet of the file, of the stream ``index``: its time stamps and its duration, in their base."""
        track = self.tracks[index]
        number, track.count = track.count, track.count + 1
        if not track.step:
            track.step = min(1.0, duration * track.base)
        stamp = decoded if shown is None else shown
        if stamp is None:
            return
        time = stamp * track.base
        back = decoded is not None and decoded * track.base < track.decoded - max(STEP_BACK, 2 * track.step)
        if track.stretch is None:
            self._move(track, self._beginning(time), time, number)
        elif self._of_earlier(track, time):
            self._stay_behind(track, time, number)
        elif self._jumps(track, time, back):
            joined = self._joinable(track, time)
            self._move(track, self._new() if joined is None else joined, time, number)
            track.doubtful = joined is None and not back
        else:
            self._go_on(track, time, number)
        if decoded is not None:
            track.decoded = decoded * track.base
        track.follow(time)

    def finish(self) -> None:
        """No packet follows."""
        for track in self.tracks.values():
            self._reconsider(track)

    def _span(self, track: StreamTrack, stretch: int | None = None) -> StreamSpan:
        return self.found[(track.stretch or 0) if stretch is None else stretch].spans[track.stream.index]

    def _go_on(self, track: StreamTrack, time: float, number: int) -> None:
        span = self._span(track)
        track.length += max(time - span.high, 0.0)
        span.add(time)
        self._note(track, number, track.stretch or 0)
        track.outside = 0
        if span.packets == 2 * DEPTH:
            track.step = median(b - a for a, b in pairwise(sorted(span.recent)))
        if track.doubtful:
            self._reconsider(track)

    def _move(self, track: StreamTrack, stretch: int, time: float, number: int) -> None:
        if track.stretch is not None:
            track.length += track.step
        end = 0.0 if track.stretch is None else self._span(track).high
        span = self.found[stretch].spans.setdefault(track.stream.index, StreamSpan(time, time, track.stretch, end))
        span.add(time)
        track.earlier, track.stretch, track.outside, track.doubtful = track.stretch, stretch, 0, False
        self._note(track, number, stretch)

    def _stay_behind(self, track: StreamTrack, time: float, number: int) -> None:
        """A packet of the stretch before; when many follow, the one that seemed to begin another was astray."""
        assert track.earlier is not None
        span = self._span(track, track.earlier)
        track.length += max(time - span.high, 0.0)
        span.add(time)
        self._note(track, number, track.earlier)
        track.outside += 1
        if track.outside > DEPTH:
            self._span(track).astray = True
            track.stretch, track.earlier, track.outside, track.doubtful = track.earlier, None, 0, False

    def _note(self, track: StreamTrack, number: int, stretch: int) -> None:
        if not track.changes or track.changes[-1][1] != stretch:
            track.changes.append((number, stretch))

    def _reconsider(self, track: StreamTrack) -> None:
        """Takes a stretch back where the other stream has gone on to it: a picture that is held for long.

        Its frame comes early, for those shown before it are made from it.
        """
        if not track.doubtful or track.earlier is None or track.stretch is None:
            return
        span, old = self._span(track), self._span(track, track.earlier)
        if span.packets > DEPTH:
            track.doubtful = False
        elif len(self.found[track.stretch].spans) == 1 and self._filled(track, span.low, old.high):
            del self.found[track.stretch].spans[track.stream.index]
            track.changes = [(n, track.earlier if k == track.stretch else k) for n, k in track.changes]
            track.length += span.low - old.high - track.step
            for time in span.recent:
                old.add(time)
            track.stretch, track.earlier, track.doubtful = track.earlier, None, False

    # ---- judgements

    def _beginning(self, time: float) -> int:
        """The stretch of a stream's first packet: the first one, unless the other stream's clock is far away."""
        if not self.found:
            return self._new()
        runs = [track.run for track in self.tracks.values() if track.run is not None]
        low, high = min(since for since, _ in runs), max(newest for _, newest in runs)
        if time - high <= LONGEST_GAP and (low - time <= LONGEST_GAP or high - low > INTERLEAVED):
            return 0
        return self._new()

    def _of_earlier(self, track: StreamTrack, time: float) -> bool:
        """Whether a packet soon after a jump is still of the clock before it: frames come out of order of display."""
        if track.earlier is None or self._span(track).packets > DEPTH:
            return False
        ahead = time - self._span(track).high
        if -STEP_BACK <= ahead <= 4 * track.step + STEP_BACK:
            return False
        high, reach = self._span(track, track.earlier).high, (DEPTH + track.outside) * track.step
        return high - reach <= time <= high + (DEPTH if self._span(track).low > high else 2) * track.step

    def _jumps(self, track: StreamTrack, time: float, decoded_back: bool) -> bool:
        """Whether the clock of a stream that comes to this moment is no longer the one before."""
        span = self._span(track)
        if time < span.high - max(STEP_BACK, 2 * track.step):
            return decoded_back or sum(one >= time for one in span.recent) > DEPTH
        gap = time - span.high - track.step
        if gap > track.limit:
            return not self._filled(track, time, span.high)
        return gap > track.limit / 2 and self._joinable(track, time) is not None

    def _filled(self, track: StreamTrack, time: float, last: float) -> bool:
        """Whether the gap from ``last`` to a moment is one of this stream only: the other has something there."""
        for other in self.tracks.values():
            if other is track:
                continue
            since, newest = other.run or (0.0, float("-inf"))
            if since <= last + LONGEST_GAP and newest >= time - LONGEST_GAP:
                return True
            if last - newest > INTERLEAVED and other.covers(time):  # the file keeps its streams apart
                return True
        return False

    def _joinable(self, track: StreamTrack, time: float) -> int | None:
        """The stretch that the other stream began a moment ago, if this moment is in it."""
        for index in range((track.stretch or 0) + 1, len(self.found)):
            stretch = self.found[index]
            was_in, was_at = stretch.seen.get(track.stream.index, (-1, 0.0))
            if was_in == track.stretch and self._span(track).high - was_at > INTERLEAVED:
                continue
            if stretch.near(time):
                return index
        return None

    def _new(self) -> int:
        seen = {i: (t.stretch, self._span(t).high) for i, t in self.tracks.items() if t.stretch is not None}
        self.found.append(ClockStretch(seen=seen))
        return len(self.found) - 1

    # ---- what follows

    def shifts(self) -> list[Fraction]:
        """Seconds to add in every stretch: it begins where the one before ended, for whoever ended later.

        Where sound outlasts the pictures by a packet or two, the pictures go on at their own pace. Streams whose
        clocks never met begin together.
        """
        shifts: list[Fraction] = []
        for stretch in self.found:
            wanted: list[tuple[Fraction, bool]] = []
            for index, span in stretch.spans.items():
                track = self.tracks[index]
                if span.before is not None:
                    shift = _continued(self._span(track, span.before), span, track.step if track.picture else 0)
                    shift += 0 if track.picture else track.step
                    wanted.append((shifts[span.before] + Fraction(shift), track.picture))
                elif shifts and len(stretch.spans) == 1:
                    first = min(other.low for other in self.found[0].spans.values())
                    wanted.append((Fraction(first) - Fraction(span.low), track.picture))
            latest = max((shift for shift, _ in wanted), default=Fraction(0))
            pictures = max((shift for shift, picture in wanted if picture), default=latest)
            shifts.append(pictures if latest - pictures <= SYNC else latest)
        return shifts


def _continued(old: StreamSpan, new: StreamSpan, step: float) -> float:
    """Seconds that bring a new span behind an old one, its first frame a ``step`` behind the last.

    Where a file was cut in the order of decoding, frames of the new span belong between those of the old one.
    """
    behind = (new.end if new.astray else old.high) + step - new.low
    for places in range(DEPTH if step and not new.astray else 0, 0, -1):
        shift = behind - places * step
        stamps = sorted([*old.recent, *(one + shift for one in new.first)])
        stamps = [one for one in stamps if abs(one - old.high) <= DEPTH * step]
        steps = [b - a for a, b in pairwise(stamps)]
        if steps and min(steps) > step / 2 and max(steps) < 1.5 * step:
            return shift
    return behind
