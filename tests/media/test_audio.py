"""Sound on the time line of the frames, whatever the track."""

from __future__ import annotations

import wave
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from gazenet.errors import MediaError
from gazenet.media.audio import read_audio, resample
from gazenet.media.container import origin
from gazenet.media.decode import VideoReader
from gazenet.media.frames import Waveform
from gazenet.media.resample import Resampler
from tests.media.makers import damaged, tone, video


def sine(rate: int, seconds: float, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def pcm(path: Path, samples: np.ndarray, rate: int, codec: str, layout: str, fmt: str) -> Path:
    """Uncompressed or lossless sound; ``samples`` ``[channels, n]`` of the given format's type."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout, format=fmt)
        for at in range(0, samples.shape[1], 1000):
            block = samples[:, at : at + 1000].T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format=fmt, layout=layout)
            frame.sample_rate, frame.pts = rate, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
def test_16_bit_sound_is_exact(tmp_path: Path, rate: int) -> None:
    values = np.round(sine(rate, 0.3) * 32767).astype(np.int16)[None]
    sound = read_audio(pcm(tmp_path / "a.wav", values, rate, "pcm_s16le", "mono", "s16"))
    assert sound is not None and sound.rate == rate and sound.start == 0
    assert np.array_equal(sound.samples, values.astype(np.float32) / 32768)


def test_8_bit_sound(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 1, 8_000, 0, "NONE", ""))
        file.writeframes(bytes([128, 0, 255] * 500))
    sound = read_audio(tmp_path / "a.wav")
    assert sound is not None and sound.samples[0, :3].tolist() == [0, -1, 127 / 128]


def test_five_channels_and_a_subwoofer(tmp_path: Path) -> None:
    values = np.stack([np.full(3_000, 1000 * (k + 1), np.int16) for k in range(6)])
    path = pcm(tmp_path / "a.wav", values, 16_000, "pcm_s16le", "5.1", "s16")
    all_channels, mixed = read_audio(path), read_audio(path, mono=True)
    assert all_channels is not None and all_channels.samples.shape == (6, 3_000)
    assert mixed is not None and mixed.samples.shape == (1, 3_000)
    assert mixed.samples[0, 0] == pytest.approx(3500 / 32768)


def test_what_is_no_number_is_silent_and_what_is_too_loud_is_clipped(tmp_path: Path) -> None:
    values = sine(16_000, 0.2)[None].copy()
    values[0, :4] = [np.nan, np.inf, 3.0, -3.0]
    notes: list[str] = []
    path = pcm(tmp_path / "a.wav", values, 16_000, "pcm_f32le", "mono", "flt")
    sound = read_audio(path, notes=notes)
    assert sound is not None and sound.samples[0, :4].tolist() == [0, 0, 1, -1]
    assert len(notes) == 1 and "2 samples" in notes[0]


def test_silence_is_sound(tmp_path: Path) -> None:
    sound = read_audio(pcm(tmp_path / "a.wav", np.zeros((2, 4_000), np.int16), 8_000, "pcm_s16le", "stereo", "s16"))
    assert sound is not None and sound.samples.shape == (2, 4_000) and not sound.samples.any()


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize("start", [0.0, 0.5])
def test_the_start_of_the_sound(tmp_path: Path, container: str, start: float) -> None:
    sound = read_audio(video(tmp_path / f"a.{container}", 30, sound=(start, 0.5)), mono=True)
    assert sound is not None
    first = np.argmax(np.abs(sound.samples[0]) > 0.1) / sound.rate
    assert sound.start + first == pytest.approx(start, abs=0.012)
    assert sound.duration == pytest.approx(0.5, abs=0.15)


def test_sound_that_starts_before_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / "a.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for k in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts = k
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        resampler = av.AudioResampler("s16", "mono", 16_000)
        for piece in tone(8_000, -4_000):
            for block in resampler.resample(piece):
                container.mux(track.encode(block))
    sound = read_audio(path)
    with VideoReader(path) as reader:
        first = next(iter(reader)).time
    # This container moves all times to 0 and later: what counts is the distance.
    assert sound is not None and sound.start - first == pytest.approx(-0.25, abs=1e-3)
    assert sound.samples.shape == (1, 8_000)


@pytest.mark.parametrize(("container", "pictures", "zero"), [(-0.5, 0.0, 0.0), (-0.5, -0.08, -0.08), (1.4, 1.4, 1.4)])
def test_the_origin_of_time(container: float, pictures: float, zero: float) -> None:
    stream = SimpleNamespace(
        start_time=round(pictures * 1000), time_base=Fraction(1, 1000), disposition=av.stream.Disposition.default
    )
    streams = SimpleNamespace(video=[stream])
    container_info = SimpleNamespace(start_time=round(container * 1_000_000), streams=streams)
    assert float(origin(container_info)) == pytest.approx(zero)  # type: ignore[arg-type]


def test_a_gap_is_silent_and_an_overlap_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        track = container.add_stream("pcm_f32le", rate=16_000, layout="mono", format="flt")
        for first, value in ((0, 0.25), (4_000, 0.5), (7_000, 0.75)):
            block = np.full((1, 2_000 if first == 0 else 4_000), value, np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout="mono")
            frame.sample_rate, frame.pts = 16_000, first
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    sound = read_audio(path)
    assert sound is not None
    samples = sound.samples[0]
    values = [float(samples[k]) for k in (1_000, 3_000, 5_000, 7_500, 9_000)]
    assert values == [0.25, 0.0, 0.5, 0.5, 0.75] and len(samples) == pytest.approx(11_000, abs=16)


def test_damaged_sound_keeps_its_length(tmp_path: Path) -> None:
    def spoil(data: bytearray) -> None:
        data[len(data) // 2 : len(data) // 2 + 900] = b"\xff" * 900

    whole = video(tmp_path / "w.mp4", 1, sound=(0.0, 3.0))
    notes: list[str] = []
    sound = read_audio(damaged(whole, tmp_path / "d.mp4", spoil), notes=notes)
    assert sound is not None and sound.duration == pytest.approx(3.0, abs=0.1)
    assert len(notes) == 1 and "could not be decoded" in notes[0]


def test_sound_that_is_cut_off_is_noted(tmp_path: Path) -> None:
    whole, notes = video(tmp_path / "w.mkv", 1, sound=(0.0, 6.0)), []
    read_audio(whole, notes=notes)
    assert notes == []
    sound = read_audio(damaged(whole, tmp_path / "d.mkv", lambda data: data[: len(data) // 2]), notes=notes)
    assert sound is not None and 2 < sound.duration < 4
    assert len(notes) == 1 and "declares" in notes[0]


def test_no_track_and_no_sound_file(tmp_path: Path) -> None:
    assert read_audio(video(tmp_path / "a.mp4", 3)) is None
    (tmp_path / "b.wav").write_bytes(b"RIFF????")
    with pytest.raises(MediaError, match="not a readable video or sound file"):
        read_audio(tmp_path / "b.wav")


def test_reading_at_a_rate_equals_resampling(tmp_path: Path) -> None:
    values = np.stack([sine(44_100, 1.3), sine(44_100, 1.3, 700.0)])
    path = pcm(tmp_path / "a.wav", values, 44_100, "pcm_f32le", "stereo", "flt")
    whole = read_audio(path)
    mixed = read_audio(path, 16_000, mono=True)
    assert whole is not None and mixed is not None and mixed.rate == 16_000
    assert np.abs(mixed.samples - resample(whole.mono(), 16_000).samples).max() < 1e-6


@pytest.mark.parametrize(("rate_in", "rate_out"), [(48_000, 16_000), (44_100, 16_000), (8_000, 48_000), (11_025, 997)])
def test_resampling_keeps_tones_in_place(rate_in: int, rate_out: int) -> None:
    hertz = 110.0
    out = resample(Waveform(sine(rate_in, 1.0, hertz)[None], rate_in, 0.25), rate_out)
    assert out.samples.shape == (1, rate_in * rate_out // rate_in) and (out.rate, out.start) == (rate_out, 0.25)
    middle = slice(rate_out // 4, 3 * rate_out // 4)
    assert np.abs(out.samples[0] - sine(rate_out, 1.0, hertz))[middle].max() < (1e-4 if rate_out > 1_000 else 1e-3)


def test_resampling_removes_what_the_new_rate_cannot_hold() -> None:
    out = resample(Waveform(sine(48_000, 1.0, 12_000.0)[None], 48_000), 16_000)
    assert np.abs(out.samples[0, 1_000:-1_000]).max() < 1e-3


def test_pieces_do_not_matter() -> None:
    sound = np.random.RandomState(0).standard_normal((2, 100_000)).astype(np.float32) / 8
    pieces = Resampler(44_100, 16_000)
    whole = resample(Waveform(sound, 44_100), 16_000).samples
    cut = [pieces.push(sound[:, k : k + 777]) for k in range(0, 100_000, 777)] + [pieces.flush()]
    assert np.array_equal(np.concatenate(cut, axis=1), whole)
    assert resample(Waveform(sound, 16_000), 16_000).samples is sound
    assert resample(Waveform(sound[:, :0], 16_000), 8_000).samples.shape == (2, 0)


@pytest.mark.data
def test_the_louder_side_of_real_stereo(test_data: Path) -> None:
    for side, louder in (("left", 0), ("right", 1)):
        sound = read_audio(test_data / "media" / f"neutral_gaze_center_sound_{side}.mp4")
        assert sound is not None
        power = (sound.samples**2).mean(axis=1)
        assert 10 * np.log10(power[louder] / power[1 - louder]) == pytest.approx(5.5, abs=0.5)
