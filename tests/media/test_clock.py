"""Clocks that jump: time is continuous, picture and sound stay synchronous, and no gap is filled with frames."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gazenet.media.audio import read_audio
from gazenet.media.clock import read_clock
from gazenet.media.decode import VideoReader, probe, probe_and_count
from gazenet.media.encode import VideoWriter
from tests.media.makers import tone, video

HOURS = 3600


def part(path: Path, start_s: float = 0.0, frames: int = 30, flash: int | None = 20) -> Path:
    """25 frames per second; the clock begins at ``start_s``; frame ``flash`` is white while a tone sounds."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"bf": "2"})
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        track: Any = container.add_stream("aac", rate=16_000, layout="mono")
        for k in range(frames):
            image = np.full((48, 64, 3), 235 if k == flash else 30, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = k + round(25 * start_s), Fraction(1, 25)
            container.mux(stream.encode(frame))
            for piece in tone(640, round(16_000 * start_s) + 640 * k):
                if k != flash:
                    piece = quiet(piece)
                container.mux(track.encode(piece))
        container.mux(stream.encode(None))
        container.mux(track.encode(None))
    return path


def quiet(piece: av.AudioFrame) -> av.AudioFrame:
    silent = av.AudioFrame.from_ndarray(np.zeros_like(piece.to_ndarray()), format="fltp", layout="mono")
    silent.sample_rate, silent.pts, silent.time_base = piece.sample_rate, piece.pts, piece.time_base
    return silent


def joined(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(one.read_bytes() for one in parts))
    return path


def remuxed(source: Path, target: Path, change: Callable[[str, float, Any], None]) -> Path:
    """A copy whose packets went through ``change(kind, seconds, packet)``, in the order of the original."""
    with av.open(str(source)) as original, av.open(str(target), "w") as container:
        streams = {s.index: container.add_stream_from_template(s) for s in original.streams}
        for packet in original.demux():
            if packet.dts is None:
                continue
            change(packet.stream.type, float(packet.dts * packet.time_base), packet)
            packet.stream = streams[packet.stream_index]
            container.mux(packet)
    return target


def later(packet: Any, seconds: float) -> None:
    steps = round(seconds / packet.time_base)
    packet.pts, packet.dts = packet.pts + steps, packet.dts + steps


def read(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Times of all frames, times of the white ones, remarks."""
    with VideoReader(path) as reader:
        frames = [(frame.time, frame.image.mean()) for frame in reader]
        times = np.array([time for time, _ in frames])
        return times, times[[mean > 150 for _, mean in frames]], reader.warnings


def sounding(path: Path) -> tuple[list[float], float]:
    """When tones begin, and how long the sound is, in seconds of the video."""
    sound = read_audio(path, mono=True)
    assert sound is not None
    loud = np.abs(sound.samples[0]).reshape(-1)
    block = sound.rate // 100
    level = loud[: len(loud) // block * block].reshape(-1, block).max(1) > 0.1
    onsets = np.flatnonzero(level & ~np.concatenate([[False], level[:-1]]))
    spaced = [k for n, k in enumerate(onsets) if n == 0 or k - onsets[n - 1] > 10]
    return [sound.start + k / 100 for k in spaced], sound.start + sound.duration


def together(path: Path, flashes: int, frames: int, seconds: float) -> list[str]:
    """Check that time is even, no frame is lost, and tones sound at flashes; return the remarks."""
    times, white, remarks = read(path)
    assert len(times) == frames and len(white) == flashes
    assert np.diff(times) == pytest.approx(0.04, abs=0.035)
    assert times[-1] == pytest.approx(seconds - 0.04, abs=0.2)
    tones, end = sounding(path)
    assert tones == pytest.approx(white, abs=0.07)
    assert end == pytest.approx(seconds, abs=0.25)
    return remarks


def test_parts_hours_apart_are_one_video(tmp_path: Path) -> None:
    path = joined(tmp_path / "v.ts", part(tmp_path / "a.ts"), part(tmp_path / "b.ts", 20 * HOURS))
    remarks = together(path, 2, 60, 2.4)
    assert len(remarks) == 1 and "by 7199" in remarks[0] and "forward at 1.2" in remarks[0]


def test_a_clock_that_begins_anew_goes_on(tmp_path: Path) -> None:
    single = part(tmp_path / "a.ts", 3.0)
    assert "back at 1.2" in together(joined(tmp_path / "v.ts", single, single), 2, 60, 2.4)[0]


def test_a_clock_that_begins_anew_many_times(tmp_path: Path) -> None:
    single = part(tmp_path / "a.ts")
    (remark,) = together(joined(tmp_path / "v.ts", *[single] * 7), 7, 210, 8.4)
    assert "6 times" in remark and "and 3 more" in remark


def test_jumps_forward_and_back_in_one_file(tmp_path: Path) -> None:
    parts = [part(tmp_path / f"{k}.ts", start) for k, start in enumerate((50.0, 9 * HOURS, 7.0, 400.0))]
    together(joined(tmp_path / "v.ts", *parts), 4, 120, 4.8)


@pytest.mark.parametrize("container", ["mkv", "mp4", "flv"])
def test_jumps_in_other_containers(tmp_path: Path, container: str) -> None:
    def change(kind: str, seconds: float, packet: Any) -> None:
        if seconds > 0.6:
            later(packet, 5 * HOURS)

    path = remuxed(part(tmp_path / "a.mp4", frames=60, flash=40), tmp_path / f"v.{container}", change)
    together(path, 1, 60, 2.4)


@pytest.mark.parametrize("kind", ["video", "audio"])
@pytest.mark.parametrize("seconds", [2 * HOURS, 100])
@pytest.mark.parametrize("container", ["mkv", "ts"])
def test_a_jump_in_one_stream_only(tmp_path: Path, kind: str, seconds: float, container: str) -> None:
    def change(stream_kind: str, time: float, packet: Any) -> None:
        if stream_kind == kind and time > 0.8:
            later(packet, seconds)

    path = remuxed(part(tmp_path / "a.mp4", frames=60, flash=40), tmp_path / f"v.{container}", change)
    (remark,) = together(path, 1, 60, 2.4)
    assert ("in the picture only" if kind == "video" else "in the sound only") in remark


def test_one_stray_stamp_moves_nothing_else(tmp_path: Path) -> None:
    def change(kind: str, time: float, packet: Any) -> None:
        if kind == "video" and abs(time - 1.0) < 0.02:
            packet.pts += round(3 * HOURS / packet.time_base)

    path = remuxed(part(tmp_path / "a.mp4", frames=60, flash=40), tmp_path / "v.mkv", change)
    times, white, _ = read(path)
    assert times - times[0] == pytest.approx(np.arange(60) / 25, abs=0.05)
    assert sounding(path)[0] == pytest.approx(white, abs=0.07)


def test_counters_of_33_bits_wrap_around(tmp_path: Path) -> None:
    path = part(tmp_path / "v.ts", 2**33 / 90_000 - 2.0, frames=60, flash=40)
    assert together(path, 1, 60, 2.4) == []


def test_streams_whose_clocks_never_met(tmp_path: Path) -> None:
    def change(kind: str, time: float, packet: Any) -> None:
        if kind == "audio":
            later(packet, 20 * HOURS)

    path = remuxed(part(tmp_path / "a.mp4", frames=60, flash=40), tmp_path / "v.mkv", change)
    assert "sound only" in together(path, 1, 60, 2.4)[0]


def test_sound_that_outlasts_its_part_is_kept(tmp_path: Path) -> None:
    single = video(tmp_path / "a.ts", 10, sound=(0.0, 2.0))
    path = joined(tmp_path / "v.ts", single, single)
    times, _, _ = read(path)
    assert times[10] - times[9] == pytest.approx(1.64, abs=0.15)
    assert sounding(path)[1] == pytest.approx(4.0, abs=0.3)


# ---- what must stay as it is


def test_slide_shows_keep_their_times(tmp_path: Path) -> None:
    pts = [0, 250, 500, 1250, 1375]
    times, _, remarks = read(video(tmp_path / "v.mkv", 5, pts))
    assert times == pytest.approx([p / 25 for p in pts], abs=1e-3) and remarks == []


def test_a_picture_held_while_the_sound_goes_on(tmp_path: Path) -> None:
    path = video(tmp_path / "v.mkv", 4, [0, 1, 2, 2500], sound=(0.0, 102.0))
    times, _, remarks = read(path)
    assert times[-1] == pytest.approx(100, abs=0.01) and remarks == []


def test_sound_with_gaps_keeps_its_times(tmp_path: Path) -> None:
    def change(kind: str, time: float, packet: Any) -> None:
        if kind == "audio" and time > 1.0:
            later(packet, 25.0)

    path = remuxed(video(tmp_path / "a.mp4", 750, sound=(0.0, 3.0)), tmp_path / "v.mkv", change)
    sound = read_audio(path)
    assert sound is not None and sound.duration == pytest.approx(28.0, abs=0.1)
    assert read_clock(path).jumps == ()


def test_sound_that_starts_late_keeps_its_start(tmp_path: Path) -> None:
    path = video(tmp_path / "v.mkv", 100, [k * 25 for k in range(100)], sound=(80.0, 5.0))
    sound = read_audio(path)
    assert sound is not None and sound.start == pytest.approx(80, abs=0.1)
    assert read_clock(path).jumps == ()


# ---- the readers around it


def test_the_overlay_lasts_as_long_as_the_video(tmp_path: Path) -> None:
    single = part(tmp_path / "a.ts")
    path, target = joined(tmp_path / "v.ts", single, single), tmp_path / "overlay.mp4"
    with VideoReader(path) as reader, VideoWriter(target, 64, 48, Fraction(25), path) as writer:
        for frame in reader:
            writer.write(frame.image, frame.time)
    info = probe(target)
    assert info.duration == pytest.approx(2.4, abs=0.1)
    together(target, 2, 60, 2.4)


def test_sound_encoded_again_has_no_jump(tmp_path: Path) -> None:
    def change(kind: str, time: float, packet: Any) -> None:
        if time > 0.6:
            later(packet, 5 * HOURS)

    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        track: Any = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for piece in tone(16_000):
            container.mux(track.encode(piece))
    path, target = remuxed(tmp_path / "a.mkv", tmp_path / "v.mkv", change), tmp_path / "overlay.mp4"
    with VideoWriter(target, 64, 48, Fraction(25), path) as writer:
        for k in range(25):
            writer.write(np.zeros((48, 64, 3), np.uint8), k / 25)
    sound = read_audio(target)
    assert sound is not None and sound.duration == pytest.approx(1.0, abs=0.1)
    assert np.abs(sound.samples[0, : sound.rate * 9 // 10]).reshape(-1, 160).max(1).min() > 0.1


def test_sound_encoded_again_keeps_its_gaps(tmp_path: Path) -> None:
    def change(kind: str, time: float, packet: Any) -> None:
        if time > 0.5:
            later(packet, 7.0)

    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        track: Any = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for piece in tone(16_000):
            container.mux(track.encode(piece))
    path, target = remuxed(tmp_path / "a.mkv", tmp_path / "v.mkv", change), tmp_path / "overlay.mp4"
    with VideoWriter(target, 64, 48, Fraction(25), path) as writer:
        for k in range(250):
            writer.write(np.zeros((48, 64, 3), np.uint8), k / 25)
    assert sounding(path)[0] == pytest.approx([0.0, 7.5], abs=0.1)
    assert sounding(target)[0] == pytest.approx([0.0, 7.5], abs=0.15)


def test_parts_with_another_sampling_rate_keep_their_sound(tmp_path: Path) -> None:
    """The tone of the second part, at 16 kHz, is still of 440 Hz and still sounds with its picture."""
    with av.open(str(tmp_path / "a.ts"), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv420p"
        track: Any = container.add_stream("aac", rate=48_000, layout="mono")
        for k in range(30):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 30, np.uint8), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
            for piece in tone(1920, 1920 * k, 48_000):
                container.mux(track.encode(quiet(piece)))
        container.mux(stream.encode(None))
        container.mux(track.encode(None))
    path = joined(tmp_path / "v.ts", tmp_path / "a.ts", part(tmp_path / "b.ts"))
    times, white, _ = read(path)
    notes: list[str] = []
    sound = read_audio(path, notes=notes)
    assert sound is not None and sound.rate == 48_000 and "changes its sampling rate" in notes[0]
    assert len(times) == 60 and sounding(path)[0] == pytest.approx(white, abs=0.1)


def test_what_is_told_of_the_file_leaves_the_jump_out(tmp_path: Path) -> None:
    path = joined(tmp_path / "v.ts", part(tmp_path / "a.ts"), part(tmp_path / "b.ts", 20 * HOURS))
    info = probe_and_count(path)
    assert info.declared_frames == 60 and info.duration == pytest.approx(2.4, abs=0.05) and info.rate == 25


def test_the_clock_is_read_again_when_the_file_changes(tmp_path: Path) -> None:
    path = part(tmp_path / "v.ts")
    assert read_clock(path).jumps == ()
    joined(path, part(tmp_path / "a.ts"), part(tmp_path / "b.ts"))
    assert len(read_clock(path).jumps) == 1
