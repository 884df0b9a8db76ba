"""Human limit: the agreement of people on a frame, which no predictor can be expected to exceed by much.

Three limits, on the grid and by the definitions that predictors are scored with
(:mod:`gazenet.evaluation.scoring_grid`):

- one observer by the others: the density of everybody else, scored at that observer's fixations (NSS, AUC-Judd), mean
  over observers;
- half by half: densities of two random halves of the observers against each other (CC, SIM), mean over ``DRAWS``
  halves;
- the truth by itself: the density that predictors are compared with, scored at the fixations it was made of. Nobody
  can be better, and nobody who has not seen the fixations can be as good.

Densities are sums of Gaussians, which are products of a row and a column. So means, variances and covariances of
whichever maps one may add up from them follow from products of each two Gaussians; only what ranks pixels or takes the
smaller of two needs maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Size, cells, profiles, within
from gazenet.data.fixations import FrameFixations
from gazenet.evaluation.ground_truth import OtherFixations
from gazenet.evaluation.score import NSS_AND_CC, Scores, ScoringOptions, score_frames
from gazenet.evaluation.scoring_grid import scoring_grid

ONE_BY_OTHERS, HALF, ITSELF = "one by the others", "half by half", "truth by itself"
LIMIT = {"nss": ONE_BY_OTHERS, "auc_judd": ONE_BY_OTHERS, "cc": HALF, "sim": HALF}
"""The human limit of each metric; other metrics have none."""
DRAWS = 10
"""Random halves of the observers of each frame."""
ROUNDING = 1e-12
"""Share of a sum of Gaussians that its rounding stays below."""
Values = NDArray[np.float64]


def human_scores(
    truth: FrameFixations,
    frames: NDArray[np.int64],
    sigma: float,
    options: ScoringOptions = NSS_AND_CC,
    others: OtherFixations | None = None,
    seed: int = 0,
) -> dict[str, Scores] | None:
    """Score the three limits, by name, on some frames; arguments as of ``score_frames``.

    NaN where a metric is not defined for a limit, and in frames with fewer than two observers in the frame. None where
    the truth does not say who looked, or never two people did. Halves follow from ``seed`` and the number of the
    frame.
    """
    if truth.subjects is None:
        return None
    shape = scoring_grid(truth.size, options.grid)
    columns = {name: np.full(len(frames), np.nan) for name in options.metrics if name in LIMIT}
    for k, frame in enumerate(frames.tolist()):
        observed = _ObservedFrame.of(truth, frame, shape, sigma)
        if len(observed.people) < 2:
            continue
        draws = np.random.default_rng([seed, frame])
        for name in columns:
            columns[name][k] = _SCORES[name](observed, draws)
    if not any(np.isfinite(column).any() for column in columns.values()) and not (truth.observers[frames] > 1).any():
        return None
    unknown = np.full(len(frames), np.nan)
    limits = {
        limit: Scores(frames, {m: columns[m] if LIMIT.get(m) == limit else unknown for m in options.metrics}, shape)
        for limit in (ONE_BY_OTHERS, HALF)
    }
    densities = cast("Mapping[int, Values]", _Densities(truth, sigma, shape))  # only frames are read from it
    return limits | {ITSELF: score_frames(densities, truth, frames, sigma, options, others)}


@dataclass(frozen=True)
class _Densities:
    """The ground truth as maps by frame."""

    truth: FrameFixations
    sigma: float
    shape: Size

    def __getitem__(self, frame: int) -> NDArray[np.float32]:
        return self.truth.density(frame, *self.shape, self.sigma)


@dataclass(frozen=True)
class _ObservedFrame:
    """The n fixations of m people inside one frame.

    ``people`` ``[m, n]``: 1 where a fixation is that person's. ``cells`` ``[n, 2]``: row and column. ``down``
    ``[n, h]`` and ``across`` ``[n, w]``: the Gaussian of each.
    """

    people: Values
    cells: NDArray[np.int64]
    down: Values
    across: Values

    @staticmethod
    def of(truth: FrameFixations, frame: int, shape: Size, sigma: float) -> _ObservedFrame:
        """Read a frame of a truth that says who looked, on a grid of ``shape``; ``sigma`` in pixels of the video."""
        assert truth.subjects is not None
        points = truth.points[frame]
        inside = within(points, truth.size)
        subject = np.asarray(truth.subjects[frame])[inside]
        people = (np.unique(subject)[:, None] == subject).astype(np.float64)
        down, across = profiles(points[inside], truth.size, shape, sigma)
        return _ObservedFrame(people, cells(points[inside], truth.size, shape), down, across)

    @property
    def pixels(self) -> int:
        """Number of cells of the grid."""
        return self.down.shape[1] * self.across.shape[1]

    def sums(self) -> Values:
        """Return ``[n]``: the sum of each Gaussian over the grid."""
        return np.asarray(self.down.sum(1) * self.across.sum(1))

    def products(self) -> Values:
        """Return ``[n, n]``: the sum over the grid of the product of each two Gaussians."""
        return np.asarray((self.down @ self.down.T) * (self.across @ self.across.T))

    def at_cells(self) -> Values:
        """Return ``[n, n]``: in row j the values of all Gaussians at the cell of fixation j."""
        rows, columns = self.cells.T
        return np.asarray((self.down[:, rows] * self.across[:, columns]).T)

    def by_others(self, person: int, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Values:
        """Return ``[k]``: the density of everybody but ``person`` at some cells."""
        others = self.people[person] == 0
        return np.asarray((self.down[others][:, rows] * self.across[others][:, columns]).sum(0))

    def above(self, person: int, threshold: float, density: Values, own: Values) -> NDArray[np.bool_]:
        """Return bool ``[h, w]``: where the density of everybody but ``person`` reaches a threshold.

        ``density`` is that of all, ``own`` that of ``person`` alone. Their difference decides but where it lies within
        rounding of the threshold: far from the others nothing else is left of it, and there all of them are added.
        """
        reached = density - own
        reached -= threshold
        unclear = np.nonzero(np.abs(reached) <= ROUNDING * density)
        above = reached > 0
        above[unclear] = self.by_others(person, *unclear) >= threshold
        return np.asarray(above)

    def halves(self, draws: np.random.Generator) -> Values:
        """``[DRAWS, n]``: 1 for the fixations of a random half of the people (the smaller one, where they are odd)."""
        order = draws.permuted(np.tile(np.arange(len(self.people)), (DRAWS, 1)), axis=1)
        return np.asarray((order < len(self.people) // 2).astype(np.float64) @ self.people)


def _nss_of_one(observed: _ObservedFrame, draws: np.random.Generator) -> float:
    """Return the mean over people of the NSS of the others' density at their fixations."""
    sums, products, others = observed.sums(), observed.products(), 1 - observed.people
    mean = others @ sums / observed.pixels
    variance = np.einsum("mj,jk,mk->m", others, products, others) / observed.pixels - mean**2
    # Of fixation j: what everybody but its own person left there.
    value = (observed.at_cells() * (observed.people.T @ others)).sum(1)
    own = (observed.people @ value) / observed.people.sum(1)
    return float(((own - mean) / np.sqrt(variance)).mean())


