"""Comparison of two ways to compute the same, against double precision."""

from __future__ import annotations

import torch
from torch import Tensor

from gazenet.testing.rounding import UNIT


def assert_as_exact(value: Tensor, plain: Tensor, exact: Tensor, times: float = 8.0, what: str = "the result") -> None:
    """Assert that a result is about as near to the one in double precision as the plain way to compute it is.

    The tolerance is ``times`` the largest error of the plain float32 way, and at least ``times`` one rounding of the
    largest magnitude: so it follows from the computation, on whatever processor. Another order of summation is within
    it; a weight that is wrong by a thousandth is not, unless the plain way is as inexact as that.

    Args:
        value: float32, computed in the way under test.
        plain: float32, the same by the way that is trusted.
        exact: float64, by the way that is trusted.
        times: how much less exact the way under test may be: it may add up in a worse order.
        what: names the result in the message.
    """
    assert exact.dtype == torch.float64, "the reference is not in double precision"
    assert value.shape == exact.shape, f"{what} is {[*value.shape]}, expected {[*exact.shape]}"
    ours, theirs = ((tensor.detach().double() - exact).abs().max() for tensor in (value, plain))
    allowed = times * max(float(theirs), UNIT * float(exact.abs().max()))
    assert float(ours) <= allowed, (
        f"{what} is {float(ours):.2e} from double precision, the plain way {float(theirs):.2e}: "
        f"more than {times:g} times as far"
    )
