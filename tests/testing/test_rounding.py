"""Tolerances from the computation: what rounding does passes on every processor, what is wrong fails on every one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gazenet.testing.goldens import Golden, GoldenVerdict, difference, draw, judge, prepare
from gazenet.testing.rounding import Disturbed, RoundingSpread, explain, in_double
from tests.exactness import assert_as_exact
from tests.goldens import rows
from tests.goldens.rows import TABLE

LIMIT = 1e-4


class Pooled(nn.Module):
    """Un-pooling: the place of the largest of four values decides where it comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled, places = F.max_pool2d(self.first(x), 2, return_indices=True)
        return self.last(F.max_unpool2d(pooled, places, 2))


class Chosen(nn.Module):
    """Which of four values is the largest, as a number."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = nn.Conv2d(3, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        windows = F.pixel_unshuffle(self.scores(x), 2).unflatten(1, (5, 4))
        return windows.argmax(2).to(x.dtype)


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
    """A convolutional state over many frames, gated by a softmax of large logits and read on a fine scale."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.onward = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(1, 8, *x.shape[2:], dtype=x.dtype)
        for frame in x[:, None]:
            gate = torch.softmax(60 * self.onward(state), 1)
            state = torch.tanh(3 * self.onward(state) + self.inward(frame)) * gate * 4
        return torch.sin(60 * state)


def tied(side: int = 64, windows: int = 4) -> Tensor:
    """A picture in which all pixels of some windows of four are equal; those of one are the brightest."""
    x = draw(4, [1, 3, side, side], "normal")
    for k in range(windows):
        x[..., 2 * k : 2 * k + 2, 6:8] = x[..., 2 * k, 6][..., None, None]
    return x


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., GoldenVerdict]:
    """Judges a network by another one: the reference, computed in float32 and stored."""

    def judged(
        network: nn.Module, x: Tensor, change: Callable[[Tensor], Tensor] = lambda value: value, wrong: str = ""
    ) -> GoldenVerdict:
        state = [[key, list(value.shape), "float32"] for key, value in network.state_dict().items()]
        meta = {"config": {"class": "Made"}, "state": state, "outputs": {}}
        reference = change(prepare(network, Golden(tmp_path / "made.json", meta))(x)).detach()
        np.savez(tmp_path / "made.npz", y=reference.flatten())
        meta["outputs"]["y"] = {"shape": [*reference.shape], "stride": 1}

        def runner(one: Golden) -> float:
            made = prepare(network, one)
            if wrong:
                with torch.no_grad():
                    made.get_parameter(wrong)[0, 0] *= 1.01
            found = difference(one, {"y": made(x.to(one.dtype))})
            network.float()
            return found

        monkeypatch.setitem(TABLE, "class:Made", "made:runner")
        monkeypatch.setattr(rows, "import_object", lambda _: runner)
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
    pytest.param(Chosen(), tied(), "scores.weight", id="largest of four"),
    pytest.param(Pooled(), tied(), "first.weight", id="un-pooling"),
    pytest.param(Deep(), draw(1, [1, 3, 12, 12]), "layers.4.weight", id="deep, nothing normalised"),
    pytest.param(Recurrent(), draw(2, [40, 3, 6, 6]), "onward.weight", id="recurrent, large logits"),
]


@pytest.mark.parametrize(("network", "x", "weight"), HARD)
def test_what_another_processor_gives_passes(network: nn.Module, x: Tensor, weight: str, golden) -> None:
    other = elsewhere(network, x)
    verdict = golden(network, x, lambda _: other)
    assert verdict.state == "pass", verdict.reason
    assert verdict.error > LIMIT and "rounding" in verdict.reason, "the case is not hard"


@pytest.mark.parametrize(("network", "x", "weight"), HARD)
def test_a_kernel_that_is_wrong_by_a_hundredth_fails(network: nn.Module, x: Tensor, weight: str, golden) -> None:
    verdict = golden(network, x, wrong=weight)
    assert verdict.state == "fail" and "rounding" in verdict.reason


def test_equal_candidates_may_be_chosen_either_way(golden) -> None:
    network, x = Best(), draw(4, [1, 3, 32, 32], "normal")
    prepare(network, Golden(Path("made.json"), _meta(network)))
    with torch.no_grad():
        best = int(network.scores(x).argmax())
    flat = x.flatten(2)
    flat[..., [5, 500]] = flat[..., best : best + 1]
    with torch.no_grad():
        usual = network(x).flatten()
    other = torch.zeros(32 * 32)
    other[torch.tensor([5, 500, best])[usual[[5, 500, best]] == 0]] = 1
    other[500 if other[500] == 0 else 5] = 1
    verdict = golden(network, x, lambda _: other.view(1, 1, 32, 32))
    assert verdict.state == "pass" and "of 1024 values hang on near ties" in verdict.reason, verdict
    other[9], other[500] = 1, 0
    verdict = golden(network, x, lambda _: other.view(1, 1, 32, 32))
    assert verdict.state == "fail" and "1 of 1024 values" in verdict.reason, verdict


def test_too_many_near_ties_are_no_comparison(golden) -> None:
    network, x = Chosen(), tied(windows=20)
    other = elsewhere(network, x)
    verdict = golden(network, x, lambda _: other)
    assert verdict.state == "fail" and "too many to compare" in verdict.reason


