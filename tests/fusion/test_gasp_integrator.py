"""Integrator files describe themselves and are checked; rendering of maps into network input."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gazenet.backbones.checkpoint import load_published
from gazenet.errors import UsageError
from gazenet.fusion import gasp_integrator
from gazenet.fusion.gasp import Gasp, build
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES, GaspConfig, published
from gazenet.fusion.gasp_integrator import GaspIntegrator, load_gasp
from gazenet.fusion.gasp_spec import MEAN, STD, GaspSpec
from gazenet.fusion.identify_variant import recognise
from gazenet.fusion.integrator_files import open_integrator, save_integrator
from gazenet.fusion.network_input import network_input

CUES = ("a", "b")


def made(config: GaspConfig, **fields: object) -> GaspIntegrator:
    torch.manual_seed(1)
    network = build(config).eval()
    with torch.no_grad():
        # Fresh GMU weights are almost zero: make the gates say something.
        for parameter in network.parameters():
            parameter.mul_(3)
    output = "density" if config.head == "density" else "sigmoid"
    spec = GaspSpec(name="toy", cues=CUES, input_size=(16, 24), output=output, **fields)
    return GaspIntegrator(network, spec, torch.device("cpu"), {})


def cue_maps(frames: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {cue: rng.integers(0, 256, (frames, 16, 24), dtype=np.uint8) for cue in CUES}


def light() -> GaspConfig:
    return GaspConfig(encoder="Light", head="density", in_channels=1, latent=4, modalities=2, own_encoders=True)


def test_coloured_rendering_has_three_normalised_channels() -> None:
    spec = GaspSpec(name="toy", cues=CUES, rendering="published", colours=("jet", "jet"), input_size=(8, 8))
    x = network_input({cue: np.zeros((1, 8, 8), np.uint8) for cue in CUES}, spec, torch.device("cpu"))
    blue = (128 / 255 - 96.29023126 / 255) / (40.02898126 / 255)
    assert x.shape == (1, 6, 8, 8)
    assert float(x[0, 2, 0, 0]) == pytest.approx(blue, abs=0.05)


def test_a_file_describes_itself(tmp_path: Path) -> None:
    first = made(light(), smoothing=1)
    path = tmp_path / "toy.safetensors"
    save_integrator(path, first.network, first.spec, {"command": ["x"], "nss": 4.5})
    (plain := tmp_path / "plain").touch()
    assert path.stat().st_mode == plain.stat().st_mode, "readable by whom other files are"
    again = load_gasp(str(path))
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
        load_gasp(str(tmp_path / "absent.safetensors"))
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(UsageError, match="no such integrator file"):
        load_gasp(str(tmp_path / "folder.safetensors"))


@pytest.mark.parametrize("kept", [0, 7, 200, -1])
def test_truncated_files_give_one_line(tmp_path: Path, kept: int) -> None:
    first = made(light())
    own, released = tmp_path / "toy.safetensors", published_file(tmp_path)[1]
    save_integrator(own, first.network, first.spec, {})
    for path in (own, released):
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(UsageError) as caught:
            open_integrator(path, declared(2))
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_without_a_header_says_what_is_absent(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(2)}, tmp_path / "bare.safetensors")
    with pytest.raises(UsageError, match="its header has no 'config'"):
        load_gasp(str(tmp_path / "bare.safetensors"))


def declared(cues: int, **fields: object) -> GaspSpec:
    values = {"rendering": "published", "output": "sigmoid", "input_size": (16, 24), **fields}
    return GaspSpec(name="toy", cues=tuple("abcde"[:cues]), **values)


@pytest.mark.parametrize("encoder", ["Conv", "Deep"])
@pytest.mark.parametrize("name", PUBLISHED_CLASSES)
def test_published_members_are_recognised_by_their_keys(name: str, encoder: str) -> None:
    config = published(name, modalities=2, encoder=encoder)
    assert recognise(build(config).state_dict(), 2) == config


def test_the_context_of_a_normalised_network_is_in_its_weights() -> None:
    config = published("SequenceGASPDAMEncALSTMGMUConv", modalities=2, sequence_len=6, sequence_norm=True)
    assert recognise(build(config).state_dict(), 2) == config


def test_weights_of_something_else_are_not_recognised() -> None:
    with pytest.raises(ValueError, match="no published encoder"):
        recognise({"fc.weight": torch.zeros(1, 1)}, 2)
    state = build(published("GASPEncConv", modalities=2)).state_dict()
    with pytest.raises(ValueError, match="no unit that fuses"):
        recognise({key: value for key, value in state.items() if "saliency_in" not in key}, 2)


class Entry(NamedTuple):
    spec: GaspSpec


def test_an_installed_declaration_makes_a_published_checkpoint_an_integrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, path = published_file(tmp_path)
    spec = declared(2, weights=str(path))
    monkeypatch.setattr(gasp_integrator, "get", lambda *_: Entry(spec))
    loaded = load_gasp("toy")
    assert loaded.network.config == network.config and loaded.spec is spec
    maps = {cue: np.full((3, 20, 20), 40 * k + 9, np.uint8) for k, cue in enumerate(spec.cues)}
    fused = loaded.fuse(maps)
    assert fused.saliency.shape == (3, 8, 12) and fused.gates.shape == (3, 2)
    path.unlink()
    with pytest.raises(UsageError, match=r"integrator toy: its weights .* are missing"):
        load_gasp("toy")


def test_weights_without_a_declaration_are_refused(tmp_path: Path) -> None:
    _, path = published_file(tmp_path)
    with pytest.raises(UsageError, match="holds weights only"):
        load_gasp(str(path))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"cues": ("a", "b", "c")}, "fuses 2 cues, but toy declares 3"),
        ({"rendering": "published"}, "takes 1 channels per cue, rendering published gives 3"),
        ({"output": "sigmoid"}, "ends in density, but toy declares the output sigmoid"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(tmp_path: Path, fields: dict, message: str) -> None:
    first = made(light())
    save_integrator(tmp_path / "toy.safetensors", first.network, first.spec.model_copy(update=fields), {})
    with pytest.raises(UsageError, match=message):
        load_gasp(str(tmp_path / "toy.safetensors"))


def test_unknown_names_and_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="unknown integrator 'embeded'; did you mean 'embedded'"):
        load_gasp("embeded")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no CUDA device"):
        load_gasp("embedded", "cuda:0")


def test_the_embedded_integrator_works() -> None:
    loaded = load_gasp("embedded")
    maps = {cue: np.zeros((3, 27, 48), np.uint8) for cue in loaded.spec.cues}
    for k in range(3):
        maps["saliency"][k, 10:14, 10 + 8 * k : 14 + 8 * k] = 255
    fused = loaded.fuse(maps)
    assert fused.saliency.shape == (3, *loaded.spec.input_size) and fused.gates.shape == (3, 5)
    assert np.isfinite(fused.saliency).all() and fused.saliency.sum((1, 2)) == pytest.approx(np.ones(3), abs=1e-3)


def test_colours_are_one_per_cue() -> None:
    with pytest.raises(ValueError, match="1 colours for 2 cues"):
        declared(2, colours=("jet",))


def test_coloured_maps_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)
    x = network_input({"a": picture}, declared(1), torch.device("cpu"))
    want = (picture[1, 3, 5] / 255 - np.array(MEAN)) / np.array(STD)
    assert x[1, :, 3, 5].numpy() == pytest.approx(want, rel=1e-5)


def test_the_embedded_integrator_loads() -> None:
    integrator = load_gasp("embedded")
    assert integrator.network.config.modalities == len(integrator.spec.cues) == 5


def test_the_bytes_of_a_file_depend_on_its_content_alone(tmp_path: Path) -> None:
    subject = made(GaspConfig(order=("gmu",), modalities=2, in_channels=1, latent=4, encoder="Light", head="density"))
    files = [tmp_path / f"{number}.safetensors" for number in range(8)]
    for path in files:
        save_integrator(path, subject.network, subject.spec, {"command": ["ä"], "scores": {}})
    assert len({path.read_bytes() for path in files}) == 1
    network, spec, facts = open_integrator(files[0])
    assert spec == subject.spec and facts == {"command": ["ä"], "scores": {}}
    weights = network.state_dict()
    assert all(torch.equal(value.half(), weights[k].half()) for k, value in subject.network.state_dict().items())
