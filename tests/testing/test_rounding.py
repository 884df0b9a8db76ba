"""Tolerances from the computation: what rounding does passes on every processor, what is wrong fails on every one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.testing import adapters
from gazenet.testing.adapters import TABLE, Adapter
from gazenet.testing.goldens import Golden, Verdict, difference, draw, judge, prepare
from gazenet.testing.rounding import Disturbed, Spread, assert_as_exact, explain, in_double

LIMIT = 1e-4


class Pooled(nn.Module):
    """Un-pooling: the place of the largest of four values decides where it comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled, places = F.max_pool2d(self.first(x), 2, return_indices=True)
        return self.last(F.max_unpool2d(pooled, places, 2))


class Chosen(nn.Module):
    """The largest class of every place, as a number."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Conv2d(3, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(x).argmax(1, keepdim=True).to(x.dtype)


class Best(nn.Module):
    """The two best places of a map, as a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Conv2d(3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores = self.scores(x).flatten(1)
        return torch.zeros_like(scores).scatter(1, scores.topk(2).indices, 1.0).view(len(x), 1, *x.shape[2:])


class Deep(nn.Module):
    """A stack that nothing normalises, whose last step takes a small difference of large numbers."""

    def __init__(self, depth: int = 10) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3 if k == 0 else 24, 24, 3, padding=1) for k in range(depth)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = F.relu(layer(x))
        return torch.sin(200 * x / x.detach().abs().max())


class Recurrent(nn.Module):
    """A convolutional state over many frames, with a gate of large logits."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.onward = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(1, 8, *x.shape[2:], dtype=x.dtype)
        for frame in x[:, None]:
            gate = torch.softmax(60 * self.onward(state), 1)
            state = torch.tanh(3 * self.onward(state) + self.inward(frame)) * gate * 4
        return state


def tied(count: int) -> Tensor:
    """Pictures of few colours: windows with equal largest values, that rounding decides."""
    return torch.from_numpy(np.random.RandomState(count).randint(0, 3, (1, 3, count, count)).astype(np.float32) / 3)


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Verdict]:
    """Judges a network by another one: the reference, computed in float32 and stored."""

    def judged(
        network: nn.Module, x: Tensor, change: Callable[[Tensor], Tensor] = lambda value: value, wrong: str = ""
    ) -> Verdict:
        state = [[key, list(value.shape), "float32"] for key, value in network.state_dict().items()]
        meta = {"config": {"class": "Made"}, "state": state, "outputs": {}}
        reference = change(prepare(network, Golden(tmp_path / "made.json", meta))(x)).detach()
        np.savez(tmp_path / "made.npz", y=reference.flatten())
        meta["outputs"]["y"] = {"shape": [*reference.shape], "stride": 1}

        def runner(one: Golden) -> float:
            made = prepare(network, one)
            if wrong:
                with torch.no_grad():
                    made.get_parameter(wrong).mul_(1.01)
            found = difference(one, {"y": made(x.to(one.dtype))})
            network.float()
            return found

        monkeypatch.setitem(TABLE, "class:Made", Adapter("made:runner"))
        monkeypatch.setattr(adapters, "import_object", lambda _: runner)
        with torch.no_grad():
            return judge(Golden(tmp_path / "made.json", meta), LIMIT)

    return judged


def elsewhere(network: nn.Module, x: Tensor) -> Tensor:
    """What another processor gives: the same in double precision, disturbed by rounding, as float32."""
    doubled = prepare(network, Golden(Path("made.json"), _meta(network)))
    with torch.no_grad(), in_double(), Disturbed(1000):
        found = doubled.double()(x.double())
    network.float()
    return found.float()


def _meta(network: nn.Module) -> dict:
    state = [[key, list(value.shape), "float32"] for key, value in network.state_dict().items()]
    return {"config": {}, "state": state, "outputs": {}}


HARD = [
    pytest.param(Pooled(), tied(64), "first.weight", id="un-pooling"),
    pytest.param(Deep(), draw(1, [1, 3, 12, 12]), "layers.4.weight", id="deep, nothing normalised"),
    pytest.param(Recurrent(), draw(2, [40, 3, 6, 6]), "onward.weight", id="recurrent, large logits"),
]


@pytest.mark.parametrize(("network", "x", "weight"), HARD)
def test_what_another_processor_gives_passes(network: nn.Module, x: Tensor, weight: str, golden) -> None:
    other = elsewhere(network, x)
    verdict = golden(network, x, lambda _: other)
    assert verdict.state == "pass", verdict.reason


@pytest.mark.parametrize(("network", "x", "weight"), HARD)
def test_a_weight_that_is_wrong_by_a_hundredth_fails(network: nn.Module, x: Tensor, weight: str, golden) -> None:
    verdict = golden(network, x, wrong=weight)
    assert verdict.state == "fail" and "rounding" in verdict.reason or "near ties" in verdict.reason, verdict
