"""Peculiar and damaged videos: exact frames, exact times, plain warnings."""

from __future__ import annotations

import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from gazenet.errors import MediaError
from gazenet.media.container import FORMATS
from gazenet.media.decode import VideoReader, frame_at, probe
from gazenet.media.frames import Frame
from gazenet.media.orient import Orientation, display_size, fit_size
from gazenet.media.prefetch import read_ahead
from gazenet.media.time_stamps import RisingTimeStamps
from tests.media.makers import damaged, grey, level, remux, video

INTRA = {"g": "1", "bf": "0"}
NO_B = {"bf": "0", "g": "10"}


def read(path: Path, max_side: int | None = None) -> tuple[list[Frame], VideoReader]:
    with VideoReader(path, max_side) as reader:
        return list(reader), reader


def numbers(frames: list[Frame]) -> list[int]:
    return [level(frame.image) for frame in frames]


def test_a_reader_can_be_iterated_again(tmp_path: Path) -> None:
    with VideoReader(video(tmp_path / "a.mp4", 5)) as reader:
        assert numbers(list(reader)) == numbers(list(reader)) == [0, 1, 2, 3, 4]
        assert reader.decoded == 5


def test_frames_before_the_edit_list_are_not_counted(tmp_path: Path) -> None:
    def three_early(k: int, packet: av.Packet) -> None:
        step = packet.duration
        packet.pts, packet.dts = packet.pts - 3 * step, packet.dts - 3 * step

    path = remux(video(tmp_path / "whole.mp4", 98, options=NO_B), tmp_path / "cut.mp4", three_early)
    frames, reader = read(path)
    assert reader.info.declared_frames == 98
    assert numbers(frames) == [(k + 3) % 20 for k in range(95)]
    assert frames[0].time == pytest.approx(0, abs=1e-6) and reader.warnings == []


@pytest.mark.data
def test_the_cartoon_of_95_frames(test_data: Path) -> None:
    frames, reader = read(test_data / "media" / "noface_cartoon.mp4", 64)
    assert (reader.info.declared_frames, len(frames), reader.warnings) == (98, 95, [])
    assert reader.info.rate == 24


@pytest.mark.data
def test_scrambled_time_stamps_of_a_real_video(test_data: Path) -> None:
    frames, reader = read(test_data / "findwho" / "raw_videos" / "012.mp4", 32)
    assert [frame.time for frame in frames] == pytest.approx([k * 1001 / 24000 for k in range(396)], abs=1e-6)
    assert any("out of order" in line for line in reader.warnings)


def test_variable_rate_keeps_the_last_duration(tmp_path: Path) -> None:
    pts = [0, 1, 5, 6, 30, 31]
    frames, reader = read(video(tmp_path / "v.mp4", 6, pts))
    assert [frame.time for frame in frames] == pytest.approx([p / 25 for p in pts], abs=1e-6)
    assert reader.warnings == []


def test_pictures_that_start_after_the_sound(tmp_path: Path) -> None:
    frames, _ = read(video(tmp_path / "late.mp4", 10, start=10, sound=(0.0, 1.0)))
    assert frames[0].time == pytest.approx(0.4, abs=1e-3)


def test_a_container_that_starts_late_starts_at_zero(tmp_path: Path) -> None:
    path = video(tmp_path / "late.ts", 10)
    with av.open(str(path)) as container:
        assert container.start_time > 0
    frames, reader = read(path)
    assert [frame.time for frame in frames] == pytest.approx([k / 25 for k in range(10)], abs=1e-4)
    assert reader.warnings == []


def test_duplicated_time_stamps_are_moved() -> None:
    stamps = RisingTimeStamps(0.04)
    for value in (0.0, 0.04, 0.04, None, 0.12):
        stamps.push(value)
    times = [stamps.pop() for _ in range(5)]
    assert times == pytest.approx([0.0, 0.04, 0.041, 0.08, 0.12]) and times == sorted(set(times))
    assert len(stamps.remarks(25)) == 2


def test_shuffled_time_stamps_are_sorted(tmp_path: Path) -> None:
    def swap(k: int, packet: av.Packet) -> None:
        packet.pts += packet.duration * {0: 2, 1: 0, 2: -2}[k % 3]
        packet.dts -= 5 * packet.duration

    source = video(tmp_path / "a.mkv", 21, codec="mpeg4", options={"bf": "0"})
    frames, reader = read(remux(source, tmp_path / "b.mkv", swap))
    assert numbers(frames) == [k % 20 for k in range(21)]
    assert np.diff([frame.time for frame in frames]) == pytest.approx(np.full(20, 0.04), abs=2e-3)
    assert any("out of order" in line for line in reader.warnings)


