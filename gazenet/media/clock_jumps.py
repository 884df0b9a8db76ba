"""Detection of the points where the clock of a file restarts, from the packets of picture and sound in file order.

A packet belongs to the current stretch of its stream, unless its time stamp is far ahead, with no packet of the other
stream in between, or further back than the reordering of frames by an encoder explains.
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
"""Seconds: a longer gap without picture and sound is not part of the video and is closed."""
STEP_BACK = 0.25
"""Seconds that time stamps may step back before the clock counts as restarted."""
INTERLEAVED = 10.0
"""Seconds of distance within the file between picture and sound of one moment."""
DEPTH = 8
"""Packets between a frame and those that are displayed before it."""
SYNC = Fraction(1, 4)
"""Seconds by which the sound of a part may outlast its pictures without holding up the pictures of the next part."""


@dataclass
class StreamSpan:
    """The part of a stream that is in one stretch.

    Attributes:
        low, high: first and last time stamp in seconds of the file's clock.
        before: the stretch that the stream was in before, or None.
        end: last time stamp of the stream in that stretch.
        astray: whether the stream returned to the stretch before.
        first, recent: time stamps of some packets at both ends.
        packets: number of packets.
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
        """Add the time stamp of a packet, in seconds."""
        self.low, self.high = min(self.low, time), max(self.high, time)
        self.recent.append(time)
        self.packets += 1
        if len(self.first) < 2 * DEPTH:
            self.first.append(time)


@dataclass
class ClockStretch:
    """A part of the file with a continuous clock.

    Attributes:
        spans: the parts of the streams in it, by stream index, in the order of their first packets.
        seen: stretch and last time stamp of every stream when this stretch began.
    """

    spans: dict[int, StreamSpan] = field(default_factory=dict)
    seen: dict[int, tuple[int, float]] = field(default_factory=dict)

    def near(self, moment: float) -> bool:
        """Return whether a moment is in the stretch or close to it."""
        return any(s.low - INTERLEAVED <= moment <= s.high + INTERLEAVED for s in self.spans.values())


