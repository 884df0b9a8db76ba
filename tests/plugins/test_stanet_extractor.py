"""STANet as an extractor: which frames and sounds it takes, which map it shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gazenet.cues.extractor import VideoContext, Windows
from gazenet.errors import UsageError
from gazenet.media.frames import Waveform
from gazenet_plugins.stanet import extractor
from gazenet_plugins.stanet.spec import SPEC
from gazenet_plugins.stanet.sta import STA28, STA32
from gazenet_plugins.stanet.switch import AudioSwitch
from gazenet_plugins.stanet.trunks import SMALL

SIDE = 8
MAP = (4, 6)


class Told(nn.Module):
    """Stands in for a network: every output is a ramp, and it keeps what it was given."""

    outputs = 6
    switched = True

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Any] = []

    def forward(self, images: Any, audios: Any, switches: Any = ()) -> tuple[torch.Tensor, ...]:
        self.given = [images, audios, switches]
        ramp = torch.linspace(-2, 2, SIDE).view(1, 1, 1, SIDE).expand(len(images[0]), 1, SIDE, SIDE)
        return tuple(ramp - number for number in range(self.outputs))


class Told28(Told, STA28):
    """The same, known as the version with 28 channels."""

    outputs = 9

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.given, self.switched = [], True


def loaded(monkeypatch: pytest.MonkeyPatch, network: nn.Module, **parameters: Any) -> Any:
    monkeypatch.setattr(extractor, "load_saliency", lambda path: network)
    made = extractor.VisualAuditorySaliency(**{"weights": "given", **parameters})
    made.load(torch.device("cpu"), torch.float32, lambda asset: Path(asset))
    return made


def windows(rate: float, index: int = 100) -> Windows:
    """One window whose frames show their own number."""
    numbers = np.clip(np.arange(index - 30, index + 31), 0, 1000)
    frames = torch.from_numpy(numbers.astype(np.uint8))[None, :, None, None, None].expand(1, 61, 3, SIDE, SIDE)
    return Windows(np.array([index]), numbers[None] / rate, (SIDE, SIDE), MAP, 30, frames)


def numbers_of(images: list[torch.Tensor]) -> list[int]:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (SPEC.input.mean, SPEC.input.std))  # type: ignore[union-attr]
    return [round(float(((image * std + mean) * 255).mean())) for image in images]


def context(seconds: float | None) -> VideoContext:
    if seconds is None:
        return VideoContext("made-up", SIDE, SIDE, 25.0, None)
    samples = np.random.default_rng(0).standard_normal((1, int(seconds * 16_000))).astype(np.float32) * 0.1
    return VideoContext("made-up", SIDE, SIDE, 25.0, Waveform(samples, 16_000))


@pytest.mark.parametrize(
    ("kind", "mode", "frames", "shown", "sounds"),
    [
        (Told, "corrected", [75, 100, 125], 3, (0, 1, 2)),
        (Told, "published", [75, 100, 125], 2, (2, 1, 2)),
        (Told28, "corrected", [100, 75, 125], 2, (1, 0, 2)),
        (Told28, "published", [100, 75, 125], 5, (1, 0, 2)),
    ],
)
def test_frames_sounds_and_the_map_shown(
    kind: type[Told],
    mode: str,
    frames: list[int],
    shown: int,
    sounds: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = kind()
    made = loaded(monkeypatch, network, mode=mode)
    made.begin(context(8.0))
    out = made.extract(windows(25.0))
    assert numbers_of(network.given[0]) == frames
    track = context(8.0).waveform
    starts = [frame / 25 - 0.5 for frame in (75, 100, 125)]
    for given, which in zip(network.given[1], sounds, strict=True):
        wanted = extractor.sound.spectrogram(extractor.sound.second_at(track, starts[which]))
        np.testing.assert_allclose(given[0].numpy(), wanted, rtol=1e-5, atol=1e-5)
    ramp = torch.sigmoid(torch.linspace(-2, 2, SIDE) - shown)
    ramp = torch.round(ramp / ramp.max() * 255) / 255 if mode == "published" else ramp / ramp.max()
    wide = nn.functional.interpolate(ramp.view(1, 1, 1, SIDE), (1, MAP[1]), mode="bilinear", antialias=True)
    torch.testing.assert_close(out.maps, wide[0].expand(1, *MAP), atol=1e-5, rtol=0)
    assert out.records == [{"sound": True}]


@pytest.mark.parametrize(
    ("rate", "gap", "index", "frames"),
    [(25.0, 1.0, 10, [0, 10, 35]), (60.0, 1.0, 100, [70, 100, 130]), (10.0, 0.5, 100, [95, 100, 105])],
)
def test_neighbours_are_as_near_to_a_second_away_as_the_window_allows(
    rate: float, gap: float, index: int, frames: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Told()
    made = loaded(monkeypatch, network, gap=gap)
    made.begin(context(None))
    made.extract(windows(rate, index))
    assert numbers_of(network.given[0]) == frames


def test_silence_switches_the_sound_off(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Told28()
    made = loaded(monkeypatch, network)
    for seconds, on in ((None, 0.0), (8.0, 1.0)):
        made.begin(context(seconds))
        out = made.extract(windows(25.0))
        assert [float(switch) for switch in network.given[2]] == [on] * 3
        assert out.records == [{"sound": bool(on)}]


class Doubting(nn.Module):
    """A switch that is on where the picture is bright."""

    def forward(self, audio: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return image.mean((1, 2, 3))[:, None].repeat(1, 2)


def test_the_audio_switch_decides_for_each_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Told28()
    monkeypatch.setattr(extractor, "load_switch", lambda path: Doubting())
    made = loaded(monkeypatch, network, switch="switch.pth")
    made.begin(context(8.0))
    out = made.extract(windows(25.0, 110))
    assert [float(switch) for switch in network.given[2]] == [0.0, 0.0, 1.0]
    assert out.records == [{"sound": False}]
    with pytest.raises(UsageError, match="has no switch"):
        loaded(monkeypatch, Told(), switch="switch.pth")


@pytest.mark.parametrize("parameters", [{"mode": "best"}, {"gap": 0.0}, {"gap": float("nan")}])
def test_wrong_parameters_are_named(parameters: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(parameters))):
        extractor.VisualAuditorySaliency(**parameters)


def test_the_asset_is_asked_for_only_without_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(extractor, "load_saliency", lambda path: asked.append(str(path)) or Told())
    for weights in ("mine.pth", ""):
        made = extractor.VisualAuditorySaliency(weights)
        made.load(torch.device("cpu"), torch.float32, lambda asset: Path("asset") / asset)
    assert asked == ["mine.pth", "asset/stanet"]


def test_a_whole_run_with_a_real_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network = STA28(trunk=SMALL).eval()
    made = loaded(monkeypatch, network)
    made.begin(context(4.0))
    frames = torch.randint(0, 256, (1, 61, 3, 356, 356), dtype=torch.uint8)
    times = (np.arange(61) / 25)[None]
    out = made.extract(Windows(np.array([30]), times, (356, 356), MAP, 30, frames))
    assert out.maps.shape == (1, *MAP) and float(out.maps.max()) <= 1 and float(out.maps.min()) >= 0


def test_a_real_switch_fits_the_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extractor, "load_switch", lambda path: AudioSwitch(16, SMALL).eval())
    network = Told28()
    made = loaded(monkeypatch, network, switch="switch.pth")
    made.begin(context(4.0))
    made.extract(windows(25.0))
    assert {float(switch) for switch in network.given[2]} <= {0.0, 1.0}


@pytest.mark.parametrize("build", [STA32, pytest.param(STA28, marks=pytest.mark.slow)])
def test_the_network_by_itself_gives_the_map_shown(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build(trunk=SMALL).eval()
    made = loaded(monkeypatch, network)
    lent = made.exportable()
    alone, examples = lent.network, lent.examples
    assert len(examples) == (9 if build is STA28 else 6)
    groups = [examples[start : start + 3] for start in range(0, len(examples), 3)]
    with torch.no_grad():
        wanted = torch.sigmoid(network(*groups)[2 if build is STA28 else 3])
        assert torch.equal(alone(*examples), wanted)


@pytest.mark.slow
@pytest.mark.parametrize("build", [STA32, STA28])
def test_the_network_can_be_exported(build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxscript")
    from gazenet.export.onnx_export import GraphForm, export_onnx

    lent = loaded(monkeypatch, build(trunk=SMALL).eval()).exportable()
    report = export_onnx(lent.network, lent.examples, tmp_path / "sta.onnx", GraphForm(inputs=lent.inputs))
    assert report.differences[0].relative < 1e-4 and not report.unfit
