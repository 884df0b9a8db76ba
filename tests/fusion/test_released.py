"""The released integrators by name, declarations of what each cue looks like, checkpoints that declare their cues."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.assets.asset_store import installed_catalogue
from gazenet.config.picture_names import published_stems
from gazenet.cues.registry import discover, get
from gazenet.errors import UsageError
from gazenet.fusion.gasp import build
from gazenet.fusion.gasp_config import published
from gazenet.fusion.gasp_integrator import GaspIntegrator, load_gasp
from gazenet.fusion.gasp_spec import PICTURE, GaspSpec
from gazenet.fusion.integrator_files import NETWORK, SPEC, open_integrator
from gazenet.fusion.network_input import network_input
from gazenet.fusion.released_integrators import RELEASED

FIVE = ("captured", "dave", "esr9", "videogaze", "gaze360")


def test_all_five_are_installed_under_their_names() -> None:
    found = discover("gazenet.integrators", GaspSpec).usable
    assert {spec.name: found[spec.name].spec for spec in RELEASED} == {spec.name: spec for spec in RELEASED}
    assert {spec.name: spec.cues for spec in RELEASED} == {
        "seqdamalstmgmu": FIVE,
        "seqdamalstmgmu_110nofer": ("captured", "dave", "videogaze", "gaze360"),
        "seqdamalstmgmu_101nogf": ("captured", "dave", "esr9", "gaze360"),
        "seqdamgmualstm": FIVE,
        "damgmu": FIVE,
    }


@pytest.mark.parametrize("spec", RELEASED, ids=lambda spec: spec.name)
def test_each_is_in_the_catalogue_under_its_alias(spec: GaspSpec) -> None:
    asset = installed_catalogue().get(spec.asset)
    assert asset.id == spec.asset and spec.name in asset.aliases
    assert spec.network in asset.id.split("/") and spec.pictured == spec.cues
    assert all(get(cue).spec.pictures_with({"mode": "published"}) for cue in spec.cues)


def absent(asset_id: str) -> Path:
    raise UsageError(f"weights '{asset_id}' are missing; run: fetch {asset_id}")


def saved(path: Path, name: str, cues: int, **extra: object) -> Path:
    network = build(published(name, modalities=cues, sequence_len=10, sequence_norm=True))
    torch.save({"state_dict": network.state_dict(), **extra} if extra else network.state_dict(), path)
    return path


def test_missing_weights_are_told_with_the_way_to_get_them() -> None:
    with pytest.raises(UsageError, match=r"^integrator damgmu: weights '(.*)' are missing; run: fetch \1$"):
        load_gasp("damgmu", asset_path=absent)
    with pytest.raises(UsageError, match="integrator damgmu: name the file of its weights"):
        load_gasp("damgmu")


def test_weights_come_from_the_catalogue_or_from_a_path(tmp_path: Path) -> None:
    path = saved(tmp_path / "last_model.pt", "GASPDAMEncGMUConv", 5)
    for loaded in (
        load_gasp("damgmu", asset_path=lambda asset_id: tmp_path),
        load_gasp("damgmu", weights=str(tmp_path), asset_path=absent),
        load_gasp("damgmu", weights=str(path), asset_path=absent),
    ):
        assert loaded.file == path and loaded.network.config == published("GASPDAMEncGMUConv")
    with pytest.raises(UsageError, match=r"its weights .*none\.pt are missing; name the file of a training"):
        load_gasp("damgmu", weights=str(tmp_path / "none.pt"))
    with pytest.raises(UsageError, match="is a file of weights itself"):
        load_gasp(str(path), weights=str(path))


def test_weights_of_another_class_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "last_model.pt", "GASPDAMEncGMUALSTMConv", 5)
    with pytest.raises(UsageError, match="holds another network than GASPDAMEncGMUConv, which damgmu is"):
        load_gasp("damgmu", weights=str(path))


def declared(**fields: object) -> GaspSpec:
    return GaspSpec.model_validate({"name": "own", "rendering": "published", "input_size": (16, 16), **fields})


def test_stems_lead_to_the_extractors_that_make_their_pictures() -> None:
    spec = declared(cues=published_stems("tased")).on_extractors()
    assert spec.cues == ("captured", "tased", "esr9", "videogaze", "gaze360") and spec.pictured == spec.cues
    assert declared(cues=("saliency", "captured")).renderings == ("jet", PICTURE)
    mixed = declared(cues=("saliency", "dave"), colours=("bone", PICTURE)).on_extractors()
    assert mixed.renderings == ("bone", PICTURE) and mixed.pictured == ("dave",)
    scalar = GaspSpec(name="own", cues=("saliency", "captured"))
    assert scalar.on_extractors() == scalar and scalar.pictured == ()
    with pytest.raises(ValueError, match="dave would be several of them"):
        declared(cues=("dave", "det_transformed_dave")).on_extractors()


def test_maps_do_not_pass_for_pictures() -> None:
    spec, maps = declared(cues=("dave",), colours=(PICTURE,)), np.zeros((1, 16, 16), np.uint8)
    with pytest.raises(UsageError, match="own takes coloured pictures of dave, not its maps"):
        network_input({"dave": maps}, spec, torch.device("cpu"))


def test_larger_pictures_are_reduced_without_smoothing() -> None:
    pixel = np.zeros((1, 64, 64, 3), np.uint8)
    pixel[0, 0, 0] = 255  # between the places at which the smaller picture looks
    found = network_input({"dave": pixel}, declared(cues=("dave",), colours=(PICTURE,)), torch.device("cpu"))
    assert torch.equal(found[0, 0], found[0, 0, :1, :1].expand(16, 16))


def test_a_checkpoint_of_a_training_is_an_integrator(tmp_path: Path) -> None:
    config = published("GASPDAMEncGMUConv", modalities=2)
    spec = declared(cues=("saliency", "gaze_direction"), output="stretched")
    state = {f"network.{key}": value for key, value in build(config).state_dict().items()}
    content = {"state_dict": state, "epoch": 1, NETWORK: config.as_dict(), SPEC: spec.model_dump_json()}
    torch.save(content, tmp_path / "last.ckpt")
    network, stored, _ = open_integrator(tmp_path / "last.ckpt")
    assert (network.config, stored) == (config, spec)
    assert load_gasp(str(tmp_path / "last.ckpt")).fuse(
        {cue: np.full((2, 16, 16), 90, np.uint8) for cue in spec.cues}
    ).saliency.shape == (2, 8, 8)
    torch.save({**content, SPEC: "{}"}, tmp_path / "bad.ckpt")
    with pytest.raises(UsageError, match=r"bad\.ckpt: its description cannot be read"):
        open_integrator(tmp_path / "bad.ckpt")


def test_bare_weights_name_the_file_beside_them(tmp_path: Path) -> None:
    path = saved(tmp_path / "last_model.pt", "GASPDAMEncGMUConv", 5)
    with pytest.raises(UsageError, match=r"holds weights only, not their cues; name the integrator\.safetensors of"):
        load_gasp(str(path))
    (tmp_path / "integrator.safetensors").write_bytes(b"")
    with pytest.raises(UsageError, match=rf"name {tmp_path}/integrator\.safetensors, or an installed integrator"):
        load_gasp(str(path))


def test_stretched_maps_reach_from_0_to_1() -> None:
    torch.manual_seed(0)
    network = build(published("GASPEncGMUConv", modalities=1)).eval()
    spec = declared(cues=("saliency",), output="stretched")
    maps = np.random.default_rng(0).integers(0, 256, (3, 16, 16), np.uint8)
    fused = GaspIntegrator(network, spec, torch.device("cpu"), {}).fuse({"saliency": maps}).saliency
    assert (fused.min((1, 2)) == 0).all() and (fused.max((1, 2)) == 1).all()
