"""The reach of rounding alone in a result: the source of tolerances in comparisons.

A processor adds up in an order of its own (instruction set, threads, library), so float32 results differ from machine
to machine. By how much follows from the computation, not from a machine: it is done in double precision, and again
with every operation disturbed by what float32 loses, whatever the order. How far the results spread is what rounding
can do. That holds for values that depend smoothly on others, and for those that hang on a near tie (the larger of two
equal values, the index that un-pooling uses, a threshold): the disturbance decides it one way and the other, so that
just these values spread, while all others keep a narrow tolerance.

:func:`explain` compares stored values with a computation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

Values = Mapping[str, NDArray[np.float64]]
"""Flattened outputs by name."""

UNIT = 2.0**-24
"""The largest relative error of one rounding to float32."""

TIMES = 4.0
"""Tolerance in spreads. A spread is the largest of few draws: one draw seldom meets the worst order."""

WIDEST = 1e-2
"""Tolerances beyond this share of an output's largest magnitude say nothing: such values hang on a near tie."""

IN_DOUBT = 0.01
"""The largest share of an output's values that may hang on near ties; of a short output one value."""

DRAWS = (3, 12)
"""Disturbed computations: as many at first, as many at most. Each misses a near tie with a chance of a half."""

PRODUCTS = {"convolution": 0, "mm": 0, "bmm": 0, "addmm": 1, "baddbmm": 1, "mv": 0, "addmv": 1, "dot": 0}
"""Operations that add up products, and where the first factor stands among their arguments."""

_SUMS = """
    sum mean var std var_mean cumsum avg_pool1d avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    linalg_vector_norm _softmax _log_softmax logsumexp native_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training native_layer_norm native_group_norm _fused_rms_norm
    upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d grid_sampler_2d grid_sampler_3d
    _scaled_dot_product_flash_attention_for_cpu
"""
_STEPS = """
    add sub rsub mul div exp exp2 expm1 log log2 log1p sigmoid tanh gelu silu elu softplus pow sqrt rsqrt square
    reciprocal sin cos tan asin acos atan atan2 sinh cosh addcmul addcdiv lerp erf hardswish hardsigmoid
    log_sigmoid_forward norm hypot
"""
SUMS = frozenset(_SUMS.split())
"""Operations that add up, whose error stands to the size of the neighbours, not of the single result."""

STEPS = frozenset(_STEPS.split())
"""Operations of single values. What only moves or chooses values (copies, clamps, pools, indices) rounds nothing."""


class Disturbed(TorchDispatchMode):
    """Changes what operations in double precision give by as much as float32 would lose in them, at random.

    A sum of ``n`` products is off by a random walk of roundings, ``sqrt(n) / 2`` units of the root of the summed
    squares where they are added one after the other; blocks and threads add up in fewer steps, so that no order is
    worse. What is exactly zero because of zero factors stays zero.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = str(func.overloadpacket.__name__)
        plain = name if name.startswith("_") else name.removesuffix("_")
        # Before the call: it may work in place.
        squares = _root_of_squares(func, PRODUCTS[plain], args, kwargs or {}) if plain in PRODUCTS else None
        result = func(*args, **(kwargs or {}))
        if squares is not None:
            self._disturb(result, squares)
        elif plain in SUMS:
            first, *_ = result if isinstance(result, (tuple, list)) else (result,)
            self._disturb(first, 2 * first.abs() + _size(first))
        elif plain in STEPS:
            for output in result if isinstance(result, (tuple, list)) else (result,):
                self._disturb(output, output.abs())
        return result

    def _disturb(self, value: Tensor, size: Tensor) -> None:
        if value.dtype == torch.float64:
            noise = torch.empty(value.shape, dtype=torch.float32).uniform_(-UNIT, UNIT, generator=self._random)
            value.add_(noise.double() * size)


def _root_of_squares(func: Any, first: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor | None:
    """Return the root of the summed squares of a result's products, times ``sqrt(n) / 2``.

    None outside of double precision.
    """
    left, right = args[first], args[first + 1]
    if left.dtype != torch.float64:
        return None
    arguments = [*args]
    arguments[first], arguments[first + 1] = left.square(), right.square()
    if first:  # what is added to the products
        arguments[0] = arguments[0].square()
        kwargs = {key: abs(value) for key, value in kwargs.items()}
    is_convolution = "convolution" in str(func)
    if is_convolution and arguments[2] is not None:
        arguments[2] = arguments[2].square()
    summed = func(*arguments, **kwargs)
    # A transposed convolution keeps its outputs in the second axis of the weight.
    count = right.numel() / right.shape[int(args[6])] if is_convolution else left.shape[-1]
    return summed.sqrt_() * max(1.0, math.sqrt(count) / 2)


def _size(value: Tensor) -> Tensor:
    """Return the root mean square of the neighbours of a value: of its channel, or of its row."""
    if value.ndim == 0:
        return value.abs()
    axes = tuple(range(2, value.ndim)) if value.ndim > 2 else (-1,)
    return value.square().mean(axes, keepdim=True).sqrt()


@contextmanager
def in_double() -> Iterator[None]:
    """Create tensors without a type as float64 inside."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@dataclass
