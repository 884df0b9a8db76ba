"""ST-ABN: reference values, published containers, the extractor's maps and what its modes look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.registry import PluginEntry, get
from gazenet.cues.runner import CueRunner, RunnerSettings
from gazenet.errors import UsageError
from gazenet.testing.conformance import MAP_SIZE
from gazenet.testing.goldens import Golden, filled_state, find, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.st_abn.checkpoint import load_st_abn
from gazenet_plugins.st_abn.extractor import ActionAttention, ended_as_published
from gazenet_plugins.st_abn.network import STABN

GOLDENS = sorted(find([Path(__file__).parents[1] / "data" / "goldens" / "st_abn"]), key=lambda golden: golden.name)
PARAMETERS = {18: 59_374_856, 34: 103_842_312, 50: 55_665_928, 101: 83_570_952, 152: 106_030_344}


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda golden: golden.path.stem)
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"sample_size": 32}, "sample_size 32"), ({"width": 2}, "unknown options: width")],
)
def test_goldens_with_options_that_do_not_fit_fail(change: dict, reason: str) -> None:
    golden = next(golden for golden in GOLDENS if golden.path.stem == "st_abn_18_8f_64")
    other = replace(golden, meta={**golden.meta, "config": {**golden.meta["config"], **change}})
    verdict = judge(other, 1e-4)
    assert verdict.state == "fail" and reason in verdict.reason


@pytest.mark.parametrize("depth", PARAMETERS)
def test_published_numbers_of_parameters(depth: int) -> None:
    with torch.device("meta"):
        network = STABN(depth)
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS[depth]


def test_unknown_depths_and_clips_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="no network of depth 20"):
        STABN(20)
    with torch.device("meta"), pytest.raises(ValueError, match=r"expected \[B, 3, 8, H, W\]"):
        STABN(18, frames=8)(torch.empty(1, 3, 16, 64, 64))


def published(folder: Path, network: STABN, prefix: str = "module.") -> Path:
    """A look-alike of a training log's best checkpoint, with the states of optimiser and schedule."""
    state = filled_state(network)
    for gate in ("conv_spatial_att.1.weight", "conv_temp_att3.2.weight"):
        state[gate] *= 0.01  # random weights would open or close the gates completely
    network.load_state_dict(state)
    optimiser = torch.optim.SGD(network.parameters(), 0.01, 0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [75, 125])
    assert isinstance(schedule.state_dict()["milestones"], Counter)
    path = folder / "checkpoint-best.pt"
    torch.save(
        {
            "epoch": 150,
            "iteration": 100,
            "best_score": 0.5,
            "model_state_dict": {prefix + key: value for key, value in state.items()},
            "optimizer_state_dict": optimiser.state_dict(),
            "scheduler_state_dict": schedule.state_dict(),
        },
        path,
    )
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("log"), STABN(18, frames=4, classes=6))


def test_a_checkpoint_tells_depth_length_and_classes(tmp_path: Path) -> None:
    network = STABN(18, frames=4, classes=6)
    path = published(tmp_path, network, prefix="")
    for place in (path, tmp_path):
        loaded = load_st_abn(place)
        assert (loaded.frames, loaded.fc.out_features) == (4, 6) and not loaded.training
        clip = torch.rand(1, 3, 4, 32, 48)
        for ours, theirs in zip(loaded(clip), network.eval()(clip), strict=True):
            assert torch.equal(ours, theirs)


def test_attention_alone_equals_that_of_the_whole_network(weights: Path) -> None:
    network, clip = load_st_abn(weights), torch.rand(2, 3, 4, 32, 48)
    with torch.inference_mode():
        found, (_, _, spatial, temporal) = network.attention(clip), network(clip)
    assert torch.equal(found.spatial, spatial) and torch.equal(found.temporal, temporal)
    assert spatial.shape == (2, 1, 4, 2, 3) and temporal.shape == (2, 1, 4, 1, 1)


def test_other_files_are_refused(tmp_path: Path, weights: Path) -> None:
    torch.save({"model_state_dict": {"conv1.weight": torch.zeros(2)}}, tmp_path / "other.pt")
    with pytest.raises(UsageError, match=r"other\.pt: is not a checkpoint of ST-ABN"):
        load_st_abn(tmp_path / "other.pt")
    state = torch.load(weights)
    del state["model_state_dict"]["module.bn1.weight"]
    torch.save(state, tmp_path / "short.pt")
    with pytest.raises(UsageError, match=r"short\.pt: .* 1 keys missing \(bn1\.weight\)"):
        load_st_abn(tmp_path / "short.pt")