class StreamTrack:
    """The state of one stream while its packets are read; times are in seconds of the file's own clock.

    Attributes:
        stream: the stream.
        picture: whether it is a video stream.
        base: seconds per step of its time stamps.
        step: seconds per packet.
        count: packets read so far.
        decoded: decoding time stamp of the newest packet.
        run: first and newest time stamp of the present run without a gap.
        stretch, earlier: the present stretch and the one before it.
        doubtful: whether the present stretch may turn out to be part of the earlier one.
        outside: packets in a row that belong to the earlier stretch.
        changes: (number of a packet, stretch from there on).
        length: seconds from the first to the last packet, without jumps.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream, self.picture = stream, isinstance(stream, VideoStream)
        self.base = float(stream.time_base or 1)
        rates = [stream.average_rate, stream.guessed_rate] if isinstance(stream, VideoStream) else []
        # The average rate is wrong where the clock jumps, the nominal one where it counts fields or clock ticks.
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
        """The longest gap that belongs to the video, in seconds."""
        return max(LONGEST_GAP, 4 * self.step)

    def follow(self, time: float) -> None:
        """Extend the present run by a time stamp, or start a new run after a gap."""
        since, newest = self.run or (time, time)
        if time - newest > self.limit or time < newest - STEP_BACK - DEPTH * self.step:
            since = newest = time
        self.run = (since, max(newest, time))

    def covers(self, moment: float) -> bool:
        """Return whether the declared span of the stream includes the time shortly before a moment."""
        start, end = stream_start(self.stream), stream_end(self.stream)
        return end is not None and float(start or 0) <= moment and float(end) >= moment - LONGEST_GAP


class StretchFinder:
    """A detector of the stretches of a file's clock, fed with the packets of all streams in file order.

    Attributes:
        tracks: the state of every stream, by index.
        stretches: the stretches so far.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.tracks = {stream.index: StreamTrack(stream) for stream in streams}
        self.stretches: list[ClockStretch] = []

    def add(self, index: int, shown: int | None, decoded: int | None, duration: int) -> None:
        """Add the next packet of the file.

        Args:
            index: of its stream.
            shown, decoded: presentation and decoding time stamp in steps of the stream's time base, or None.
            duration: in the same steps.
        """
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
            self._move(track, self._first_stretch(time), time, number)
        elif self._belongs_to_earlier(track, time):
            self._add_to_earlier(track, time, number)
        elif self._jumps(track, time, back):
            joined = self._joinable(track, time)
            self._move(track, self._new_stretch() if joined is None else joined, time, number)
            track.doubtful = joined is None and not back
        else:
            self._continue(track, time, number)
        if decoded is not None:
            track.decoded = decoded * track.base
        track.follow(time)

    def finish(self) -> None:
        """Complete the stretches after the last packet."""
        for track in self.tracks.values():
            self._reconsider(track)

    def _span(self, track: StreamTrack, stretch: int | None = None) -> StreamSpan:
        return self.stretches[(track.stretch or 0) if stretch is None else stretch].spans[track.stream.index]

    def _continue(self, track: StreamTrack, time: float, number: int) -> None:
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
        span = self.stretches[stretch].spans.setdefault(track.stream.index, StreamSpan(time, time, track.stretch, end))
        span.add(time)
        track.earlier, track.stretch, track.outside, track.doubtful = track.stretch, stretch, 0, False
        self._note(track, number, stretch)

    def _add_to_earlier(self, track: StreamTrack, time: float, number: int) -> None:
        """Add a packet to the earlier stretch; after many of them, the present stretch was a stray packet."""
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
        """Merge a stretch into the earlier one where the other stream has continued up to it: a long still picture.

        Its frame comes early, because the frames displayed before it are predicted from it.
        """
        if not track.doubtful or track.earlier is None or track.stretch is None:
            return
        span, old = self._span(track), self._span(track, track.earlier)
        if span.packets > DEPTH:
            track.doubtful = False
        elif len(self.stretches[track.stretch].spans) == 1 and self._filled(track, span.low, old.high):
            del self.stretches[track.stretch].spans[track.stream.index]
            track.changes = [(n, track.earlier if k == track.stretch else k) for n, k in track.changes]
            track.length += span.low - old.high - track.step
            for time in span.recent:
                old.add(time)
            track.stretch, track.earlier, track.doubtful = track.earlier, None, False

    # ---- decisions

    def _first_stretch(self, time: float) -> int:
        """Return the stretch of a stream's first packet: the first, unless the other stream's clock is far away."""
        if not self.stretches:
            return self._new_stretch()
        runs = [track.run for track in self.tracks.values() if track.run is not None]
        low, high = min(since for since, _ in runs), max(newest for _, newest in runs)
        if time - high <= LONGEST_GAP and (low - time <= LONGEST_GAP or high - low > INTERLEAVED):
            return 0
        return self._new_stretch()

    def _belongs_to_earlier(self, track: StreamTrack, time: float) -> bool:
        """Return whether a packet soon after a jump still has the clock before it, as frames may be out of order."""
        if track.earlier is None or self._span(track).packets > DEPTH:
            return False
        ahead = time - self._span(track).high
        if -STEP_BACK <= ahead <= 4 * track.step + STEP_BACK:
            return False
        high, reach = self._span(track, track.earlier).high, (DEPTH + track.outside) * track.step
        return high - reach <= time <= high + (DEPTH if self._span(track).low > high else 2) * track.step

    def _jumps(self, track: StreamTrack, time: float, decoded_back: bool) -> bool:
        """Return whether the clock of a stream has jumped to this moment."""
        span = self._span(track)
        if time < span.high - max(STEP_BACK, 2 * track.step):
            return decoded_back or sum(stamp >= time for stamp in span.recent) > DEPTH
        gap = time - span.high - track.step
        if gap > track.limit:
            return not self._filled(track, time, span.high)
        return gap > track.limit / 2 and self._joinable(track, time) is not None

    def _filled(self, track: StreamTrack, time: float, last: float) -> bool:
        """Return whether another stream has packets in the gap of this one from ``last`` to a moment."""
        for other in self.tracks.values():
            if other is track:
                continue
            since, newest = other.run or (0.0, float("-inf"))
            if since <= last + LONGEST_GAP and newest >= time - LONGEST_GAP:
                return True
            if last - newest > INTERLEAVED and other.covers(time):  # the streams are not interleaved in the file
                return True
        return False

    def _joinable(self, track: StreamTrack, time: float) -> int | None:
        """Return the stretch that the other stream began recently, if this moment is in it."""
        for index in range((track.stretch or 0) + 1, len(self.stretches)):
            stretch = self.stretches[index]
            was_in, was_at = stretch.seen.get(track.stream.index, (-1, 0.0))
            if was_in == track.stretch and self._span(track).high - was_at > INTERLEAVED:
                continue
            if stretch.near(time):
                return index
        return None

    def _new_stretch(self) -> int:
        seen = {i: (t.stretch, self._span(t).high) for i, t in self.tracks.items() if t.stretch is not None}
        self.stretches.append(ClockStretch(seen=seen))
        return len(self.stretches) - 1

    # ---- result

    def shifts(self) -> list[Fraction]:
        """Return the seconds to add in every stretch, so that it begins at the later end of picture and sound.

        Where sound outlasts the pictures by a packet or two, the pictures continue at their own rate. Streams whose
        clocks never overlap begin together.
        """
        shifts: list[Fraction] = []
        for stretch in self.stretches:
            candidates: list[tuple[Fraction, bool]] = []
            for index, span in stretch.spans.items():
                track = self.tracks[index]
                if span.before is not None:
                    shift = _continued(self._span(track, span.before), span, track.step if track.picture else 0)
                    shift += 0 if track.picture else track.step
                    candidates.append((shifts[span.before] + Fraction(shift), track.picture))
                elif shifts and len(stretch.spans) == 1:
                    first = min(other.low for other in self.stretches[0].spans.values())
                    candidates.append((Fraction(first) - Fraction(span.low), track.picture))
            latest = max((shift for shift, _ in candidates), default=Fraction(0))
            pictures = max((shift for shift, picture in candidates if picture), default=latest)
            shifts.append(pictures if latest - pictures <= SYNC else latest)
        return shifts


def _continued(old: StreamSpan, new: StreamSpan, step: float) -> float:
    """Return the seconds that move a new span after an old one, its first frame a ``step`` after the last.

    Where a file was cut in the order of decoding, frames of the new span belong between those of the old one.
    """
    full_shift = (new.end if new.astray else old.high) + step - new.low
    for overlap in range(DEPTH if step and not new.astray else 0, 0, -1):
        shift = full_shift - overlap * step
        stamps = sorted([*old.recent, *(stamp + shift for stamp in new.first)])
        stamps = [stamp for stamp in stamps if abs(stamp - old.high) <= DEPTH * step]
        steps = [b - a for a, b in pairwise(stamps)]
        if steps and min(steps) > step / 2 and max(steps) < 1.5 * step:
            return shift
    return full_shift
