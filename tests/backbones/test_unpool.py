"""Un-pooling without indices: equal to that by indices where windows stand apart; else one defined result."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gazenet.backbones.unpool import unpool


def with_ties(height: int = 6, width: int = 8) -> tuple[Tensor, Tensor]:
    """What is pooled, half of it zeros, and values to put back, some of them zero."""
    noise = torch.Generator().manual_seed(3)
    values = torch.randn(2, 3, 2, height // 2, width // 2, generator=noise)
    return torch.randn(2, 3, 2, height, width, generator=noise).relu(), values * (values.abs() > 0.3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_separate_windows_are_put_back_as_usual(dtype: torch.dtype) -> None:
    x, values = (one.to(dtype) for one in with_ties())
    _, places = F.max_pool3d(x.float(), (1, 2, 2), return_indices=True)
    expected = F.max_unpool3d(values.float(), places, (1, 2, 2))
    assert torch.equal(unpool(x, values), expected.to(dtype))


@pytest.mark.parametrize("size", [(6, 8), (2, 2), (2, 10)])
def test_of_overlapping_windows_the_last_one_wins(size: tuple[int, int]) -> None:
    x, values = with_ties(*size)
    _, places = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1), return_indices=True)
    expected = torch.zeros_like(x).flatten(2)
    for item, channel in ((item, channel) for item in range(2) for channel in range(3)):
        flat = zip(places[item, channel].flatten().tolist(), values[item, channel].flatten().tolist(), strict=True)
        for place, value in flat:
            expected[item, channel, place] = value
    if size == (6, 8):
        assert len(places[0, 0].unique()) < places[0, 0].numel(), "windows collide"
    assert torch.equal(unpool(x, values, 3), expected.view_as(x))


def test_gradients_reach_the_values_that_were_placed() -> None:
    x = torch.zeros(1, 1, 1, 2, 6)
    x[..., 0, 1] = 1  # the maximum of the first two windows
    values = torch.randn(1, 1, 1, 1, 3, requires_grad=True)
    unpool(x, values, 3).sum().backward()
    assert values.grad is not None and values.grad.flatten().tolist() == [0, 1, 1]
