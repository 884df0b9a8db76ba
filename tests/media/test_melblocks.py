"""Examples of sound by the second: what is known at a frame."""

from __future__ import annotations

import numpy as np
import pytest

from gazenet.media.frames import Waveform
from gazenet.media.logmel import MelBlocks, log_mel_examples, packet


def noise(seconds: float, rate: int = 16_000) -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, int(seconds * rate)).astype(np.float32)


@pytest.mark.parametrize(("fps", "each"), [(25, 9), (24, 9), (30, 12), (29.97, 12), (50, 18), (60, 18)])
def test_examples_of_a_second(fps: float, each: int) -> None:
    blocks = MelBlocks(noise(5, 32_000), 32_000, fps)
    assert len(blocks.newest(0)) == len(blocks.buffered(0)) == each
    counts = [len(blocks.buffered(k * int(fps))) for k in range(5)]
    assert counts == [min(int(fps), each * (k + 1)) for k in range(5)]


def test_the_buffer_holds_the_newest_in_order() -> None:
    sound = noise(4)
    blocks = MelBlocks(sound, 16_000, 25)
    seconds = [log_mel_examples(Waveform(sound[None, k * 16_000 : (k + 1) * 16_000], 16_000), 25) for k in range(4)]
    assert np.array_equal(blocks.buffered(24), seconds[0])
    assert np.array_equal(blocks.buffered(49), np.concatenate(seconds[:2]))
    assert np.array_equal(blocks.buffered(99), np.concatenate(seconds[1:])[-25:])
    assert np.array_equal(blocks.newest(60), seconds[2])


def test_sound_that_has_ended_leaves_the_old_examples() -> None:
    blocks = MelBlocks(noise(1.4), 16_000, 25)
    assert np.array_equal(blocks.newest(10), blocks.newest(90))
    longer = MelBlocks(noise(1.7), 16_000, 25)
    assert len(longer.newest(90)) == 1 + (68 - 64) // 4 and len(longer.buffered(90)) == 11


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_sound_shorter_than_an_example_gives_none(seconds: float) -> None:
    blocks = MelBlocks(noise(seconds), 16_000, 25)
    assert len(blocks.buffered(30)) == len(blocks.newest(30)) == 0


def test_only_other_rates_are_filled_up_to_a_second() -> None:
    assert len(MelBlocks(noise(0.3, 44_100), 44_100, 25).buffered(0)) == 9
    assert len(MelBlocks(noise(2), 16_000, 29.97).newest(0)) == 11, "29 frames are less than a second"


@pytest.mark.parametrize(
    ("count", "frame", "valid", "first", "last", "copies"),
    [(40, 30, 30, 15, 30, 1), (40, 3, 3, 0, 3, 13), (5, 16, 5, 0, 4, 12), (20, 20, 20, 5, 19, 2), (1, 9, 1, 0, 0, 16)],
)
def test_packets(count: int, frame: int, valid: int, first: int, last: int, copies: int) -> None:
    selected = packet(np.arange(count, dtype=float)[:, None, None], frame)
    values = selected.examples[:, 0, 0]
    assert (selected.valid, len(values), values[0], values[-1], (values == first).sum()) == (
        valid,
        16,
        first,
        last,
        copies,
    )


def test_no_examples_make_no_packet() -> None:
    with pytest.raises(ValueError, match="no examples"):
        packet(np.zeros((0, 64, 64)), 16)
