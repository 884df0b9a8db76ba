"""What an epoch shows, where a window lies, and how several processes share the draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_up_cache import FRAMES, make_clip

from gazenet.config.training import AugmentConfig, DataConfig
from gazenet.data.cue_clip import CueClip
from gazenet.data.data_module import EpochSampler, EpochShare, training_draws, training_loader, validation_draws
from gazenet.data.window_samples import DrawOrder, SampleShape, WindowSamples

STILL = AugmentConfig(flip=False, shift=0, scale=0)


def plain(maps: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(maps)).float().transpose(0, 1) / 255


def config(sampling: str = "videos", stride: int = 1) -> DataConfig:
    return DataConfig(train=[{"dataset": "findwho"}], frame_stride=stride, sampling=sampling, augment=STILL)


def picked(draws: DrawOrder, epoch: int) -> list[tuple[int, int]]:
    numbers = range(epoch * draws.length, (epoch + 1) * draws.length)
    return [draws.pick(number, draws.rng(number)) for number in numbers]


def test_an_epoch_of_videos_is_one_window_of_each(clips: list[CueClip]) -> None:
    draws = training_draws(clips, config(), seed=3)
    epochs = [picked(draws, epoch) for epoch in range(40)]
    assert all(sorted(clip for clip, _ in epoch) == [0, 1, 2] for epoch in epochs)
    assert len({tuple(clip for clip, _ in epoch) for epoch in epochs}) >= 5
    seen = {frame for epoch in epochs for _, frame in epoch}
    assert len(seen) > 20 and max(seen) < FRAMES
    assert epochs == [picked(training_draws(clips, config(), seed=3), epoch) for epoch in range(40)]


def test_videos_without_a_target_are_left_out_of_the_epoch(clips: list[CueClip]) -> None:
    targets = [np.arange(4), np.empty(0, np.int64), np.arange(2)]
    draws = DrawOrder(clips, targets, 0, videos=True)
    assert draws.length == 2 and {clip for clip, _ in picked(draws, 0)} == {0, 2}


def test_validation_shows_the_middle_of_each_video_or_every_frame(clips: list[CueClip]) -> None:
    assert validation_draws(clips, config()).all == [(0, 12), (1, 12), (2, 12)]
    assert len(validation_draws(clips, config("frames", stride=2)).all) == 36


@pytest.mark.parametrize("sampling", ["videos", "frames"])
def test_validation_shows_as_many_windows_as_are_asked_for(clips: list[CueClip], sampling: str) -> None:
    asked = config(sampling).model_copy(update={"validation_windows": 4})
    shown = validation_draws(clips, asked).all
    assert [frame for clip, frame in shown if clip == 1] == [3, 9, 15, 21] and len(shown) == 12
    everything = config(sampling).model_copy(update={"validation_windows": 99})
    assert len(validation_draws(clips, everything).all) == 3 * FRAMES


@pytest.mark.parametrize(("starts", "first", "last"), [(True, [20, 21, 22, 23, 23, 23], 23), (False, None, 20)])
def test_where_a_window_lies(clips: list[CueClip], starts: bool, first: list[int] | None, last: int) -> None:
    shape = SampleShape((18, 32), 6, exhaustive=True, starts=starts)
    assert shape.frames(20, FRAMES) == (first or [15, 16, 17, 18, 19, 20])
    samples = WindowSamples(clips, ["active_speaker"], shape, plain, DrawOrder(clips, [np.array([20])] * 3, 0))
    sample = samples[1]
    assert int(sample["frame"]) == last
    assert torch.equal(sample["maps"][-1, 0], torch.from_numpy(clips[1].maps["active_speaker"][last]).float() / 255)
    assert torch.equal(sample["salmap"], sample["seq_salmap"][-1])


def test_the_target_is_the_last_frame_that_somebody_fixated() -> None:
    clip = make_clip(5)
    early = clip.item.table.start < 21 / 25
    table = type(clip.item.table)(
        *(getattr(clip.item.table, name)[early] for name in ("subject", "start", "duration", "points"))
    )
    item = type(clip.item)(clip.item.name, clip.item.path, table, size=clip.item.size)
    cut = CueClip("findwho", item, clip.maps, clip.times, clip.sigma)
    shape = SampleShape((18, 32), 6, starts=True)
    sample = WindowSamples([cut], ["saliency"], shape, plain, DrawOrder([cut], [np.array([17])], 0))[0]
    assert int(sample["frame"]) == 20 and float(sample["salmap"].max()) == 1


@pytest.mark.parametrize(
    ("length", "batch", "drop_last"), [(24, 8, True), (23, 8, True), (21, 4, False), (3, 8, False)]
)
def test_processes_share_the_batches_of_one(clips: list[CueClip], length: int, batch: int, drop_last: bool) -> None:
    draws = DrawOrder(clips, [np.arange(FRAMES)] * 3, 0, samples_per_epoch=length)
    samples = WindowSamples(clips, ["saliency"], SampleShape((18, 32)), plain, draws, STILL)

    def batches(rank: int, world: int) -> list[set[tuple[int, int]]]:
        loader = training_loader(samples, batch, 0, drop_last, EpochShare(rank, world))
        loader.sampler.set_epoch(2)  # type: ignore[attr-defined]
        return [set(zip(b["clip"].tolist(), b["frame"].tolist(), strict=True)) for b in loader]

    alone, first, second = batches(0, 1), batches(0, 2), batches(1, 2)
    # What is left at the end and does not suffice for both is left out.
    assert len(first) == len(second) == len(alone) - (len(alone[-1]) == 1)
    for k, (one, other) in enumerate(zip(first, second, strict=True)):
        assert one | other == alone[k] or (k == len(first) - 1 and one | other < alone[k])


def test_a_process_knows_its_share() -> None:
    found = []
    for rank in range(3):
        sampler = EpochSampler(10, EpochShare(rank, 3))
        sampler.set_epoch(1)
        assert len(sampler) == 3
        found.append(list(sampler))
    assert found == [[10, 13, 16], [11, 14, 17], [12, 15, 18]]