@pytest.mark.parametrize(
    ("matrix", "orientation", "turn"),
    [
        ((1, 0, 0, 1), Orientation(False, False, False), 0),
        ((0, 1, -1, 0), Orientation(True, True, False), 90),
        ((-1, 0, 0, -1), Orientation(False, True, True), 180),
        ((0, -1, 1, 0), Orientation(True, False, True), 270),
        ((-1, 0, 0, 1), Orientation(False, True, False), 0),
    ],
)
def test_display_matrices(
    tmp_path: Path, matrix: tuple[int, int, int, int], orientation: Orientation, turn: int
) -> None:
    def corner(k: int, height: int, width: int) -> np.ndarray:
        image = np.zeros((height, width, 3), np.uint8)
        image[: height // 2, : width // 2] = 255
        return image

    def patch(data: bytearray) -> None:
        at = data.index((65536).to_bytes(4, "big") + bytes(12), data.index(b"tkhd"))
        a, b, c, d = (v << 16 for v in matrix)
        data[at : at + 36] = b"".join(v.to_bytes(4, "big", signed=True) for v in (a, b, 0, c, d, 0, 0, 0, 1 << 30))

    path = damaged(video(tmp_path / "a.mp4", 2, picture=corner), tmp_path / "b.mp4", patch)
    frames, reader = read(path)
    image = frames[0].image
    assert reader.info.rotation == turn and image.flags["C_CONTIGUOUS"]
    assert image.shape == ((64, 48, 3) if orientation.swap else (48, 64, 3))
    right = orientation.mirror_x
    bottom = orientation.mirror_y
    height, width = image.shape[:2]
    assert image[3 * height // 4 if bottom else height // 4, 3 * width // 4 if right else width // 4, 0] > 200
    assert image[height // 4 if bottom else 3 * height // 4, width // 4 if right else 3 * width // 4, 0] < 50


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    def anamorphic(stream: object) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2)  # type: ignore[attr-defined]

    path = video(tmp_path / "s.mp4", 2, prepare=anamorphic)
    frames, reader = read(path)
    assert (reader.info.width, reader.info.height) == (128, 48) and frames[0].image.shape == (48, 128, 3)
    assert read(path, 64)[0][0].image.shape == (24, 64, 3)


def test_sizes() -> None:
    assert display_size(100, 50, Fraction(1, 1000), Orientation()) == (100, 50)
    assert display_size(100, 50, Fraction(1, 2), Orientation(swap=True)) == (50, 50)
    assert fit_size(639, 361, None) == (639, 361) and fit_size(639, 361, 640) == (639, 361)
    assert fit_size(1920, 1080, 640) == (640, 360) and fit_size(4000, 3, 100) == (100, 2)


def test_odd_sizes_stay(tmp_path: Path) -> None:
    path = video(tmp_path / "odd.mkv", 2, codec="ffv1", size=(61, 39), pix_fmt="yuv444p")
    assert read(path)[0][0].image.shape == (61, 39, 3)


@pytest.mark.parametrize("pix_fmt", ["gray", "yuv420p10le", "yuv444p", "yuva420p", "bgra"])
def test_pixel_formats(tmp_path: Path, pix_fmt: str) -> None:
    frames, _ = read(video(tmp_path / "f.mkv", 3, codec="ffv1", pix_fmt=pix_fmt))
    assert frames[2].image.shape == (48, 64, 3) and numbers(frames) == [0, 1, 2]


def test_a_change_of_resolution_keeps_the_first_size(tmp_path: Path) -> None:
    first = video(tmp_path / "a.ts", 10)
    video(tmp_path / "b.ts", 10, size=(96, 160), start=10)
    (tmp_path / "ab.ts").write_bytes(first.read_bytes() + (tmp_path / "b.ts").read_bytes())
    frames, reader = read(tmp_path / "ab.ts")
    assert len(frames) == 20 and {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert any("resolution changes" in line for line in reader.warnings)


def test_frames_of_another_shape_are_fitted_in(tmp_path: Path) -> None:
    first = video(tmp_path / "a.ts", 10, size=(48, 96))
    video(tmp_path / "b.ts", 10, size=(96, 48), start=10)
    (tmp_path / "ab.ts").write_bytes(first.read_bytes() + (tmp_path / "b.ts").read_bytes())
    frames, reader = read(tmp_path / "ab.ts")
    assert {frame.image.shape for frame in frames} == {(48, 96, 3)}
    tall = frames[15].image
    assert not tall[:, :34].any() and not tall[:, 62:].any() and tall[:, 37:59].min() > 30
    assert "the resolution changes; 10 frames were scaled to fit the size of the first, 96 x 48" in reader.warnings


def test_a_change_of_pixel_aspect_is_followed(tmp_path: Path) -> None:
    def wide(stream: Any) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(2)

    first = video(tmp_path / "a.ts", 10)
    video(tmp_path / "b.ts", 20, prepare=wide, start=10)
    (tmp_path / "ab.ts").write_bytes(first.read_bytes() + (tmp_path / "b.ts").read_bytes())
    frames, reader = read(tmp_path / "ab.ts")
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    flat = frames[-1].image
    assert not flat[:10].any() and not flat[38:].any() and flat[14:34].min() > 20
    assert any("the shape of the pixels changes" in line for line in reader.warnings)


def test_a_change_of_pixel_format_is_no_change(tmp_path: Path) -> None:
    first = video(tmp_path / "a.ts", 10)
    video(tmp_path / "b.ts", 10, start=10, pix_fmt="yuv444p")
    (tmp_path / "ab.ts").write_bytes(first.read_bytes() + (tmp_path / "b.ts").read_bytes())
    frames, reader = read(tmp_path / "ab.ts")
    assert numbers(frames[10:]) == list(range(10))
    assert not any("changes" in line for line in reader.warnings)


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", "qtrle", "argb"),
        ("a.mov", "png", "rgba"),
        ("a.mkv", "ffv1", "bgra"),
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.webm", "libvpx", "yuva420p"),
    ],
)
def test_what_is_transparent_in_a_video_is_black(tmp_path: Path, name: str, codec: str, pix_fmt: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    white = np.full((48, 64, 4), 255, np.uint8)
    white[:, :32, 3] = 0
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        if name.endswith("webm"):
            stream.options, stream.metadata["alpha_mode"] = {"auto-alt-ref": "0"}, "1"
        for k in range(3):
            frame = av.VideoFrame.from_ndarray(white, format="rgba").reformat(format=pix_fmt)
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    frames, _ = read(tmp_path / name)
    assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.08], abs=1e-3)
    assert all(frame.image[:, :28].max() < 20 and frame.image[:, 36:].min() > 235 for frame in frames)