def with_weights(path: Path, mode: str = "corrected") -> PluginEntry[ExtractorSpec]:
    """The installed plugin, made to use a checkpoint of its user."""
    entry = get("st_abn")
    kind = entry.load()
    return replace(entry, load=lambda: lambda **given: kind(**{**given, "weights": str(path), "mode": mode}))


def maps_of(
    entry: PluginEntry[ExtractorSpec], video: SyntheticVideo, stride: int | None = None
) -> tuple[np.ndarray, list[dict]]:
    """Maps and records of a video in one chunk; weights from the catalogue would be an error."""

    def no_asset(asset_id: str) -> Path:
        raise AssertionError(f"{asset_id} was asked for")

    runner = CueRunner(entry, {}, RunnerSettings(no_asset, MAP_SIZE, stride, video.frames))
    runner.begin(video.context(), MAP_SIZE)
    runner.compute_block(0, video.frames - 1, video)
    return runner.take(0, video.frames - 1)


def test_the_map_is_where_times_when(weights: Path) -> None:
    video = SyntheticVideo(frames=12, size=(240, 240))
    maps, records = maps_of(with_weights(weights), video, stride=4)
    network = load_st_abn(weights)
    # Four frames, of which the second gets the map: frame 8 is seen with 7, 9 and 10.
    rgb = torch.stack([torch.from_numpy(video.image(k)) for k in (7, 8, 9, 10)]).float()
    bgr = (rgb.flip(-1) - torch.tensor([103.53, 116.28, 123.675])) / torch.tensor([57.375, 57.12, 58.395])
    with torch.inference_mode():
        found = network.attention(bgr.permute(3, 0, 1, 2)[None])
    weight = found.temporal[0, 0, 1, 0, 0]
    want = torch.nn.functional.interpolate(found.spatial[:, :, 1] * weight, MAP_SIZE, mode="bilinear", antialias=True)
    assert np.abs(maps[8] / 255 - want[0, 0].numpy()).max() < 1 / 255
    assert records[8]["temporal"] == pytest.approx(float(weight), abs=1e-4)
    assert maps[8].max() > 20, "a map that shows nothing proves nothing"


@pytest.mark.slow
def test_the_published_mode_sees_the_centre_only(weights: Path) -> None:
    video = SyntheticVideo(frames=1, size=(240, 432))
    published_map, corrected = (
        maps_of(with_weights(weights, mode), video)[0][0] for mode in ("published", "corrected")
    )
    columns = (np.arange(MAP_SIZE[1]) + 0.5) / MAP_SIZE[1] * 432
    outside = (columns < 100) | (columns > 332)
    assert published_map[:, outside].max() == 0 and published_map[:, ~outside].max() > 0
    assert corrected[:, outside].max() > 0


@pytest.mark.parametrize(
    ("times", "want"),
    [
        ([0, 1, 2, 3], [10, 11, 12, 13]),
        ([0, 1, 2, 2], [10, 11, 12, 10]),
        ([0, 0, 1, 1], [10, 11, 12, 10]),
        ([5, 5, 5, 5], [10, 10, 10, 10]),
    ],
    ids=["whole", "end", "both ends", "one frame"],
)
def test_as_published_a_clip_that_ends_starts_over(times: list[float], want: list[int]) -> None:
    frames = torch.tensor([[10, 11, 12, 13]], dtype=torch.uint8)[..., None]
    assert ended_as_published(frames, np.array([times], np.float64)).flatten().tolist() == want
    assert frames.flatten().tolist() == [10, 11, 12, 13], "the windows belong to the platform"


def test_clips_that_are_too_long_and_unknown_modes_are_refused(tmp_path: Path) -> None:
    path = published(tmp_path, STABN(18, frames=40, classes=2))
    with pytest.raises(UsageError, match="looks at 40 frames, at most 32 are given"):
        ActionAttention(str(path)).load(torch.device("cpu"), torch.float32, lambda _: path)
    with pytest.raises(UsageError, match="'mode' must be one of published, corrected, not 'old'"):
        ActionAttention(mode="old")
