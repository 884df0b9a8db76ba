"""DeepLab saliency: equal to the goldens, loads what is published, judged as published, a good extractor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gazenet.errors import UsageError
from gazenet.testing.goldens import Golden, filled, filled_state, find, judge
from gazenet_plugins.deeplab_saliency import extractor
from gazenet_plugins.deeplab_saliency.checkpoint import load_saliency, load_segmentation
from gazenet_plugins.deeplab_saliency.losses import divergence
from gazenet_plugins.deeplab_saliency.network import DeepLabSaliency

GOLDENS = sorted(find([Path(__file__).parents[1] / "data" / "goldens" / "deeplab"]), key=lambda golden: golden.name)


def marked(golden: Golden) -> object:
    slow = [pytest.mark.slow] if "216" in golden.name else []
    return pytest.param(golden, id=golden.path.stem, marks=slow)


@pytest.mark.parametrize("golden", [marked(golden) for golden in GOLDENS])
def test_golden(golden: Golden) -> None:
    verdict = judge(golden, 1e-4)
    assert verdict.state == "pass", verdict.reason


def changed(golden: Golden, **options: Any) -> Golden:
    return Golden(golden.path, {**golden.meta, "config": {**golden.meta["config"], **options}})


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"upsample": "nearest"}, marks=pytest.mark.slow),
        pytest.param({"rates": [6, 12, 18]}, marks=pytest.mark.slow),
        pytest.param({"align_corners": True}, marks=pytest.mark.slow),
    ],
)
def test_every_option_of_a_golden_counts(options: dict[str, Any]) -> None:
    verdict = judge(changed(GOLDENS[0], **options), 1e-4)
    assert verdict.state == "fail" and verdict.error is not None and verdict.error > 1e-3


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"upsample": "lanczos"}, {"size": [64, 64]}])
def test_what_a_golden_may_not_ask_for(options: dict[str, Any]) -> None:
    verdict = judge(changed(GOLDENS[0], **options), 1e-4)
    assert verdict.state == "fail" and verdict.error is None


def test_sides_that_eight_does_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="60x64: both sides must be divisible by 8"):
        DeepLabSaliency()(torch.zeros(1, 3, 60, 64))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reproducible weights in a published container."""
    path = tmp_path_factory.mktemp("deeplab") / "weights.pth"
    state = filled_state(DeepLabSaliency(), "module.")
    torch.save({"epoch": 9, "state_dict": state}, path)
    return path


def test_a_checkpoint_is_loaded_whatever_it_is_wrapped_in(checkpoint: Path) -> None:
    network = load_saliency(checkpoint)
    assert not network.training
    assert all(torch.equal(value, filled(key, value)) for key, value in network.state_dict().items())


def test_a_segmentation_network_gives_backbone_and_pyramid(tmp_path: Path) -> None:
    network = DeepLabSaliency()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    theirs = {"classifier.4.weight": torch.zeros(21, 256, 1, 1), "aux_classifier.0.weight": torch.zeros(1)}
    for key, value in before.items():
        if key.startswith(("backbone.", "aspp.")):
            theirs[key.replace("aspp.", "classifier.0.")] = filled(key, value)
    torch.save(theirs, tmp_path / "deeplabv3.pth")
    load_segmentation(network, tmp_path / "deeplabv3.pth")
    for key, value in network.state_dict().items():
        kept = key.startswith("conv")
        assert torch.equal(value, before[key] if kept else filled(key, value)), key
    torch.save({"backbone.conv1.weight": theirs["backbone.conv1.weight"]}, tmp_path / "less.pth")
    with pytest.raises(UsageError, match="missing"):
        load_segmentation(network, tmp_path / "less.pth")
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match="contains no DeepLabV3"):
        load_segmentation(network, tmp_path / "other.pth")


def test_the_divergence_is_that_of_each_map_by_itself() -> None:
    target = torch.rand(2, 1, 4, 5) + 0.1
    assert float(divergence(3 * target, target)) == pytest.approx(0, abs=1e-5)
    flat = torch.ones(2, 1, 4, 5)
    q = target.flatten(1) / target.flatten(1).sum(1, keepdim=True)
    assert float(divergence(flat, target)) == pytest.approx(float((q * (q * 20).log()).sum(1).mean()), rel=1e-4)
    scaled = target * torch.tensor([1.0, 50.0]).view(2, 1, 1, 1)
    assert float(divergence(flat, scaled)) == pytest.approx(float(divergence(flat, target)), rel=1e-4)


def test_the_extractor_asks_for_its_asset_only_without_weights(checkpoint: Path) -> None:
    asked = []

    def asset_path(asset_id: str) -> Path:
        asked.append(asset_id)
        return checkpoint

    for weights in (str(checkpoint), ""):
        made = extractor.DeepLabSaliencyMaps(weights)
        made.load(torch.device("cpu"), torch.float32, asset_path)
    assert asked == ["deeplab_saliency"]


@pytest.mark.slow
def test_the_network_can_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    from gazenet.export.onnx_export import GraphForm, export_onnx

    # Weights from keys alone saturate the sigmoid.
    monkeypatch.setattr(extractor, "load_saliency", lambda path: DeepLabSaliency().eval())
    made = extractor.DeepLabSaliencyMaps("given")
    made.load(torch.device("cpu"), torch.float32, lambda asset_id: Path(asset_id))
    lent = made.exportable()
    report = export_onnx(lent.network, lent.examples, tmp_path / "deeplab.onnx", GraphForm(inputs=["image"]))
    assert report.differences[0].relative < 1e-4 and not report.unfit
