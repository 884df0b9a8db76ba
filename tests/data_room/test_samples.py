"""Samples: geometry of maps and points agrees, draws depend on seed and number only, sources get their share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.config.training import AugmentConfig
from gazenet.data.cue_clip import CueClip
from gazenet.data.data_module import EpochSampler, training_loader
from gazenet.data.density import density, peak_one
from gazenet.data.drawn_truth import PictureFixations, PublishedFixations
from gazenet.data.findwho import FindWhoVideo
from gazenet.data.fixations import Fixations, FrameFixations
from gazenet.data.image_datasets import StillPicture
from gazenet.data.window_samples import DrawOrder, GeometryChange, SampleShape, WindowSamples, draw_geometry
from gazenet.errors import UsageError

SIZE, SHAPE = (90, 160), (36, 64)
MIRRORED = GeometryChange(True)


def table(points: np.ndarray, frames: int) -> Fixations:
    n = len(points)
    return Fixations(np.arange(n), np.zeros(n), np.full(n, frames / 25), points)


def clip(seed: int, frames: int = 10, source: int = 0, people: int = 9) -> CueClip:
    points = np.random.default_rng(seed).uniform([40, 30], [120, 60], (people, 2))
    maps = np.arange(frames, dtype=np.uint8)[:, None, None] + np.zeros((frames, *SHAPE), np.uint8)
    item = FindWhoVideo(str(seed), Path("x.mp4"), table(points, frames), size=SIZE)
    return CueClip("made", item, {"a": maps, "b": maps + 100}, np.arange(frames) / 25, 6.0, source)


def plain(maps: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(maps)).float().transpose(0, 1) / 255


def samples(
    clips: list[CueClip], shape: SampleShape, augment: AugmentConfig | None = None, **draws: int
) -> WindowSamples:
    targets = [one.targets(1, 1) for one in clips]
    return WindowSamples(
        clips, ["a", "b"], shape, plain, DrawOrder(clips, targets, draws.pop("seed", 0), **draws), augment
    )


@pytest.mark.parametrize(
    "geometry", [GeometryChange(True), GeometryChange(shift=(0.1, -0.2)), GeometryChange(True, (0.1, 0.05), 1.2)]
)
def test_maps_and_points_move_alike(geometry: GeometryChange) -> None:
    points = np.array([[70.0, 50.0], [90.0, 40.0], [72.0, 41.0]])
    before = peak_one(density(points, SIZE, SHAPE, 8.0))
    moved = geometry.maps((255 * before).round().astype(np.uint8)[None, None])[0, 0] / 255
    after = peak_one(density(geometry.points(points, SIZE), SIZE, SHAPE, 8.0 * geometry.scale))
    assert np.abs(moved - after).max() < 0.04
    assert np.abs(moved - before).max() > 0.3


def test_no_change_is_exact_and_mirroring_twice_is_none() -> None:
    maps = np.random.default_rng(0).integers(0, 255, (2, 3, *SHAPE)).astype(np.uint8)
    assert GeometryChange().maps(maps) is maps
    twice = GeometryChange(True).maps(GeometryChange(True).maps(maps))
    assert np.abs(twice.astype(int) - maps).max() <= 1


def test_drawn_changes_stay_within_the_config() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_geometry(AugmentConfig(shift=0.1, scale=0.2), rng) for _ in range(300)]
    assert {one.mirror for one in drawn} == {True, False}
    assert 0.09 < max(abs(value) for one in drawn for value in one.shift) <= 0.1
    assert 0.8 <= min(one.scale for one in drawn) < 0.82
    assert draw_geometry(AugmentConfig(flip=False, shift=0, scale=0), rng) == GeometryChange()


def test_a_window_ends_at_its_frame_and_repeats_the_first() -> None:
    found = samples([clip(1)], SampleShape((18, 32), window=4, exhaustive=True))
    early, late = found[1], found[9]
    assert early["maps"].shape == (4, 2, *SHAPE)
    assert (early["maps"][:, 0, 0, 0] * 255).round().tolist() == [0, 0, 0, 1]
    assert (late["maps"][:, 1, 0, 0] * 255).round().tolist() == [106, 107, 108, 109]
    assert late["seq_salmap"].shape == (4, 1, 18, 32)
    assert torch.equal(late["seq_salmap"][-1], late["salmap"])
    assert late["salmap"].max() == 1
    assert late["fixmap"].unique().tolist() == [0, 1]


def test_a_static_network_gets_one_frame() -> None:
    sample = samples([clip(1)], SampleShape((18, 32)))[3]
    assert sample["maps"].shape == (2, *SHAPE)
    assert "seq_salmap" not in sample
    assert (int(sample["clip"]), int(sample["frame"])) == (0, 3)


def test_a_draw_is_a_function_of_seed_and_number() -> None:
    augment = AugmentConfig(drop_cue=0.5)
    first, again = (samples([clip(1), clip(2)], SampleShape((18, 32)), augment, samples_per_epoch=8) for _ in range(2))
    for draw in (11, 3, 40):
        assert all(torch.equal(first[draw][key], again[draw][key]) for key in first[draw])
    other = samples([clip(1), clip(2)], SampleShape((18, 32)), augment, samples_per_epoch=8, seed=1)
    assert any(not torch.equal(first[draw]["salmap"], other[draw]["salmap"]) for draw in range(8))
    blank = [float(first[draw]["maps"][1].max()) == 0 for draw in range(40)]
    assert 5 < sum(blank) < 35


def test_every_frame_once_per_epoch_in_another_order_each_time() -> None:
    found = samples([clip(1), clip(2)], SampleShape((18, 32)), AugmentConfig())
    epochs = [
        [(int(s["clip"]), int(s["frame"])) for s in (found[d] for d in range(20 * e, 20 * e + 20))] for e in (0, 1)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(found.draws.all)
    assert epochs[0] != epochs[1]


def test_sources_share_the_draws_by_weight() -> None:
    clips = [clip(1, frames=50, source=0), clip(2, frames=50, source=0), clip(3, frames=2, source=1)]
    draws = DrawOrder(clips, [one.targets(1, 1) for one in clips], 0, 100, [1.0, 3.0])
    picked = [draws.pick(d, draws.rng(d))[0] for d in range(2000)]
    assert abs(sum(k == 2 for k in picked) / 2000 - 0.75) < 0.04


def test_frames_without_enough_people_are_no_targets() -> None:
    assert clip(1, people=3).targets(2, 3).tolist() == [0, 2, 4, 6, 8]
    assert clip(1, people=3).targets(2, 4).tolist() == []
    with pytest.raises(UsageError, match="no frame to learn from"):
        DrawOrder([clip(1)], [np.empty(0, np.int64)], 0)


def test_a_still_is_one_frame_repeated() -> None:
    still = StillPicture("1.jpg", Path("1.jpg"), SIZE, table(np.array([[80.0, 45.0]]), 1))
    one = CueClip("osie", still, {name: np.full((1, *SHAPE), 7, np.uint8) for name in "ab"}, np.zeros(1), 6.0)
    sample = samples([one], SampleShape((18, 32), window=3))[0]
    assert sample["maps"].shape == (3, 2, *SHAPE)
    assert (sample["maps"] * 255).round().unique().tolist() == [7]


@dataclass(frozen=True)
class Read:
    """An item whose reader says more than points."""

    truth: FrameFixations
    name: str = "1"
    path: Path = Path("x.mp4")
    still: bool = False
    size: tuple[int, int] = SIZE

    def fixations(self, times: np.ndarray) -> FrameFixations:
        return self.truth


def sample_of(truth: FrameFixations, geometry: GeometryChange = MIRRORED) -> dict[str, torch.Tensor]:
    one = CueClip(
        "made", Read(truth), {name: np.zeros((2, *SHAPE), np.uint8) for name in "ab"}, np.arange(2) / 25, 6.0
    )
    return samples([one], SampleShape((18, 32))).sample(0, 1, geometry, None)


TWO = np.array([[40.0, 45.0], [120.0, 45.0]])


@pytest.mark.parametrize("kind", [FrameFixations, PublishedFixations])
def test_weights_of_points_are_heights_of_the_density(kind: type[FrameFixations]) -> None:
    truth = kind(SIZE, [TWO, TWO], np.array([9, 9]), [np.ones(2), np.array([4.0, 1.0])])
    still, mirrored = (
        sample_of(truth, geometry)["salmap"][0] for geometry in (GeometryChange(), GeometryChange(True))
    )
    assert torch.equal(still, torch.from_numpy(truth.density(1, 18, 32, 6.0)))
    left, right = float(still[:, :16].max()), float(still[:, 16:].max())
    assert left / right == pytest.approx(4, rel=0.05)
    assert float(mirrored[:, 16:].max()) / float(mirrored[:, :16].max()) == pytest.approx(4, rel=0.05)


def test_published_fixations_are_all_there_on_a_coarse_grid() -> None:
    truth = PublishedFixations(SIZE, [TWO + 0.5, TWO + 0.5], np.array([9, 9]))
    assert not truth.fixation_map(1, 9, 16).any()
    assert float(sample_of(truth, GeometryChange())["fixmap"].sum()) == 2


def test_pictures_of_densities_move_with_the_frame() -> None:
    picture = np.zeros((18, 32), np.uint8)
    picture[9, 4] = 200
    truth = PictureFixations(SIZE, [TWO, TWO], np.array([9, 9]), picture=lambda frame: picture if frame else None)
    still, mirrored = (
        sample_of(truth, geometry)["salmap"][0] for geometry in (GeometryChange(), GeometryChange(True))
    )
    assert [int(v) for v in np.unravel_index(int(still.argmax()), (18, 32))] == [9, 4]
    assert [int(v) for v in np.unravel_index(int(mirrored.argmax()), (18, 32))] == [9, 27]
    absent = PictureFixations(SIZE, [TWO, TWO], np.array([9, 9]), picture=lambda frame: None)
    assert float(sample_of(absent)["salmap"].max()) == 0


def test_epochs_follow_the_sampler_and_the_last_short_batch_is_dropped() -> None:
    sampler = EpochSampler(5)
    sampler.set_epoch(3)
    assert list(sampler) == [15, 16, 17, 18, 19]
    loader = training_loader(samples([clip(1)], SampleShape((18, 32)), AugmentConfig()), batch_size=4)
    assert [len(batch["maps"]) for batch in loader] == [4, 4]
    small = training_loader(samples([clip(1)], SampleShape((18, 32)), AugmentConfig()), batch_size=64)
    assert [len(batch["maps"]) for batch in small] == [10]


def test_clips_check_lengths() -> None:
    with pytest.raises(ValueError, match="cue a"):
        CueClip("x", clip(1).item, {"a": np.zeros((3, 4, 4), np.uint8)}, np.zeros(2), 6.0)


def test_pictures_move_with_the_maps_beside_them() -> None:
    one = clip(1)
    grey = np.random.default_rng(0).integers(0, 255, (10, *SHAPE)).astype(np.uint8)
    drawn = CueClip("made", one.item, {"a": grey, "b": np.stack([grey, grey, grey // 2], 3)}, one.times, 6.0)
    seen: list[list[np.ndarray]] = []

    def render(maps: list[np.ndarray]) -> torch.Tensor:
        seen.append(maps)
        return torch.zeros(1)

    found = WindowSamples([drawn], ["a", "b"], SampleShape((18, 32)), render, DrawOrder([drawn], [np.arange(10)], 0))
    for geometry in (GeometryChange(), GeometryChange(True, (0.1, 0.05), 1.2)):
        found.sample(0, 4, geometry, None)
        maps, pictures = seen.pop()
        assert pictures.shape == (1, *SHAPE, 3) and np.array_equal(pictures[..., 0], maps)
        assert np.array_equal(pictures[..., 2], geometry.cue(grey[[4]] // 2))
    found.sample(0, 4, GeometryChange(), np.array([False, True]))
    assert seen[0][0].any() and not seen[0][1].any(), "a blanked cue is black"


def test_what_is_neither_map_nor_picture_is_refused() -> None:
    one = clip(1)
    with pytest.raises(ValueError, match="cue a has maps"):
        CueClip("made", one.item, {"a": np.zeros((10, *SHAPE, 4), np.uint8)}, one.times, 6.0)