def with_cover(path: Path, moving: bool) -> Path:
    """A file whose first video stream is a cover picture."""
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 32
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        streams = [cover]
        if moving:
            streams.append(container.add_stream("libx264", rate=25))
            streams[1].width, streams[1].height, streams[1].pix_fmt = 64, 48, "yuv420p"
        else:
            container.add_stream("aac", rate=16_000, layout="mono")
        for stream, count, size in zip(streams, (1, 4), ((32, 32), (48, 64)), strict=False):
            for k in range(count):
                frame = av.VideoFrame.from_ndarray(grey(k, *size), format="rgb24")
                frame.pts, frame.time_base = k, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    frames, reader = read(with_cover(tmp_path / "c.mp4", True))
    assert numbers(frames) == [0, 1, 2, 3] and (reader.info.width, reader.info.height) == (64, 48)
    with pytest.raises(MediaError, match="only a cover picture"):
        probe(with_cover(tmp_path / "song.mp4", False))


@pytest.mark.parametrize("container", ["mp4", "mkv", "avi", "mov", "webm", "ts"])
def test_containers(tmp_path: Path, container: str) -> None:
    codec = "libvpx" if container == "webm" else "mpeg4" if container == "avi" else "libx264"
    frames, reader = read(video(tmp_path / f"c.{container}", 12, codec=codec))
    assert numbers(frames) == list(range(12)) and reader.warnings == []
    assert [frame.time for frame in frames] == pytest.approx([k / 25 for k in range(12)], abs=2e-3)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_cut_in_half(tmp_path: Path, container: str) -> None:
    options = {"movflags": "+faststart"} if container == "mp4" else {}
    noisy = video(tmp_path / f"w.{container}", 100, picture=noise, options=NO_B)
    whole = remux(noisy, tmp_path / f"f.{container}", options=options)
    path = damaged(whole, tmp_path / f"cut.{container}", lambda data: data[: len(data) // 2])
    frames, reader = read(path)
    assert 40 < len(frames) < 55
    assert any("truncated" in line and "missing" in line for line in reader.warnings)


def test_two_missing_frames_are_no_truncation(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mkv", 10, codec="mpeg4", options=INTRA)
    with VideoReader(path) as reader:
        list(reader)
        assert reader._shortage(10.0, 9.92) == [] and "3 missing" in reader._shortage(10.0, 9.88)[0]


def test_long_sound_is_no_truncation(tmp_path: Path) -> None:
    _, reader = read(video(tmp_path / "a.mkv", 10, sound=(0.0, 2.0)))
    assert reader.warnings == []


def noise(k: int, height: int, width: int) -> np.ndarray:
    return np.random.RandomState(k).randint(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.promise("nothing is skipped silently")
def test_flipped_bytes_are_reported(tmp_path: Path) -> None:
    def flip(data: bytearray) -> None:
        rng = np.random.RandomState(0)
        for at in rng.randint(len(data) // 4, len(data) // 2, 60):
            data[at] ^= 1 << int(rng.randint(8))

    path = damaged(video(tmp_path / "w.mkv", 60, picture=noise, options=NO_B), tmp_path / "f.mkv", flip)
    frames, reader = read(path)
    assert len(frames) > 30 and (reader.corrupt_frames > 0 or any("could not be" in w for w in reader.warnings))
    again, second = read(path)
    assert second.warnings == reader.warnings
    assert [one.index for one in again] == [one.index for one in frames]
    # What stands in for lost parts of a picture may depend on which of the decoder's threads was first.
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames[:12], again[:12], strict=True))


def test_zeroes_in_the_middle_do_not_end_the_video(tmp_path: Path) -> None:
    def zero(data: bytearray) -> None:
        data[len(data) // 2 : len(data) // 2 + len(data) // 10] = bytes(len(data) // 10)

    path = damaged(video(tmp_path / "w.mp4", 60, picture=noise, options=INTRA), tmp_path / "z.mp4", zero)
    frames, reader = read(path)
    assert frames[-1].time == pytest.approx(59 / 25, abs=0.05) and 50 <= len(frames) <= 60
    assert reader.warnings


def test_no_decodable_frame(tmp_path: Path) -> None:
    def empty(data: bytearray) -> None:
        at = data.index(b"mdat") + 4
        size = int.from_bytes(data[at - 8 : at - 4], "big") - 8
        data[at : at + size] = bytes(size)

    path = damaged(video(tmp_path / "w.mp4", 5), tmp_path / "e.mp4", empty)
    with pytest.raises(MediaError, match="no frame can be decoded"):
        probe(path)


def test_playlists_and_sequences_are_refused(tmp_path: Path) -> None:
    inner = video(tmp_path / "inner.ts", 5)
    lists = {
        "hls.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{inner}\n#EXT-X-ENDLIST\n",
        "concat.mp4": f"ffconcat version 1.0\nfile {inner}\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(MediaError, match="not a readable video"):
            probe(tmp_path / name)
    assert not {"hls", "concat", "image2", "dash", "tty"} & set(FORMATS.split(","))


@pytest.mark.parametrize(
    "name",
    ["a b.mp4", "-i.mp4", "quote'\".mp4", "$(x).mp4", "new\nline.mp4", "http:x.mp4", "%03d.mp4", "é✓.mp4", "x" * 250],
)
def test_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = video(tmp_path / "source.mp4", 2)
    monkeypatch.chdir(tmp_path)
    source.rename(name)
    assert numbers(read(Path(name))[0]) == [0, 1]
    Path(name).write_bytes(b"no video")
    with pytest.raises(MediaError) as raised:
        probe(Path(name))
    assert "\n" not in str(raised.value)


def test_bytes_that_are_no_text_in_a_name(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")
    os.rename(video(tmp_path / "source.mp4", 2), path)
    assert numbers(read(Path(path))[0]) == [0, 1]


def test_links_are_followed_and_devices_refused(tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(video(tmp_path / "a.mp4", 2))
    assert len(read(tmp_path / "link.mp4")[0]) == 2
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    with pytest.raises(MediaError, match="not a regular file"):
        probe(tmp_path / "zero.mp4")


def test_a_file_deleted_while_read_is_read_to_its_end(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", 40)
    with VideoReader(path) as reader:
        frames = iter(reader)
        next(frames)
        path.unlink()
        assert len(list(frames)) == 39 and reader.warnings == []


def test_a_file_replaced_while_read_is_reported(tmp_path: Path) -> None:
    path, other = video(tmp_path / "a.mp4", 40), video(tmp_path / "b.mp4", 5)
    with VideoReader(path) as reader:
        frames = iter(reader)
        next(frames)
        other.replace(path)
        assert len(list(frames)) == 39 and any("changed while it was read" in line for line in reader.warnings)


def test_closing_ends_a_thread_that_reads(tmp_path: Path) -> None:
    reader = VideoReader(video(tmp_path / "a.mp4", 300))
    ahead = read_ahead(reader, 2)
    assert next(ahead).index == 0
    reader.close()
    assert len(list(ahead)) < 30
    assert not [t for t in threading.enumerate() if t.name == "gazenet-read-ahead"]


def test_nothing_stays_open_after_an_early_end(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", 50)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        for frame in VideoReader(path):
            assert frame.index == 0
            break
    assert len(os.listdir("/proc/self/fd")) == before


def test_frame_at() -> None:
    times = [0.0, 0.5, 1.0]
    assert [frame_at(times, t) for t in (-1, 0, 0.4, 0.5, 0.99, 5)] == [0, 0, 0, 1, 1, 2]
    with pytest.raises(ValueError, match="no frames"):
        frame_at([], 0)
