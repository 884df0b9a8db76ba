"""STSANet: reference values, exact un-pooling, published files, and which frame a map belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.backbones.checkpoint import load_published
from gazenet.backbones.unpool import unpool
from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.registry import PluginEntry, get
from gazenet.cues.runner import CueRunner, RunnerSettings
from gazenet.errors import UsageError
from gazenet.testing.conformance import MAP_SIZE
from gazenet.testing.goldens import Golden, filled, find, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.stsanet.attention import attend, pool
from gazenet_plugins.stsanet.checkpoint import load_stsanet
from gazenet_plugins.stsanet.extractor import STSANetSaliency
from gazenet_plugins.stsanet.network import STSANet
from tests.goldens.stsanet_ports import ported

GOLDENS = sorted(find([Path(__file__).parents[1] / "data" / "goldens" / "stsanet"]), key=lambda golden: golden.name)
SMALL = next(golden for golden in GOLDENS if golden.path.stem == "stsanet_64x96")


def marked(golden: Golden) -> object:
    slow = [pytest.mark.slow] if golden.path.stem == "stsanet_224x384" else []
    return pytest.param(golden, id=golden.path.stem, marks=slow)


@pytest.mark.parametrize("golden", [marked(golden) for golden in GOLDENS])
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frames": 16}, "clips of 16 frames"),
        ({"layernorm_spatial": [8, 12]}, "layernorm_spatial"),
        ({"unpool": "random"}, "unknown un-pooling 'random'"),
        ({"heads": 2}, "unknown options: heads"),
    ],
)
def test_goldens_with_options_that_do_not_fit_fail(change: dict, reason: str) -> None:
    verdict = judge(replace(SMALL, meta={**SMALL.meta, "config": {**SMALL.meta["config"], **change}}), 1e-4)
    assert verdict.state == "fail" and reason in verdict.reason


def test_the_published_size_has_the_published_entries() -> None:
    golden = next(golden for golden in GOLDENS if golden.path.stem == "stsanet_224x384")
    with torch.device("meta"):
        network = STSANet()
    assert {key: list(value.shape) for key, value in network.state_dict().items()} == {
        key: shape for key, shape, _ in golden.meta["state"]
    }
    assert len(network.state_dict()) == 849
    assert sum(value.numel() for value in network.parameters()) == 160_840_060
    assert sum(value.numel() for value in network.buffers()) == 21_293


def test_sizes_that_do_not_fit_name_the_layer_norm() -> None:
    for size in ((224, 380), (0, 32), (100, 96)):
        with pytest.raises(ValueError, match="multiples of 32"):
            STSANet(size)
    with torch.device("meta"):
        network = STSANet((64, 96))
        for shape in ((1, 3, 32, 224, 384), (1, 3, 16, 64, 96)):
            with pytest.raises(ValueError, match=r"ln_0_0 over \[192, 4, 16, 24\].* frames of 64x96"):
                network(torch.empty(shape))


def clip_with_ties(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Rectified noise, where several zeros share a window, and what is to be put back."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 4, 12, 20, generator=generator).relu()
    x[:, :, :, :4] = x[:, :, :, :4].round()
    return x.to(dtype), torch.randn(2, 3, 4, 6, 10, generator=generator).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_unpooling_equals_that_by_indices(dtype: torch.dtype) -> None:
    x, values = clip_with_ties(dtype)
    pooled, places = F.max_pool3d(x.float(), (1, 2, 2), return_indices=True)
    want = F.max_unpool3d(values.float(), places, (1, 2, 2))
    assert torch.equal(unpool(x, values), want.to(dtype))
    assert torch.equal(pool(x.float()), pooled)


def test_gradients_reach_exactly_the_chosen_places() -> None:
    x, values = clip_with_ties(torch.float32)
    values.requires_grad_()
    weights = torch.rand_like(x)
    (unpool(x, values) * weights).sum().backward()
    places = F.max_pool3d(x, (1, 2, 2), return_indices=True)[1]
    assert torch.equal(values.grad, weights.flatten(2).gather(2, places.flatten(2)).view_as(values))


def test_attention_is_a_softmax_over_all_positions_of_the_other_block() -> None:
    query, key, value = (torch.rand(2, channels, 2, 3, 4) for channels in (5, 5, 7))
    found = attend(query, key, value)
    position = (1, 2, 3)
    scores = torch.einsum("be,bethw->bthw", query[:, :, 1, 2, 3], key)
    weights = scores.flatten(1).softmax(1).view_as(scores)
    want = torch.einsum("bthw,bcthw->bc", weights, value)
    assert torch.allclose(found[(slice(None), slice(None), *position)], want, atol=1e-6)


def test_attention_of_large_products_survives_half_precision() -> None:
    query = torch.full((1, 512, 1, 2, 2), 16.0, dtype=torch.float16)
    value = torch.rand(1, 3, 1, 2, 2).half()
    found = attend(query, query, value)
    assert found.dtype == torch.float16
    assert torch.allclose(found[0, :, 0, 0, 0].float(), value.float().mean((0, 2, 3, 4)), atol=1e-3)


@pytest.mark.parametrize("kind", ["nearest", "trilinear", "convolution"])
def test_what_ports_do_instead_has_their_keys(kind: str) -> None:
    with torch.device("meta"):
        network, original = ported((32, 32), kind), STSANet((32, 32))
        assert network(torch.empty(1, 3, 32, 32, 32)).shape == (1, 32, 32)
    added = network.state_dict().keys() - original.state_dict().keys()
    assert added == ({"unpool_conv.1.weight", "unpool_conv.1.bias"} if kind == "convolution" else set())
    with pytest.raises(ValueError, match="unknown un-pooling 'bilinear'"):
        ported((32, 32), "bilinear")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A look-alike of the published file for small frames: a bare state dict saved from a parallel module."""
    with torch.device("meta"):
        network = STSANet((32, 32))
    state = {
        f"module.{key}": filled(key, torch.empty_like(x, device="cpu")) for key, x in network.state_dict().items()
    }
    path = tmp_path_factory.mktemp("stsanet") / "STSANet_DHF1K.pth"
    torch.save(state, path)
    yield path
    path.unlink()  # half a gigabyte


