"""Decoding, sound and encoding on real files, good and bad."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gazenet.errors import MediaError
from gazenet.media.audio import read_audio, resample
from gazenet.media.decode import VideoReader, probe
from gazenet.media.encode import VideoWriter
from gazenet.media.frame_source import open_source
from gazenet.media.frames import Frame
from gazenet.media.prefetch import read_ahead
from gazenet.media.source_id import source_id
from tests.clips import make_clip, make_sound


def frames_of(path: Path, max_side: int | None = None) -> tuple[list[Frame], VideoReader]:
    with VideoReader(path, max_side) as reader:
        return list(reader), reader


def test_every_frame_comes_once_with_its_time(tmp_path: Path) -> None:
    frames, reader = frames_of(make_clip(tmp_path / "a.mp4", 12))
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.time for frame in frames] == pytest.approx([k / 25 for k in range(12)], abs=1e-4)
    levels = [frame.image[:8, :8, 0].mean() for frame in frames]
    assert levels == sorted(levels) and levels[-1] > 120
    assert reader.warnings == [] and reader.corrupt_frames == 0


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.2, 0.21, 0.9]
    frames, _ = frames_of(make_clip(tmp_path / "v.mp4", 5, times=times))
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (35, 61), (300, 40)])
def test_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    even = tuple(side + side % 2 for side in size)
    frames, _ = frames_of(make_clip(tmp_path / "s.mp4", 2, size))
    assert frames[0].image.shape == (*even, 3)


def test_large_frames_are_scaled_while_decoding(tmp_path: Path) -> None:
    frames, reader = frames_of(make_clip(tmp_path / "l.mp4", 2, (120, 200)), max_side=100)
    assert frames[0].image.shape == (60, 100, 3)
    assert (reader.info.height, reader.info.width) == (120, 200)


def rotated(tmp_path: Path, degrees: int) -> Path:
    """A clip whose container says that it must be turned."""
    plain, path = make_clip(tmp_path / "plain.mp4", 3, (48, 96)), tmp_path / "turned.mp4"
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    data = bytearray(path.read_bytes())
    # The 3x3 display matrix of the track header, 16.16 fixed point.
    identity = b"".join(v.to_bytes(4, "big", signed=True) for v in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    turn = {90: (0, 65536, -65536, 0), 180: (-65536, 0, 0, -65536), 270: (0, -65536, 65536, 0)}[degrees]
    values = (turn[0], turn[1], 0, turn[2], turn[3], 0, 0, 0, 1 << 30)
    at = data.index(identity, data.index(b"tkhd"))
    data[at : at + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in values)
    path.write_bytes(bytes(data))
    return path


def test_rotation_metadata_gives_upright_frames(tmp_path: Path) -> None:
    frames, reader = frames_of(rotated(tmp_path, 90))
    assert (reader.info.height, reader.info.width) == (96, 48)
    image = frames[0].image
    assert image.shape == (96, 48, 3)
    # Green grows to the right in the stored picture; turned clockwise by 90 degrees it grows downwards.
    assert image[90, 24, 1] > image[5, 24, 1] + 100


def test_upside_down(tmp_path: Path) -> None:
    image = frames_of(rotated(tmp_path, 180))[0][0].image
    assert image.shape == (48, 96, 3) and image[24, 5, 1] > image[24, 90, 1] + 100


def broken(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"{kind}.mp4"
    if kind == "text":
        path.write_text("this is no video")
    elif kind == "empty":
        path.touch()
    elif kind == "folder":
        path.mkdir()
    elif kind == "sound":
        make_sound(path, 0.5)
    elif kind == "no index":
        path.write_bytes(make_clip(tmp_path / "whole.mp4", 30).read_bytes()[:600])
    elif kind == "pipe":
        os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("absent", "no such file"),
        ("text", "not a readable video"),
        ("empty", "is empty"),
        ("folder", "is a folder"),
        ("sound", "has no video stream"),
        ("no index", "not a readable video|no frame can be decoded"),
        ("pipe", "not a regular file"),
    ],
)
def test_bad_files_give_one_clear_line(tmp_path: Path, kind: str, message: str) -> None:
    path = broken(tmp_path, kind)
    with pytest.raises(MediaError, match=message) as raised:
        frames_of(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_truncated_file_gives_what_it_has_and_says_so(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "w.mp4", 100, (96, 128))
    data = whole.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * 0.6)])
    frames, reader = frames_of(tmp_path / "cut.mp4")
    assert 5 < len(frames) < 100
    assert any("stopped" in line or "missing" in line for line in reader.warnings)


def test_sound_is_read_mixed_and_resampled(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "s.mp4", 25, sound=1.0, channels=2)
    stereo, mono = read_audio(clip), read_audio(clip, rate=8000, mono=True)
    assert stereo is not None and mono is not None
    assert stereo.samples.shape[0] == 2 and mono.samples.shape[0] == 1
    assert mono.duration == pytest.approx(1.0, abs=0.15)
    level = np.sqrt((stereo.samples**2).mean(1))
    assert level[0] == pytest.approx(2 * level[1], rel=0.15)
    assert resample(stereo, 8000).samples.shape[1] == pytest.approx(stereo.samples.shape[1] / 2, abs=40)


def test_no_sound_track_is_none(tmp_path: Path) -> None:
    assert read_audio(make_clip(tmp_path / "q.mp4", 3)) is None


def test_encoding_carries_the_sound(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 25, sound=1.0)
    with VideoWriter(tmp_path / "out.mp4", 64, 48, Fraction(25), sound_from=source) as writer:
        for k in range(25):
            writer.write(np.full((48, 64, 3), 10 * k, np.uint8), k / 25)
    info = probe(tmp_path / "out.mp4")
    sound = read_audio(tmp_path / "out.mp4")
    assert info.has_audio and sound is not None and sound.duration == pytest.approx(1.0, abs=0.15)
    assert len(frames_of(tmp_path / "out.mp4")[0]) == 25


def test_a_failed_encoding_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), VideoWriter(tmp_path / "x.mp4", 32, 16, Fraction(25)) as writer:
        writer.write(np.zeros((16, 32, 3), np.uint8), 0)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_the_identity_is_the_content(tmp_path: Path) -> None:
    a = make_clip(tmp_path / "a.mp4", 3)
    b = tmp_path / "other name.mp4"
    b.write_bytes(a.read_bytes())
    assert source_id(a) == source_id(b)
    b.write_bytes(a.read_bytes() + b"x")
    assert source_id(a) != source_id(b)


def test_a_picture_is_a_video_of_one_frame(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "p.png"), np.full((40, 60, 3), (0, 0, 255), np.uint8))
    source = open_source(tmp_path / "p.png", max_side=30)
    (frame,) = list(source)
    assert frame.image.shape == (20, 30, 3) and frame.image[0, 0].tolist() == [255, 0, 0]
    (tmp_path / "half.png").write_bytes((tmp_path / "p.png").read_bytes()[:50])
    with pytest.raises(MediaError, match="not a readable picture"):
        open_source(tmp_path / "half.png")


def test_reading_ahead_keeps_order_bounds_and_errors() -> None:
    produced = []

    def numbers():
        for k in range(50):
            produced.append(k)
            yield k
        raise KeyError("end")

    ahead = read_ahead(numbers(), depth=3)
    assert next(ahead) == 0
    for _ in range(100):
        if len(produced) >= 4:
            break
        threading.Event().wait(0.01)
    threading.Event().wait(0.05)
    assert len(produced) <= 6
    with pytest.raises(KeyError):
        assert list(ahead) == list(range(1, 50))


def test_stopping_early_ends_the_thread() -> None:
    ahead = read_ahead(iter(range(10_000)), depth=2)
    next(ahead)
    ahead.close()
    assert not [t for t in threading.enumerate() if t.name == "gazenet-read-ahead"]


@pytest.mark.data
def test_declared_counts_lie(test_data: Path) -> None:
    frames, reader = frames_of(test_data / "media" / "noface_cartoon.mp4")
    assert reader.info.declared_frames == 98 and len(frames) == 95


@pytest.mark.data
def test_rates_that_are_no_whole_numbers(test_data: Path) -> None:
    assert probe(test_data / "findwho" / "raw_videos" / "022.mp4").rate == Fraction(9600, 401)
