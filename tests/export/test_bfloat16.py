"""Networks in bfloat16: near to themselves in single precision, islands kept, refused where it would be slower."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import pytest
import torch
from lent_networks import DISTINCT, NETWORKS, gasp
from torch import Tensor, nn

from gazenet.backbones import bfloat16
from gazenet.backbones.bfloat16 import has_bfloat16, in_bfloat16
from gazenet.config.runtime import RuntimeConfig
from gazenet.cues.exportable import Call, Exportable
from gazenet.errors import UsageError
from gazenet.export import backend as room
from gazenet.export.backend import BackendOwner, attach_backend
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES

CPU = torch.device("cpu")
BRIEF = RuntimeConfig(precision="bf16")
OWNER = BackendOwner("toy", {})

NEAR = 0.05
"""Of the largest value, in the mean."""

ROUGH = {"gaze360": 0.1}
FAST = ("esr9", "active_speaker")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm, self.head = nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(self.norm(self.first(x)).relu().mean((2, 3)))
        return found


class Toy:
    def __init__(self) -> None:
        self.network = Small().eval()
        self.run: Call = lambda x: None

    def exportable(self, size: tuple[int, int] | None = None) -> Exportable:
        use = partial(setattr, self, "run")
        return Exportable(self.network, (torch.rand(2, 3, 9, 9),), use=use, single=("head",))


class Geometry:
    not_exportable = "geometry without a network"


@pytest.fixture
def capable(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch computes it on every processor; whether that is quick does not matter here."""
    monkeypatch.setattr(room, "has_bfloat16", lambda device: True)


@pytest.mark.usefixtures("capable")
def test_layers_work_in_bfloat16_but_for_those_that_decide(tmp_path: Path) -> None:
    toy, x = Toy(), torch.rand(4, 3, 9, 9)
    with torch.inference_mode():
        wanted = toy.network(x)
        attach_backend(OWNER, toy, BRIEF, tmp_path, CPU)
        found = toy.run(x)
        assert found.dtype == torch.float32 and not torch.equal(found, wanted)
        torch.testing.assert_close(found, wanted, atol=0.01, rtol=0)
        inner = torch.rand(2, 8)
        assert torch.equal(toy.network.head(inner), nn.functional.linear(inner, *toy.network.head.parameters()))
        assert not torch.equal(toy.network.first(x), nn.functional.conv2d(x, toy.network.first.weight))
        attach_backend(OWNER, toy, BRIEF, tmp_path, CPU)
        assert torch.equal(toy.run(x), found) and not list(tmp_path.iterdir())


def test_refusals_name_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "has_bfloat16", lambda device: False)
    with pytest.raises(UsageError, match=r"toy: precision bf16: cpu lacks instructions for it \(AVX512-BF16"):
        attach_backend(OWNER, Toy(), BRIEF, tmp_path, CPU)
    monkeypatch.setattr(room, "has_bfloat16", lambda device: True)
    with pytest.raises(UsageError, match="toy: bf16: cannot be exported: geometry without a network"):
        attach_backend(OWNER, Geometry(), BRIEF, tmp_path, CPU)


def test_the_processor_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for avx, amx in ((True, False), (False, True), (False, False)):
        monkeypatch.setattr(bfloat16.torch.cpu, "_is_avx512_bf16_supported", lambda found=avx: found)
        monkeypatch.setattr(bfloat16.torch.cpu, "_is_amx_tile_supported", lambda found=amx: found)
        assert has_bfloat16(CPU) is (avx or amx)


def near(lent: Exportable, limit: float) -> None:
    with torch.inference_mode():
        wanted = lent.network(*lent.examples)
        in_bfloat16(lent.network, lent.single)
        found = lent.network(*lent.examples)
    told = ([one] if isinstance(one, Tensor) else list(one) for one in (wanted, found))
    for a, b in zip(*told, strict=True):
        error = float((a - b).abs().mean() / a.abs().max())
        assert b.dtype == torch.float32 and 0 < error < limit, error


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in DISTINCT])
def test_networks_stay_near(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lent = NETWORKS[name](tmp_path, monkeypatch)
    parts = [copy.deepcopy(one) for one in lent.parts.values()]
    near(lent, ROUGH.get(name, NEAR))
    for one in parts:
        near(one, ROUGH.get(name, NEAR))


@pytest.mark.parametrize("name", PUBLISHED_CLASSES)
def test_integrators_stay_near(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    near(gasp(name)(tmp_path, monkeypatch), NEAR)
