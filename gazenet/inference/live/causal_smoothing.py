"""Smoothing that knows only the past."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEAST = 1e-12


class CausalSmoother:
    """A running mean of log densities; the weight of a frame falls to 1/e after ``seconds``.

    The offline smoothing of an integrator looks as far ahead as back, which live work cannot.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._mean: NDArray[np.float32] | None = None
        self._time = 0.0

    def push(self, density: NDArray[np.float32], time: float) -> NDArray[np.float32]:
        """A density ``[h, w]`` in, a density out (its cells sum to 1)."""
        logs = np.log(np.maximum(density, LEAST))
        if self._mean is None or self._seconds <= 0:
            self._mean = logs
        else:
            self._mean += (1 - math.exp(-max(0.0, time - self._time) / self._seconds)) * (logs - self._mean)
        self._time = time
        found = np.exp(self._mean - self._mean.max())
        return np.asarray(found / found.sum(), np.float32)