def _auc_of_one(observed: _ObservedFrame, draws: np.random.Generator) -> float:
    """The mean over people of the AUC-Judd of the others' density at their fixations; see ``functional.auc_judd``.

    People have few fixations in a frame, so the pixels above each are counted instead of all of them ranked.
    """
    density = observed.down.T @ observed.across
    areas = []
    for person, members in enumerate(observed.people > 0):
        rows, columns = observed.cells[members].T
        values = observed.by_others(person, rows, columns)
        thresholds = np.unique(values)[::-1]
        own = observed.down[members].T @ observed.across[members]
        false = []
        for threshold in thresholds:
            above = observed.above(person, float(threshold), density, own)
            above[rows, columns] = False
            false.append(np.count_nonzero(above))
        unfixated = observed.pixels - len({*zip(rows.tolist(), columns.tolist(), strict=True)})
        tp = (values[:, None] >= thresholds).mean(0)
        areas.append(np.trapezoid(np.r_[0, tp, 1], np.r_[0, np.array(false) / unfixated, 1]))
    return float(np.mean(areas))


def _cc_of_halves(observed: _ObservedFrame, draws: np.random.Generator) -> float:
    sums, products, half = observed.sums(), observed.products(), observed.halves(draws)
    pair = np.stack([half, 1 - half], 1)
    mean = pair @ sums / observed.pixels
    covariance = pair @ products @ pair.transpose(0, 2, 1) / observed.pixels - mean[:, :, None] * mean[:, None]
    a, b, ab = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    return float((ab / np.sqrt(a * b)).mean())


def _sim_of_halves(observed: _ObservedFrame, draws: np.random.Generator) -> float:
    half, sums = observed.halves(draws), observed.sums()
    # Half the memory to go through; sums of positive numbers do not need more digits.
    down, across = observed.down.astype(np.float32), observed.across.astype(np.float32)
    whole = np.empty((2, down.shape[1], across.shape[1]), np.float32)
    similarities = []
    for members in half:
        for weights, into in zip(
            (members / (members @ sums), (1 - members) / ((1 - members) @ sums)), whole, strict=True
        ):
            np.matmul((down * weights[:, None].astype(np.float32)).T, across, out=into)
        similarities.append(float(np.minimum(whole[0], whole[1], out=whole[0]).sum(dtype=np.float64)))
    return float(np.mean(similarities))


_SCORES = {"nss": _nss_of_one, "auc_judd": _auc_of_one, "cc": _cc_of_halves, "sim": _sim_of_halves}
