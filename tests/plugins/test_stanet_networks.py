"""STANet's networks: equal to the goldens, keys as published, versions told apart by their keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gazenet.errors import UsageError
from gazenet.testing.goldens import Golden, find, judge
from gazenet_plugins.stanet import blocks, checkpoints
from gazenet_plugins.stanet.classifiers import SpatialAudioClassifier, SpatialClassifier, SpatialTemporalClassifier
from gazenet_plugins.stanet.sta import STA28, STA32
from gazenet_plugins.stanet.switch import AudioSwitch, decided
from gazenet_plugins.stanet.trunks import RESNEXT, SMALL, audio_trunk
from tests.goldens.vggsound import VGGSound
from tests.plugins import stanet_files

FOLDER = Path(__file__).parents[1] / "data" / "goldens" / "stanet"
GOLDENS = {golden.path.stem: golden for golden in find([FOLDER]) if "network" in golden.meta["config"]}
FAST = ("s_256", "vggsound_vlad_81x199", "vggsound_avgpool_81x199")
BUILD: dict[str, Callable[[], nn.Module]] = {
    "s_256": SpatialClassifier,
    "sa_coarse_256": lambda: SpatialAudioClassifier(stage="coarse"),
    "sa_fine_356": SpatialAudioClassifier,
    "st_256": SpatialTemporalClassifier,
    "sta_356": STA32,
    "sta28_356": STA28,
    "switch128_356": AudioSwitch,
    "switch512_256": lambda: AudioSwitch(512),
    "vggsound_vlad_81x199": VGGSound,
    "vggsound_avgpool_81x199": lambda: VGGSound("avgpool"),
}


def marked(name: str) -> object:
    """Networks of hundreds of millions of weights take long; their keys and their logic have fast tests below."""
    return pytest.param(name, marks=[] if name in FAST else [pytest.mark.slow])


@pytest.mark.parametrize("name", [marked(name) for name in sorted(GOLDENS)])
def test_golden(name: str) -> None:
    verdict = judge(GOLDENS[name], 1e-4)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(
    "options",
    [{"pool": "max"}, {"classes": 310}, {"params": 5}, {"dropout": 0.1}, {"output_scale": {"audnet.bn1": 2}}],
)
def test_every_option_of_a_golden_counts(options: dict[str, Any]) -> None:
    golden = GOLDENS["vggsound_vlad_81x199"]
    changed = Golden(golden.path, {**golden.meta, "config": {**golden.meta["config"], **options}})
    assert judge(changed, 1e-4).state == "fail"


@pytest.mark.parametrize("name", sorted(BUILD))
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    with torch.device("meta"):
        network = BUILD[name]()
    wanted = {key: tuple(shape) for key, shape, _ in GOLDENS[name].meta["state"]}
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == wanted
    assert sum(value.numel() for value in network.parameters()) == GOLDENS[name].meta["config"]["params"]


LOADERS: dict[str, tuple[Callable[[], nn.Module], Callable[..., nn.Module]]] = {
    "spatial": (SpatialClassifier, stanet_files.load_spatial),
    "spatial, 5 classes": (lambda: SpatialClassifier(5), stanet_files.load_spatial),
    "sound, fine": (SpatialAudioClassifier, stanet_files.load_spatial_audio),
    "sound, coarse": (lambda: SpatialAudioClassifier(stage="coarse"), stanet_files.load_spatial_audio),
    "sound, compiled": (
        lambda: SpatialAudioClassifier(stage="coarse", sound="compiled"),
        stanet_files.load_spatial_audio,
    ),
    "sound, compiled, fine": (lambda: SpatialAudioClassifier(sound="compiled"), stanet_files.load_spatial_audio),
    "sound, compared": (lambda: SpatialAudioClassifier(sound="fusion"), stanet_files.load_spatial_audio),
    "time": (SpatialTemporalClassifier, stanet_files.load_spatial_temporal),
    "time, compiled": (lambda: SpatialTemporalClassifier(activated=True), stanet_files.load_spatial_temporal),
    "saliency": (STA32, checkpoints.load_saliency),
    "saliency, compiled": (STA28, checkpoints.load_saliency),
    "saliency, compiled before": (lambda: STA28(switched=False), checkpoints.load_saliency),
    "switch": (AudioSwitch, checkpoints.load_switch),
    "switch, wide": (lambda: AudioSwitch(512), checkpoints.load_switch),
    "sounds": (VGGSound, stanet_files.load_vggsound),
    "sounds, mean": (lambda: VGGSound("avgpool"), stanet_files.load_vggsound),
}


def saved(path: Path, network: nn.Module, extra: dict[str, torch.Tensor] | None = None) -> Path:
    state = {f"module.{key}": value for key, value in {**network.state_dict(), **(extra or {})}.items()}
    torch.save({"epoch": 3, "state_dict": state}, path)
    return path


@pytest.mark.parametrize("kind", sorted(LOADERS))
def test_a_file_tells_which_network_it_holds(kind: str, tmp_path: Path) -> None:
    build, load = LOADERS[kind]
    with torch.device("meta"):  # tensors without storage make small files
        network = build()
        loaded = load(saved(tmp_path / "weights.pth", network))
    assert type(loaded) is type(network) and not loaded.training
    assert str(loaded) == str(network)
    shapes = [(key, value.shape) for key, value in network.state_dict().items()]
    assert shapes == [(key, value.shape) for key, value in loaded.state_dict().items()]


def test_layers_that_the_comparison_never_calls_are_left_out(tmp_path: Path) -> None:
    with torch.device("meta"):
        network = SpatialAudioClassifier(sound="fusion")
        extra = {"Aup.0.weight": torch.zeros(2048, 2048, 4, 4), "extra_audio_d.bias": torch.zeros(2048)}
        loaded = stanet_files.load_spatial_audio(saved(tmp_path / "SA.pth", network, extra))
    assert loaded.state_dict().keys() == network.state_dict().keys()


def test_a_folder_of_weights_holds_the_saliency_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"contains no STANet.pth or STA.pth"):
        checkpoints.load_saliency(tmp_path)
    with torch.device("meta"):
        saved(tmp_path / "STANet.pth", STA28())
        assert isinstance(checkpoints.load_saliency(tmp_path), STA28)


@pytest.mark.parametrize(
    ("state", "load", "message"),
    [
        ({"fc.weight": torch.zeros(2)}, checkpoints.load_saliency, "no saliency network of STANet"),
        ({"extra_proja.weight": torch.zeros(2)}, checkpoints.load_saliency, r"STANet\+, which is not supported"),
        ({"fc.bias": torch.zeros(2)}, checkpoints.load_switch, "no fc.weight"),
        ({"extra_convs.weight": torch.zeros(28, 3, 1, 1)}, stanet_files.load_spatial, "keys missing"),
        ({"extra_video_d.6.weight": torch.zeros(28, 3, 1, 1)}, stanet_files.load_spatial_audio, "no "),
        ({"x": torch.zeros(1)}, stanet_files.load_spatial_temporal, "no extra_convs.6.weight"),
        ({"x": torch.zeros(1)}, stanet_files.load_vggsound, "no audnet.fc.weight"),
    ],
)
def test_other_files_are_refused(
    state: dict[str, torch.Tensor], load: Callable[..., nn.Module], message: str, tmp_path: Path
) -> None:
    torch.save(state, tmp_path / "other.pth")
    with torch.device("meta"), pytest.raises(UsageError, match=message):
        load(tmp_path / "other.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickled_network_is_refused_and_the_message_says_what_to_do(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "27001.pt"
    torch.save(nn.Sequential(nn.Linear(2, 2)), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UsageError, match="pickled network") as caught:
        checkpoints.load_switch(path)
    assert 'torch.save(torch.load("27001.pt", weights_only=False).state_dict(), "state_27001.pt")' in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_something_else_is_not_called_a_network(tmp_path: Path) -> None:
    (tmp_path / "noise.pt").write_bytes(bytes(range(256)) * 4)
    with pytest.raises(UsageError, match="not a readable checkpoint"):
        checkpoints.load_switch(tmp_path / "noise.pt")
    with pytest.raises(UsageError, match="no such file"):
        checkpoints.load_switch(tmp_path / "none.pt")


def test_backbones_are_not_reset() -> None:
    """Their own start, or pretrained weights, survive; the head starts as published."""
    network = SpatialClassifier(trunk=SMALL)
    assert network.features[0].weight.std() > 0.02
    assert float(network.extra_convs.weight.detach().std()) == pytest.approx(0.01, rel=0.05)


def test_memory_is_reinterpreted_as_published() -> None:
    maps = [torch.arange(4.0).view(1, 4, 1, 1) + 10 * frame for frame in range(3)]
    listed = [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    assert blocks.interleaved(maps).flatten().tolist() == listed
    assert blocks.interleaved(maps).shape == (1, 4, 3, 1, 1)


def test_attention_weights_sum_to_one_for_each_key() -> None:
    x = torch.rand(1, 2, 2, 2)
    flat, last = nn.Conv2d(2, 1, 1), nn.Conv2d(2, 1, 1, bias=False)
    nn.init.zeros_(flat.weight)
    found = blocks.self_attention(x, flat, flat, nn.Identity(), last)
    mean = x.sum((2, 3), keepdim=True) / 4
    torch.testing.assert_close(found, torch.sigmoid(last(mean)) * x)


def test_vlad_describes_each_sample_by_itself_with_length_one() -> None:
    vlad, x = blocks.NetVLAD(4, 6).double(), torch.rand(3, 6, 2, 5).double()
    found = vlad(x)
    assert found.shape == (3, 24)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3).double())
    torch.testing.assert_close(found[1:2], vlad(x[1:2]))


def test_the_switch_looks_at_one_logit_only() -> None:
    logits = torch.tensor([[5.0, 0.1], [-5.0, -0.1], [0.0, 0.0]])
    assert decided(logits).flatten().tolist() == [1.0, 0.0, 0.0] and decided(logits).shape == (3, 1, 1, 1)


@pytest.mark.parametrize("sound", ["deconvolution", "compiled", "fusion"])
def test_sound_networks_run_in_every_form(sound: Any) -> None:
    network = SpatialAudioClassifier(5, "coarse", sound, SMALL).eval()
    with torch.no_grad():
        found = network(torch.rand(1, 3, 256, 256), torch.rand(1, 81, 199))
    assert found.map1.shape == found.map2.shape == (1, 5, 8, 8) and found.logits2.shape == (1, 5)
    if sound != "fusion":
        with pytest.raises(ValueError, match=r"225..256 pixels, whose maps are 8x8"):
            network(torch.rand(1, 3, 224, 224), torch.rand(1, 81, 199))


def test_sequences_run_in_every_form() -> None:
    images = torch.rand(3, 1, 3, 96, 96).double()
    for options in ({}, {"activated": True}):
        network = SpatialTemporalClassifier(4, trunk=SMALL, **options).double().eval()
        with torch.no_grad():
            found = network(*images)
        assert found.map.shape == (1, 4, 3, 3)
        torch.testing.assert_close(found.fused1, found.map_all.mean((2, 3)))
        torch.testing.assert_close(found.pool1, found.map.mean((2, 3)))


def inputs(side: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    return [torch.rand(1, 3, side, side) for _ in range(3)], [torch.rand(1, 81, 199) for _ in range(3)]


@torch.no_grad()
def test_a_switched_off_sound_does_not_matter() -> None:
    network = STA28(trunk=SMALL).eval()
    images, audios = inputs(356)
    on, off = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    silent = network(images, audios, [off] * 3)
    assert len(silent) == 9 and all(one.shape == (1, 1, 356, 356) for one in silent)
    mixed = network(images, inputs(356)[1], [off, on, on])
    assert all(map(torch.equal, silent[:3], mixed[:3]))
    assert not torch.equal(silent[5], mixed[5]) and not torch.equal(silent[8], mixed[8])
    with pytest.raises(ValueError, match=r"353..384"):
        network(*inputs(352), [on] * 3)


@torch.no_grad()
def test_the_earlier_version_has_no_switch() -> None:
    network = STA28(switched=False, trunk=SMALL).eval()
    images, audios = inputs(353)
    assert len(network(images, audios)) == 9
    with pytest.raises(ValueError, match="no switches"):
        network(images, audios, [torch.ones(1, 1, 1, 1)] * 3)


@torch.no_grad()
def test_saliency_of_rectangles() -> None:
    network = STA32(trunk=SMALL).eval()
    images = [torch.rand(2, 3, 64, 96) for _ in range(3)]
    found = network(images, [torch.rand(2, 81, 199) for _ in range(3)])
    assert len(found) == 6 and all(one.shape == (2, 1, 64, 96) for one in found)


def test_trunks_are_cut_by_position() -> None:
    assert len(RESNEXT.children()) == len(SMALL.children()) == len(audio_trunk()) == 9
    assert audio_trunk()(torch.rand(1, 1, 81, 199)).shape == (1, 8192)
