"""Samples in an order, and with random changes, that follow from the seed and their number alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gazenet.data.data_module import SampleSource

Sample = dict[str, Tensor]


class SampleList(Protocol):
    """The samples on which a network is trained or validated, by their place in a list."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def sample(self, index: int, random: np.random.Generator | None) -> Sample:
        """Return one sample: tensors that are stacked to batches.

        ``random`` decides whatever is random about it in training; None in validation, where nothing is.
        """


@dataclass(frozen=True)
class DrawnSamples:
    """Samples by draw number that have an order of their own, where a :class:`SampleList` has that of the fit."""

    source: SampleSource

    def __len__(self) -> int:
        return len(self.source)


Samples: TypeAlias = SampleList | DrawnSamples


class SeededSamples:
    """Samples by draw number, which counts on from epoch to epoch: every epoch in an order of its own.

    A resumed run draws the same as an uninterrupted one, whichever draw it begins with, in any number of processes.
    """

    def __init__(self, samples: SampleList, seed: int) -> None:
        self.samples, self.seed = samples, seed
        self._epoch, self._order = -1, np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, draw: int) -> Sample:
        epoch, position = divmod(draw, len(self.samples))
        return self.samples.sample(int(self._permuted(epoch)[position]), np.random.default_rng([self.seed, draw]))

    def _permuted(self, epoch: int) -> NDArray[np.int64]:
        if epoch != self._epoch:
            order = np.random.default_rng([self.seed, epoch, 1]).permutation(len(self.samples))
            self._epoch, self._order = epoch, order
        return self._order


class OrderedSamples:
    """Samples in order, with nothing random about them."""

    def __init__(self, samples: SampleList) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples.sample(index, None)


def training_source(samples: Samples, seed: int) -> SampleSource:
    """Return samples by draw number: in their own order, or in one that follows from the seed."""
    return samples.source if isinstance(samples, DrawnSamples) else SeededSamples(samples, seed)


def validation_source(samples: Samples) -> SampleSource:
    """Return samples by number, in order."""
    return samples.source if isinstance(samples, DrawnSamples) else OrderedSamples(samples)
