"""UNISAL: reference values, domains, state, priors, the extractor from a published file to maps."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from saliency_networks import goldens, no_assets, with_parameters
from torch import Tensor
from torch.nn import functional as F

from gazenet.backbones.fold_batch_norm import inference_copy
from gazenet.errors import UsageError
from gazenet.testing.conformance import run
from gazenet.testing.goldens import Golden, filled_state, judge
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.unisal import extractor
from gazenet_plugins.unisal.domains import DOMAINS
from gazenet_plugins.unisal.extractor import ReadingSizes, UnisalSaliency
from gazenet_plugins.unisal.network import EncodedFrames, Unisal
from gazenet_plugins.unisal.postprocess import running_median, smoothed
from gazenet_plugins.unisal.priors import centred_kernel, initial, prior_maps
from tests.checkpoints import EXTRACTORS
from tests.exactness import assert_as_exact

NAMES = ("unisal_dhf1k_dynamic", "unisal_salicon_static", "unisal_ucfsports_two_part", "clip_unisal", "post_unisal")


@pytest.mark.parametrize("golden", goldens(NAMES))
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.fixture(scope="module")
def network() -> Unisal:
    built = Unisal().eval()
    built.load_state_dict(filled_state(built))
    return built


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return EXTRACTORS["unisal"].save(tmp_path_factory.mktemp("unisal"))


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    small = ReadingSizes((32, 32), (36, 64))
    monkeypatch.setattr(extractor, "SIZES", dict.fromkeys(DOMAINS, small))
    monkeypatch.setattr(extractor, "PUBLISHED_SIZES", small)
    yield


def test_size(network: Unisal) -> None:
    assert sum(p.numel() for p in network.parameters()) == 3_714_872 and len(network.state_dict()) == 835


@torch.no_grad()
def test_every_domain_gives_probabilities_of_its_own(network: Unisal) -> None:
    clip, found = torch.randn(1, 2, 3, 32, 64), []
    for domain in DOMAINS:
        network.use(domain)
        maps = network(clip, (20, 30)).log_density
        torch.testing.assert_close(maps.exp().sum((2, 3, 4)), torch.ones(1, 2), rtol=1e-4, atol=1e-4)
        found.append(maps)
    assert all(not torch.allclose(a, b) for k, a in enumerate(found) for b in found[:k])


@torch.no_grad()
def test_still_pictures_pass_the_state_by(network: Unisal) -> None:
    network = copy.deepcopy(network).double()
    network.use("DHF1K")
    clip = torch.randn(1, 3, 3, 32, 32).double()
    static, dynamic = network(clip, static=True), network(clip)
    assert static.state is None and dynamic.state is not None
    alone = torch.cat([network(clip[:, t : t + 1]).log_density for t in range(3)], 1)
    torch.testing.assert_close(static.log_density, alone)
    assert not torch.allclose(static.log_density, dynamic.log_density)
    first = network(clip[:, :1], static=False)
    assert first.state is not None, "an explicit choice stands above the length of the clip"


@torch.no_grad()
def test_a_network_of_still_pictures_never_has_a_state() -> None:
    network = Unisal(["SALICON"]).eval()
    assert network(torch.randn(1, 2, 3, 32, 32)).state is None
    with pytest.raises(ValueError, match="DHF1K"):
        network.use("DHF1K")


def test_unknown_domains_are_refused() -> None:
    with pytest.raises(ValueError, match="UCFSports"):
        Unisal(["ucfsports"])


def test_priors_stand_where_they_were_put() -> None:
    maps = prior_maps(initial(), 9, 9)
    assert maps.shape == (16, 9, 9) and maps.max() == pytest.approx(6)
    peaks = [divmod(int(one.argmax()), 9) for one in maps[:9]]
    assert peaks == [(y, x) for y in (2, 4, 6) for x in (2, 4, 6)]
    assert maps[9, 0, 2] > 3 > maps[9, 4, 8] and maps[12, 2, 0] > 3 > maps[12, 8, 4]
    assert centred_kernel().sum() == pytest.approx(1)


def test_the_median_is_cut_off_at_the_ends() -> None:
    values = torch.tensor([5.0, 1.0, 3.0, 9.0]).view(4, 1, 1)
    assert running_median(values, 3).item() == 4 and running_median(values, 0, 3).item() == 3
    assert running_median(values, 1, 3).item() == 3


def cue_of(weights: Path, rate: float = 25.0, **parameters) -> UnisalSaliency:
    cue = UnisalSaliency(weights=str(weights), **parameters)
    cue.load(torch.device("cpu"), torch.float32, no_assets)
    cue.begin(replace(SyntheticVideo().context(), rate=rate))
    return cue


@pytest.mark.parametrize(
    ("parameters", "rate", "offsets"),
    [
        ({}, 30, range(-55, 1, 5)),
        ({}, 12, range(-22, 1, 2)),
        ({}, 120, range(-55, 1, 5)),
        ({"step": 1}, 30, range(-11, 1)),
        ({"domain": "SALICON"}, 30, [0]),
        ({"mode": "published", "domain": "SALICON"}, 30, [-10, *range(-10, 1)]),
    ],
)
def test_the_frames_of_a_clip(parameters: dict, rate: float, offsets, weights: Path) -> None:
    assert list(cue_of(weights.parent, rate, **parameters)._offsets(80)) == list(offsets)


def last_map(network: Unisal, encoded: list[EncodedFrames]) -> Tensor:
    """The map of the last of some encoded frames, by all parts of the network on all of them."""
    state = None
    for frame in encoded:
        state = network.rnn(frame.features, state)
        logits = network.logits(network.decode(network.recalled(frame, state)), (32, 32))
    return network.log_density(logits, (36, 64))[0, 0]


def test_the_last_map_is_that_of_the_whole_clip(weights: Path) -> None:
    cue = cue_of(weights)
    encoded = [cue._encoded(one) for one in np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)]
    doubled = [EncodedFrames(*(value.double() for value in one)) for one in encoded]
    exact = last_map(copy.deepcopy(cue._network).double(), doubled)
    assert_as_exact(cue._last(encoded), last_map(cue._network, encoded), exact)


def test_modes_and_domains_give_maps_of_their_own(weights: Path) -> None:
    video, found = SyntheticVideo(frames=3), []
    for parameters in ({}, {"mode": "published"}, {"domain": "Hollywood"}, {"domain": "SALICON"}):
        maps, _ = run(with_parameters("unisal", weights=str(weights), **parameters), video)
        assert (maps.max(axis=(1, 2)) > 150).all()
        found.append(maps)
    assert all(not np.array_equal(a, b) for k, a in enumerate(found) for b in found[:k])


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match=r"other\.pth: is not a checkpoint of Unisal"):
        UnisalSaliency(weights=str(tmp_path / "other.pth")).load(torch.device("cpu"), torch.float32, no_assets)


@pytest.mark.parametrize(
    ("given", "reason"),
    [({"mode": "legacy"}, "published, corrected"), ({"domain": "salicon"}, "SALICON"), ({"step": 6}, r"0\.\.5")],
)
def test_parameters_that_make_no_sense_are_refused(given: dict, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        UnisalSaliency(**given)


@pytest.mark.parametrize(("scale", "side"), [(8, 41), (8, 5), (4, 41), (2, 3)])
def test_smoothing_of_cells_equals_that_of_pixels(scale: int, side: int) -> None:
    coarse, kernel = torch.randn(2, 1, 5, 7).double(), torch.rand(1, 1, side, side).double()
    large = F.interpolate(coarse, scale_factor=scale, mode="nearest")
    want = F.conv2d(F.pad(large, (side // 2,) * 4, mode="replicate"), kernel)
    torch.testing.assert_close(smoothed(coarse, kernel, scale), want)


def test_what_the_extractor_calls_equals_the_network(network: Unisal) -> None:
    network, frames = copy.deepcopy(network).double(), torch.randn(1, 3, 64, 32).double()
    for domain in DOMAINS:
        network.use(domain)
        quick = inference_copy(network)
        with torch.inference_mode():
            for found, want in zip(quick.encode(frames), network.encode(frames), strict=True):
                torch.testing.assert_close(found, want)