def test_a_decision_by_one_number_may_hang_on_a_near_tie() -> None:
    """A threshold that is met exactly: either decision is right, and the score beside it is compared as ever."""

    def compute() -> dict[str, np.ndarray]:
        score = torch.full((1, 30), 0.1).double() @ torch.full((30, 1), 1 / 3).double()
        threshold = torch.full((1, 30), 0.1).double().sum().div(3)
        return {"score": score.numpy().ravel(), "switch": (score > threshold).double().numpy().ravel()}

    exact = {name: float(value[0]) for name, value in compute().items()}
    scales = {"score": 1.0, "switch": 1.0}
    other = {"score": np.array([exact["score"] + 1e-7]), "switch": np.array([1 - exact["switch"]])}
    assert not explain(compute, [other], scales, 1e-6).fault
    wrong = {**other, "score": np.array([exact["score"] * 1.01])}
    assert "score: 1 of 1 values" in explain(compute, [wrong], scales, 1e-6).fault


def test_a_result_that_is_not_finite_is_not_explained(golden) -> None:
    verdict = golden(Deep(2), draw(1, [1, 3, 8, 8]), lambda value: value * torch.nan)
    assert verdict.state == "fail"


def test_the_verdict_does_not_depend_on_the_draws_of_a_caller(golden) -> None:
    network, x = Deep(), draw(1, [1, 3, 12, 12])
    other = elsewhere(network, x)
    reasons = set()
    for seed in range(2):
        torch.manual_seed(seed)
        reasons.add(golden(network, x, lambda _: other).reason)
    assert len(reasons) == 1


def test_disturbance_is_that_of_float32() -> None:
    """Between a unit of rounding and what the worst order of summation gives."""
    x, weight = draw(1, [64, 2048], "normal"), draw(2, [2048, 64], "normal")
    exact = x.double() @ weight.double()
    with Disturbed(0):
        disturbed = x.double() @ weight.double()
    one_by_one = torch.zeros(64, 64)
    for k in range(2048):
        one_by_one += x[:, k : k + 1] * weight[k]
    lost, blocks = (one_by_one - exact).std(), (x @ weight - exact).std()
    assert blocks < (disturbed - exact).std() < 3 * lost and lost < 3 * (disturbed - exact).std()


def test_what_only_moves_values_is_not_disturbed() -> None:
    x = draw(1, [1, 3, 8, 8]).double()
    with Disturbed(0):
        assert torch.equal(F.max_pool2d(torch.cat((x, x), 1).relu(), 2)[:, :3], F.max_pool2d(x, 2))
        assert not torch.equal(x * 3, torch.stack([x, x, x]).sum(0))
        zeros = F.conv2d(torch.zeros_like(x), torch.ones(2, 3, 3, 3, dtype=torch.float64))
    assert torch.equal(zeros, torch.zeros_like(zeros))


@pytest.mark.parametrize("transposed", [False, True])
def test_convolutions_of_every_kind_are_disturbed(transposed: bool) -> None:
    x, weight, bias = draw(1, [2, 4, 6, 6]).double(), draw(2, [4, 4, 3, 3]).double(), draw(3, [4]).double()
    run = F.conv_transpose2d if transposed else F.conv2d
    exact = run(x, weight, bias)
    with Disturbed(0):
        distance = (run(x, weight, bias) - exact).abs()
    assert (distance > 0).float().mean() > 0.99 and distance.max() < 1e-5 * exact.abs().max()


def test_a_spread_grows_and_covers_what_few_draws_left_out() -> None:
    spread = RoundingSpread({"y": np.zeros(100)}, {"y": np.zeros(100)})
    spread.widen({"y": np.arange(100.0)})
    spread.widen({"y": np.full(100, 50.0)})
    tolerance = spread.tolerance("y", 1.0)
    assert tolerance[99] == 4 * 99 and tolerance[0] == pytest.approx(4 * np.quantile(spread.reach["y"], 0.9))


def test_a_computation_that_cannot_be_done_in_double_precision_is_no_excuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = {"config": {"class": "Made"}, "state": [], "outputs": {"y": {"shape": [2], "stride": 1}}}
    np.savez(tmp_path / "made.npz", y=np.ones(2, np.float32))

    def runner(golden: Golden) -> float:
        if golden.dtype == torch.float64:
            raise RuntimeError("expected Float")
        return difference(golden, {"y": torch.tensor([1.0, 1.1])})

    monkeypatch.setitem(TABLE, "class:Made", "made:runner")
    monkeypatch.setattr(rows, "import_object", lambda _: runner)
    verdict = judge(Golden(tmp_path / "made.json", meta), LIMIT)
    assert verdict.state == "fail" and "not comparable in double precision" in verdict.reason


def test_another_order_is_as_exact_and_a_wrong_weight_is_not() -> None:
    x, weight = draw(1, [40, 900], "normal"), draw(2, [900, 30], "normal")
    plain, exact = x @ weight, x.double() @ weight.double()
    backwards = x.flip(1) @ weight.flip(0)
    halves = x[:, :450] @ weight[:450] + x[:, 450:] @ weight[450:]
    for found in (plain, backwards, halves):
        assert_as_exact(found, plain, exact)
    wrong = weight.clone()
    wrong[7, 3] *= 1.01
    with pytest.raises(AssertionError, match="from double precision"):
        assert_as_exact(x @ wrong, plain, exact)
    with pytest.raises(AssertionError, match="from double precision"):
        assert_as_exact(plain * torch.nan, plain, exact)
    with pytest.raises(AssertionError, match=r"\[40, 29\], expected \[40, 30\]"):
        assert_as_exact(plain[:, 1:], plain, exact)
    with pytest.raises(AssertionError, match="not in double precision"):
        assert_as_exact(plain, plain, plain)
