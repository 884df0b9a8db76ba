"""Streaming equals window by window, whatever the chunks; files describe themselves and are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.errors import UsageError
from gazenet.fusion.checkpoints import load_published, open_integrator, save_integrator
from gazenet.fusion.config import GaspConfig, published
from gazenet.fusion.gasp import Gasp, build
from gazenet.fusion.integrator import Integrator, load_integrator
from gazenet.fusion.rendering import network_input
from gazenet.fusion.spec import IntegratorSpec

CUES = ("a", "b")


def made(config: GaspConfig, **fields: object) -> Integrator:
    torch.manual_seed(1)
    network = build(config).eval()
    with torch.no_grad():
        # Fresh GMU weights are almost zero: make the gates say something.
        for parameter in network.parameters():
            parameter.mul_(3)
    output = "density" if config.head == "density" else "sigmoid"
    spec = IntegratorSpec(name="toy", cues=CUES, input_size=(16, 24), output=output, **fields)
    return Integrator(network, spec, torch.device("cpu"), {})


def cue_maps(frames: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {cue: rng.integers(0, 256, (frames, 16, 24), dtype=np.uint8) for cue in CUES}


def sequence(name: str, length: int = 4, norm: bool = False) -> GaspConfig:
    return published(name, modalities=2, sequence_len=length, sequence_norm=norm, in_channels=1)


def window_by_window(integrator: Integrator, maps: dict[str, np.ndarray]) -> np.ndarray:
    x = network_input(maps, integrator.spec, integrator.device)
    length = integrator.network.config.sequence_len
    x = torch.cat([x[:1]] * (length - 1) + [x])
    with torch.no_grad():
        outputs = [integrator.network(x[None, k : k + length])[0] for k in range(len(x) - length + 1)]
    return torch.sigmoid(torch.cat(outputs))[:, 0].numpy()


@pytest.mark.parametrize("frames", [1, 3, 4, 9])
@pytest.mark.parametrize(
    "config",
    [
        sequence("SequenceGASPDAMEncALSTMGMUConv"),
        sequence("SequenceGASPDAMEncGMUALSTMConv", norm=True),
        sequence("SequenceGASPEncRGMUConv"),
    ],
    ids=["largmu", "argmu-norm", "rgmu"],
)
def test_streaming_equals_window_by_window(config: GaspConfig, frames: int) -> None:
    integrator, maps = made(config), cue_maps(frames)
    assert integrator.fuse(maps).saliency == pytest.approx(window_by_window(integrator, maps), abs=1e-5)


def light() -> GaspConfig:
    return GaspConfig(encoder="Light", head="density", in_channels=1, latent=4, modalities=2, own_encoders=True)


@pytest.mark.parametrize("config", [light(), sequence("SequenceGASPEncGMUALSTMConv")], ids=["light", "argmu"])
@pytest.mark.parametrize("cuts", [(3, 11), (1, 2, 5), (16,)])
def test_chunks_do_not_matter(config: GaspConfig, cuts: tuple[int, ...]) -> None:
    integrator, maps = made(config, smoothing=3), cue_maps(17)
    whole = integrator.fuse(maps)
    stream, parts, at = integrator.stream(), [], 0
    for cut in (*cuts, 17):
        parts.append(stream.push({cue: one[at:cut] for cue, one in maps.items()}))
        at = cut
    parts.append(stream.finish())
    assert [part.start for part in parts if len(part)] == sorted(part.start for part in parts if len(part))
    joined = np.concatenate([part.saliency for part in parts if len(part)])
    assert joined == pytest.approx(whole.saliency, abs=1e-6)
    assert np.concatenate([part.gates for part in parts if len(part)]) == pytest.approx(whole.gates, abs=1e-6)


def test_density_sums_to_one_and_smoothing_averages_log_densities() -> None:
    maps = cue_maps(5)
    plain, smooth = made(light()).fuse(maps), made(light(), smoothing=2).fuse(maps)
    assert plain.saliency.sum((1, 2)) == pytest.approx(np.ones(5), abs=1e-4)
    expected = np.exp(np.log(plain.saliency).mean(0))
    assert smooth.saliency[2] == pytest.approx(expected / expected.sum(), rel=1e-3)


def test_coloured_rendering_has_three_normalised_channels() -> None:
    spec = IntegratorSpec(name="toy", cues=CUES, rendering="published", colours=("jet", "jet"), input_size=(8, 8))
    x = network_input({cue: np.zeros((1, 8, 8), np.uint8) for cue in CUES}, spec, torch.device("cpu"))
    blue = (128 / 255 - 96.29023126 / 255) / (40.02898126 / 255)
    assert x.shape == (1, 6, 8, 8)
    assert float(x[0, 2, 0, 0]) == pytest.approx(blue, abs=0.05)


def test_missing_cues_are_named() -> None:
    with pytest.raises(UsageError, match="needs maps of b"):
        made(light()).stream().push({"a": np.zeros((1, 16, 24), np.uint8)})


def test_a_file_describes_itself(tmp_path: Path) -> None:
    first = made(light(), smoothing=1)
    path = tmp_path / "toy.safetensors"
    save_integrator(path, first.network, first.spec, {"command": ["x"], "nss": 4.5})
    again = load_integrator(str(path))
    assert again.spec == first.spec and again.facts["nss"] == 4.5
    maps = cue_maps(4)
    assert again.fuse(maps).saliency == pytest.approx(first.fuse(maps).saliency, abs=2e-4)


def published_file(tmp_path: Path, change: dict | None = None, prefix: str = "") -> tuple[Gasp, Path]:
    network = build(published("GASPEncGMUConv", modalities=2))
    state = {prefix + key: value for key, value in network.state_dict().items()} | (change or {})
    torch.save(state, tmp_path / "last_model.pt")
    return network, tmp_path / "last_model.pt"


def test_published_checkpoints_load_with_and_without_prefix(tmp_path: Path) -> None:
    network, path = published_file(tmp_path, prefix="module.")
    fresh = build(network.config)
    load_published(fresh, path)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), fresh.parameters(), strict=True))


def test_a_checkpoint_of_another_class_is_refused_by_name(tmp_path: Path) -> None:
    _, path = published_file(tmp_path, {"gmu.extra": torch.zeros(1)})
    with pytest.raises(UsageError, match=r"1 keys unexpected \(gmu.extra\)"):
        load_published(build(published("GASPEncGMUConv", modalities=2)), path)
    with pytest.raises(UsageError, match="of another shape"):
        load_published(build(published("GASPEncGMUConv", modalities=3)), path)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (tmp_path.joinpath("ran").touch, ())

    torch.save({"x": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(UsageError, match="not a readable checkpoint"):
        load_published(build(light()), tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_damaged_files_give_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nonsense")
    with pytest.raises(UsageError, match="not an integrator file"):
        open_integrator(path)
    with pytest.raises(UsageError, match="no such integrator file"):
        load_integrator(str(tmp_path / "absent.safetensors"))


def test_the_embedded_integrator_loads() -> None:
    integrator = load_integrator("embedded")
    assert integrator.network.config.modalities == len(integrator.spec.cues) == 5
