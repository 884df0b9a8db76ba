"""Variants of the DeepLab saliency: their parts, their checkpoints, what they begin with, and the extractor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.assets import asset_path
from gazenet.backbones.onnx_graph import OnnxNetwork
from gazenet.cues.extractor import VideoContext, Windows
from gazenet.errors import UsageError
from gazenet_plugins.deeplab_saliency.checkpoint import begin_with, container, load_saliency
from gazenet_plugins.deeplab_saliency.extractor import DeepLabSaliencyMaps
from gazenet_plugins.deeplab_saliency.network import MEAN, STD, DeepLabSaliency, normalised
from gazenet_plugins.deeplab_saliency.trunks import ThinResNet, WindowFusion, load_onnx
from gazenet_plugins.deeplab_saliency.variant import PUBLISHED, REACH, Variant

TAPS = ("/Relu_21_output_0", "/Relu_39_output_0", "/Relu_48_output_0")
SIZE = (24, 32)


def thin(**options: Any) -> Variant:
    return Variant(trunk="resnet50_thin", **options)


def parameters(variant: Variant) -> int:
    with torch.device("meta"):
        return sum(one.numel() for one in DeepLabSaliency(variant=variant).parameters())


def test_what_a_variant_adds_is_counted() -> None:
    published = 39_430_945
    assert parameters(PUBLISHED) == published
    with torch.device("meta"):
        assert len(DeepLabSaliency().state_dict()) == 374
    assert parameters(Variant(dropout=0.5)) == published
    assert parameters(Variant(skips=True)) == published + 512 * 256 + 2 * 256 + 256 * 128 + 2 * 128
    assert parameters(Variant(frames=3)) == published + 2048 * (3 + 1)
    # A trunk of half the width has its own sum; all the pyramid's views see half of the channels.
    with torch.device("meta"):
        trunks = [
            sum(p.numel() for p in DeepLabSaliency(variant=one).backbone.parameters()) for one in (thin(), Variant())
        ]
    views = (1 + 3 * 9 + 1) * 256 * 1024
    assert parameters(thin()) == published - trunks[1] + trunks[0] - views
    assert trunks[1] == 23_508_032


@pytest.mark.parametrize("options", [{}, {"skips": True}, {"frames": 2}, {"skips": True, "frames": 3, "dropout": 0.5}])
def test_every_variant_gives_maps_of_the_pictures_size(options: dict[str, Any]) -> None:
    variant = thin(**options)
    network = DeepLabSaliency(variant=variant).eval()
    frames = torch.randn(2, variant.frames, 3, *SIZE)
    with torch.inference_mode():
        maps = network(frames if variant.frames > 1 else frames[:, 0])
        alone = network(frames[:, -1])
    assert maps.shape == alone.shape == (2, 1, *SIZE) and 0 <= float(maps.min()) <= float(maps.max()) <= 1
    with pytest.raises(ValueError, match="both sides must be divisible by 8"):
        network(torch.zeros(1, 3, 20, 32))


def test_skip_connections_and_dropout_do_something() -> None:
    torch.manual_seed(0)
    network = DeepLabSaliency(variant=thin(skips=True, dropout=0.5)).eval()
    frame = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        maps = network(frame)
        assert torch.equal(maps, network(frame))
        assert network.dropout is not None and network.skip8 is not None and network.skip4 is not None
        network.dropout.train()
        assert not torch.equal(maps, network(frame))
        network.dropout.eval()
        for skip in (network.skip8, network.skip4):
            skip.project[1].bias.fill_(-100.0)
            assert not torch.equal(maps, network(frame))
            skip.project[1].bias.zero_()


def test_a_fused_window_begins_as_its_last_frame_and_can_see_the_others() -> None:
    fusion = WindowFusion(4, 3)
    x = torch.randn(2, 3, 4, 5, 6)
    assert torch.equal(fusion(x), x[:, -1])
    with torch.no_grad():
        fusion.mix.weight[:, :, 0] = 0.5
    assert torch.allclose(fusion(x), x[:, -1] + 0.5 * x[:, 0])


@pytest.mark.parametrize("variant", [PUBLISHED, thin(skips=True, frames=3, spacing=2, dropout=0.1)])
def test_a_checkpoint_says_which_variant_it_is_of(variant: Variant, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = DeepLabSaliency(variant=variant)
    content = container(network.state_dict(), variant)
    assert ("variant" in content) == (variant != PUBLISHED)
    torch.save(content, tmp_path / "weights.pth")
    found = load_saliency(tmp_path / "weights.pth")
    assert found.variant == variant and not found.training
    state = network.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in found.state_dict().items())


def test_checkpoints_that_declare_something_else_are_refused(tmp_path: Path) -> None:
    state = {"conv4.bias": torch.zeros(1)}
    for declared, message in (
        ({"trunk": "vgg"}, "variant.trunk: Input should be"),
        ({"attention": True}, "variant.attention: Extra inputs are not permitted"),
        ({"trunk": "resnet50_thin"}, "is not a checkpoint of DeepLabSaliency"),
        ("thin", "variant: Input should be"),
    ):
        torch.save({"variant": declared, "state_dict": state}, tmp_path / "wrong.pth")
        with pytest.raises(UsageError, match=f"wrong.pth: .*{message}"):
            load_saliency(tmp_path / "wrong.pth")


def test_a_training_begins_with_a_checkpoint_of_the_same_trunk(tmp_path: Path) -> None:
    torch.manual_seed(0)
    before, network = DeepLabSaliency(variant=thin(skips=True)), DeepLabSaliency(variant=thin(frames=2))
    torch.save(container(before.state_dict(), before.variant), tmp_path / "own.pth")
    fused = {key: value.clone() for key, value in network.state_dict().items() if key.startswith("window.")}
    begin_with(network, tmp_path / "own.pth")
    for key, value in network.state_dict().items():
        assert torch.equal(value, fused[key] if key in fused else before.state_dict()[key]), key
    with torch.device("meta"):
        other = DeepLabSaliency()
    with pytest.raises(UsageError, match=r"own\.pth: is not a checkpoint of DeepLabSaliency"):
        begin_with(other, tmp_path / "own.pth")
    with pytest.raises(UsageError, match=r"a\.onnx: fits network\.trunk resnet50_thin, not resnet50"):
        begin_with(other, tmp_path / "a.onnx")


def graph_file(path: Path, kernels: list[list[np.ndarray]]) -> Path:
    """An ONNX file whose graph is a row of convolutions, each with an addition, a subtraction, and so on."""
    from onnx import TensorProto, helper, numpy_helper, save

    nodes, constants, last = [], [], "x"
    for number, values in enumerate(kernels):
        for kind, value in zip(("Conv", "Add", "Sub", "Mul", "Add"), values, strict=True):
            name = f"{number}_{len(nodes)}"
            constants.append(numpy_helper.from_array(value.astype(np.float32), f"c{name}"))
            nodes.append(helper.make_node(kind, [last, f"c{name}"], [f"y{name}"]))
            last = f"y{name}"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", last)]
    save(helper.make_model(helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)), str(path))
    return path


def test_the_graph_of_another_network_is_refused(tmp_path: Path) -> None:
    trunk = ThinResNet(MEAN, STD)
    one = [np.zeros((64, 3, 7, 7)), *(np.zeros((1, 1, 1, 64)) for _ in range(4))]
    with pytest.raises(UsageError, match=r"few\.onnx: is no thin ResNet-50"):
        load_onnx(trunk, graph_file(tmp_path / "few.onnx", [one, one]))
    with pytest.raises(UsageError, match=r"same\.onnx: is not a checkpoint of ThinResNet"):
        load_onnx(trunk, graph_file(tmp_path / "same.onnx", [one] * 53))
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(UsageError, match=r"text\.onnx: not an ONNX file"):
        load_onnx(trunk, tmp_path / "text.onnx")
    with pytest.raises(UsageError, match=r"none\.onnx: no such file"):
        load_onnx(trunk, tmp_path / "none.onnx")


def test_the_thin_trunk_computes_what_its_graph_does() -> None:
    """At the cells that both have: the trunk here keeps a stride of 8."""
    try:
        path = asset_path("open_nsfw")
    except UsageError as error:
        pytest.skip(str(error))
    trunk = ThinResNet(MEAN, STD).eval()
    load_onnx(trunk, path)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    theirs = (image[..., ::-1] - np.array([104, 117, 123], np.float32))[None]
    wanted = OnnxNetwork(path, free={0: (1, 2)}, outputs=TAPS)(theirs)
    with torch.inference_mode():
        found = trunk.stages(normalised(torch.from_numpy(image.copy()).permute(2, 0, 1)[None]))
    for mine, other, step in zip(found[1:], wanted, (1, 2, 4), strict=True):
        other = other if other.shape[1] == mine.shape[1] else other.transpose(0, 3, 1, 2)
        assert np.abs(mine[:, :, ::step, ::step].numpy() - other).max() < 1e-4


def test_the_extractor_gives_a_window_the_frames_it_wants(tmp_path: Path) -> None:
    torch.manual_seed(0)
    variant = thin(frames=3, spacing=2)
    network = DeepLabSaliency(variant=variant)
    assert network.window is not None
    torch.nn.init.uniform_(network.window.mix.weight)
    torch.save(container(network.state_dict(), variant), tmp_path / "weights.pth")
    extractor = DeepLabSaliencyMaps(weights=str(tmp_path / "weights.pth"))

    def none_wanted(asset: str) -> Path:
        raise AssertionError(asset)

    extractor.load(torch.device("cpu"), torch.float32, none_wanted)
    extractor.begin(VideoContext("ab", *SIZE, 25.0, None))
    frames = torch.randint(0, 256, (2, REACH + 1, 3, *SIZE), dtype=torch.uint8)

    def maps(given: torch.Tensor) -> torch.Tensor:
        times = np.zeros((2, REACH + 1))
        windows = Windows(np.array([8, 9]), times, SIZE, SIZE, REACH, given, [], {})
        return extractor.extract(windows).maps

    with torch.inference_mode():
        wanted = network.eval()(normalised(frames[:, 4::2]))[:, 0]
    assert torch.allclose(maps(frames), wanted / wanted.amax((1, 2), keepdim=True), atol=1e-5)
    for number in range(REACH + 1):
        changed = frames.clone()
        changed[:, number] = 255 - changed[:, number]
        assert torch.equal(maps(changed), maps(frames)) == (number not in (4, 6, 8)), number
