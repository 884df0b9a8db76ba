"""Written videos: complete or absent, in time with their sound."""

from __future__ import annotations

import errno
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from gazenet.errors import MediaError
from gazenet.media import encode
from gazenet.media.audio import read_audio
from gazenet.media.decode import VideoReader, probe
from gazenet.media.encode import VideoWriter
from tests.media.makers import grey, level, tone, video


def write(path: Path, times: list[float], sound: Path | None = None, size: tuple[int, int] = (48, 64)) -> VideoWriter:
    with VideoWriter(path, size[1], size[0], Fraction(25), sound) as writer:
        for k, time in enumerate(times):
            writer.write(grey(k, *size), time)
    return writer


def read(path: Path) -> tuple[list[float], list[int]]:
    with VideoReader(path) as reader:
        frames = list(reader)
        assert reader.warnings == []
    return [frame.time for frame in frames], [level(frame.image) for frame in frames]


@pytest.mark.parametrize("times", [[0.0], [0.0, 0.04, 0.5, 0.51, 2.0], [k * 1001 / 24000 for k in range(40)]])
def test_times_come_back(tmp_path: Path, times: list[float]) -> None:
    write(tmp_path / "a.mp4", times)
    times_read, numbers = read(tmp_path / "a.mp4")
    assert times_read == pytest.approx(times, abs=2e-5) and numbers == [k % 20 for k in range(len(times))]


def test_times_that_do_not_increase_are_moved(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [0.0, 0.04, 0.04, 0.02, 0.12])
    assert len(read(tmp_path / "a.mp4")[0]) == 5


def test_the_last_frame_lasts_one_step(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [k / 25 for k in range(10)])
    assert probe(tmp_path / "a.mp4").duration == pytest.approx(0.4, abs=1e-3)


def test_colours_survive(tmp_path: Path) -> None:
    colours = np.array([[220, 30, 40], [20, 200, 60], [40, 50, 210], [128, 128, 128], [0, 0, 0], [255, 255, 255]])
    image = np.repeat(np.repeat(colours[None].astype(np.uint8), 32, axis=1), 64, axis=0)
    with VideoWriter(tmp_path / "c.mp4", image.shape[1], 64, Fraction(25), x264=encode.X264Settings(crf=10)) as writer:
        writer.write(image, 0.0)
    with VideoReader(tmp_path / "c.mp4") as reader:
        shown = next(iter(reader)).image[32, 16::32].astype(int)
    assert np.abs(shown - colours).max() <= 8


def test_odd_sizes_are_padded(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", [0.0], size=(39, 61))
    info = probe(tmp_path / "a.mp4")
    assert (info.width, info.height) == (62, 40)


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le", "mp2"])
@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_sound_stays_in_time(tmp_path: Path, codec: str, offset: float) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream(codec, rate=16_000, layout="mono")
        for k in range(50):
            frame = av.VideoFrame.from_ndarray(grey(k), format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        resampler = av.AudioResampler(track.format, track.layout, 16_000)
        for piece in [*tone(16_000, round(offset * 16_000)), None]:
            for block in resampler.resample(piece):
                container.mux(track.encode(block))
        container.mux(track.encode(None))
    writer = write(tmp_path / "out.mp4", [k / 25 for k in range(50)], source)
    original, copied = read_audio(source, mono=True), read_audio(tmp_path / "out.mp4", mono=True)
    assert original is not None and copied is not None and writer.warnings == []
    onsets = [s.start + float(np.argmax(np.abs(s.samples[0]) > 0.2)) / s.rate for s in (original, copied)]
    assert onsets[1] == pytest.approx(onsets[0], abs=0.005) and onsets[0] == pytest.approx(offset, abs=0.012)
    assert copied.duration == pytest.approx(original.duration, abs=0.15)
    assert read(tmp_path / "out.mp4")[0] == pytest.approx([k / 25 for k in range(50)], abs=2e-5)


def test_sound_and_pictures_of_a_late_container(tmp_path: Path) -> None:
    source = video(tmp_path / "in.ts", 50, sound=(0.5, 1.0))
    with VideoReader(source) as reader:
        times = [frame.time for frame in reader]
    write(tmp_path / "out.mp4", times, source)
    sound = read_audio(tmp_path / "out.mp4", mono=True)
    assert sound is not None
    onset = sound.start + float(np.argmax(np.abs(sound.samples[0]) > 0.2)) / sound.rate
    assert onset - read(tmp_path / "out.mp4")[0][0] == pytest.approx(0.5, abs=0.08)


def test_longer_sound_ends_with_the_pictures(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", 25, sound=(0.0, 5.0))
    write(tmp_path / "out.mp4", [k / 25 for k in range(25)], source)
    sound = read_audio(tmp_path / "out.mp4")
    assert sound is not None and sound.duration == pytest.approx(1.0, abs=0.15)


def test_sound_is_mixed_in_beside_the_pictures(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", 200, sound=(0.0, 8.0))
    write(tmp_path / "out.mp4", [k / 25 for k in range(200)], source)
    with av.open(str(tmp_path / "out.mp4")) as container:
        kinds = [packet.stream.type for packet in container.demux() if packet.size]
    assert "audio" in kinds[: len(kinds) // 3] and "video" in kinds[-len(kinds) // 3 :]


def test_a_source_without_sound(tmp_path: Path) -> None:
    write(tmp_path / "out.mp4", [0.0, 0.04], video(tmp_path / "in.mp4", 2))
    assert not probe(tmp_path / "out.mp4").has_audio


def test_another_codec_where_the_first_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "CODECS", ("no such codec", "mpeg4"))
    write(tmp_path / "a.mp4", [0.0, 0.04, 0.3])
    assert read(tmp_path / "a.mp4")[0] == pytest.approx([0.0, 0.04, 0.3], abs=2e-5)


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"kept")
    with pytest.raises(KeyError), VideoWriter(tmp_path / "old.mp4", 64, 48, Fraction(25)) as writer:
        writer.write(grey(0), 0.0)
        raise KeyError
    with pytest.raises(MediaError, match="without frames"), VideoWriter(tmp_path / "n.mp4", 64, 48, Fraction(25)):
        pass
    with pytest.raises(MediaError, match="no such file"):
        VideoWriter(tmp_path / "s.mp4", 64, 48, Fraction(25), tmp_path / "absent.mp4").__enter__()
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("old.mp4", b"kept")]


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot write"):
        write(tmp_path / "file" / "a.mp4", [0.0])


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gazenet.files._os_fsync", full)
    with pytest.raises(MediaError, match="disk full"):
        write(tmp_path / "a.mp4", [0.0])
    assert list(tmp_path.iterdir()) == []


def test_wrong_frames_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frame is"), VideoWriter(tmp_path / "a.mp4", 64, 48, Fraction(25)) as writer:
        writer.write(np.zeros((48, 60, 3), np.uint8), 0.0)
    with pytest.raises(ValueError, match="cannot be written"):
        VideoWriter(tmp_path / "a.mp4", 0, 48, Fraction(25))
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from fractions import Fraction
import numpy as np
from gazenet.errors import MediaError
from gazenet.media.encode import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
rng = np.random.RandomState(0)
try:
    with VideoWriter(sys.argv[1], 320, 240, Fraction(25)) as writer:
        for k in range(60):
            writer.write(rng.randint(0, 256, (240, 320, 3)).astype(np.uint8), k / 25)
except MediaError as error:
    print("MediaError", error)
"""


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.mp4")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"MediaError {tmp_path / 'a.mp4'}: cannot write (")
    assert list(tmp_path.iterdir()) == []