class RoundingSpread:
    """Results in double precision, and how far disturbed computations came from them."""

    exact: Values
    reach: dict[str, NDArray[np.float64]]

    def widen(self, disturbed: Values) -> None:
        """Take one more disturbed computation in."""
        for name, value in disturbed.items():
            # What rounding makes infinite is in doubt.
            distance = np.nan_to_num(np.abs(value - self.exact[name]), nan=np.inf)
            np.maximum(self.reach[name], distance, out=self.reach[name])

    def tolerance(self, name: str, least: float) -> NDArray[np.float64]:
        """Per value: :data:`TIMES` its reach, or that of most others where few draws left it untouched; never below
        ``least``."""
        reach = self.reach[name]
        usual = float(np.quantile(reach, 0.9)) if reach.size else 0.0
        return np.maximum(least, TIMES * np.maximum(reach, usual))


@dataclass(frozen=True)
class Explanation:
    """The part of an error that rounding explains.

    ``fault``: the error that it does not explain, or empty. ``in_doubt``: the number of values on near ties.
    """

    fault: str
    widest: float
    in_doubt: int
    values: int

    def __str__(self) -> str:
        if self.fault:
            return self.fault
        ties = f", {self.in_doubt} of {self.values} values hang on near ties" if self.in_doubt else ""
        return f"within rounding: up to {self.widest:.1e} in this computation{ties}"


def explain(
    compute: Callable[[], Values], results: Sequence[Values], scales: Mapping[str, float], limit: float
) -> Explanation:
    """Explain whether results differ from those in double precision by no more than rounding.

    Args:
        compute: repeats the computation in double precision; returns its flattened outputs.
        results: in float32, on this machine and on others; each is compared.
        scales: the magnitude of every output to which errors are relative.
        limit: the relative error that is always allowed.
    """
    with in_double():
        spread = _undisturbed(compute)
        for seed in range(DRAWS[1]):
            with Disturbed(seed):
                spread.widen(compute())
            explanation, outside = _judged(spread, results, scales, limit)
            # Near ties are few: what is wrong in many places will not be explained by further draws.
            if seed + 1 >= DRAWS[0] and (not explanation.fault or outside > IN_DOUBT):
                break
    return explanation


def _undisturbed(compute: Callable[[], Values]) -> RoundingSpread:
    exact = compute()
    return RoundingSpread(exact, {name: np.zeros_like(value) for name, value in exact.items()})


def _judged(
    spread: RoundingSpread, results: Sequence[Values], scales: Mapping[str, float], limit: float
) -> tuple[Explanation, float]:
    """Return the explanation, and the share of values outside of their tolerance in the worst output."""
    fault, widest, in_doubt, outside = "", 0.0, 0, 0.0
    for name, exact in spread.exact.items():
        tolerance = spread.tolerance(name, limit * scales[name])
        doubtful = tolerance > max(WIDEST, limit) * scales[name]
        error = np.max([np.abs(values[name] - exact) for values in results], axis=0)
        wrong = ~(error <= tolerance)
        in_doubt += int(doubtful.sum())
        widest = max(widest, float(spread.reach[name][~doubtful].max(initial=0)) / scales[name])
        outside = max(outside, float(wrong.mean()))
        if doubtful.sum() > max(1, IN_DOUBT * doubtful.size):
            fault = fault or f"{name}: {doubtful.mean():.1%} of the values hang on near ties, too many to compare"
        elif wrong.any():
            worst = float((error[wrong] / scales[name]).max())
            fault = (
                fault or f"{name}: {wrong.sum()} of {wrong.size} values differ by up to {worst:.1e}, not by rounding"
            )
    return Explanation(fault, widest, in_doubt, sum(value.size for value in spread.exact.values())), outside