def test_a_checkpoint_tells_its_size(weights: Path) -> None:
    network = load_stsanet(weights.parent, (32, 32))
    assert network.size == (32, 32) and not network.training
    assert torch.equal(network.SA_0[0].bias, filled("SA_0.0.bias", torch.empty(1)))
    with pytest.raises(UsageError, match=r"ln_0_0.weight \[192, 4, 8, 8\].* frames of 32x32, not 224x384"):
        load_stsanet(weights, (224, 384))
    with torch.device("meta"):
        other = STSANet((64, 64))
    with pytest.raises(UsageError, match=r"16 keys of another shape \(ln_0_0.weight"):
        load_published(other, weights)


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"module.ln_0_0.weight": torch.zeros(192, 4, 8, 8)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"other\.pth: is not a checkpoint of STSANet: 771 keys missing"):
        load_stsanet(tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"contains no STSANet_DHF1K\.pth"):
        load_stsanet(tmp_path)


class Reading(nn.Module):
    """In place of the network: keeps the clips; its map is a picture of the clip's sixteenth frame."""

    size = (32, 64)

    def __init__(self) -> None:
        super().__init__()
        self.clips: list[Tensor] = []

    def forward(self, clip: Tensor) -> Tensor:
        self.clips += list(clip)
        return torch.sigmoid(clip[:, 0, 15])


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Reading:
    network = Reading()
    monkeypatch.setattr("gazenet_plugins.stsanet.extractor.load_stsanet", lambda path: network)
    return network


class Numbered(SyntheticVideo):
    """Every frame is of one grey value, which is its index, but for a white column."""

    def image(self, index: int) -> np.ndarray:
        picture = np.full((*self.size, 3), index, np.uint8)
        picture[:, : self.size[1] // 2] = 255
        return picture


def small() -> PluginEntry[ExtractorSpec]:
    """The plugin on small pictures, which make the tests fast."""
    entry = get("stsanet")
    assert entry.spec.input is not None
    pixels = entry.spec.input.model_copy(update={"height": Reading.size[0], "width": Reading.size[1]})
    return replace(entry, spec=entry.spec.model_copy(update={"input": pixels}))


def run(
    video: SyntheticVideo, entry: PluginEntry[ExtractorSpec] | None = None, **parameters: str
) -> tuple[np.ndarray, list[dict]]:
    runner = CueRunner(entry or small(), parameters, RunnerSettings(Path, MAP_SIZE, chunk=video.frames))
    runner.begin(video.context(), MAP_SIZE)
    runner.compute_block(0, video.frames - 1, video)
    return runner.take(0, video.frames - 1)


def frames_seen(clip: Tensor) -> list[int]:
    """The indices of a clip's frames from their grey values."""
    grey = clip[0, :, 16, -1] * 0.229 + 0.485
    return (grey * 255).round().int().tolist()


@pytest.mark.parametrize(("mode", "first"), [("corrected", -15), ("published", -31)])
def test_the_map_of_a_window_belongs_to_its_frame(mode: str, first: int, reading: Reading) -> None:
    video = Numbered(frames=50)
    _, records = run(video, mode=mode)
    assert len(reading.clips) == 50
    for frame, (clip, record) in enumerate(zip(reading.clips, records, strict=True)):
        wanted = range(frame + first, frame + first + 32)
        assert frames_seen(clip) == [min(max(index, 0), 49) for index in wanted], f"frame {frame}"
        assert record["repeated"] == sum(not 0 <= index < 50 for index in wanted), f"frame {frame}"


def test_ranges_of_both_modes(reading: Reading) -> None:
    video = Numbered(frames=3)
    corrected, published = (run(video, mode=mode)[0] for mode in ("corrected", "published"))
    assert corrected.max() == published.max() == 255
    assert corrected.min() > 0 and published.min() == 0


def test_the_extractor_runs_the_published_network_on_normalised_frames(weights: Path) -> None:
    video = SyntheticVideo(frames=1, size=(224, 384))
    maps, _ = run(video, get("stsanet"), weights=str(weights))
    picture = torch.from_numpy(video.image(0)).permute(2, 0, 1)[None].float() / 255
    small = F.interpolate(picture, (32, 32), mode="bilinear", antialias=True)
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    clip = ((small - mean.view(3, 1, 1)) / std.view(3, 1, 1))[0, :, None].expand(3, 32, 32, 32)
    with torch.inference_mode():
        saliency = load_stsanet(weights)(clip[None])
    want = F.interpolate(saliency[:, None], MAP_SIZE, mode="bilinear", antialias=True)[0, 0]
    assert np.abs(maps[0] / 255 - (want / want.max()).numpy()).max() < 0.02
    assert maps[0].std() > 5, "a map that shows nothing proves nothing"


def test_unknown_modes_are_refused() -> None:
    with pytest.raises(UsageError, match="'mode' must be one of published, corrected, not 'old'"):
        STSANetSaliency(mode="old")
