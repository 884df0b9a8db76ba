"""How well people predict people: what no predictor of a frame can be expected to exceed by much.

Three limits, on the grid and by the definitions that predictors are scored with
(:mod:`gazenet.evaluation.scoring_grid`):

- one observer by the others: the density of everybody else, judged at that observer's fixations (NSS, AUC-Judd), mean
  over observers;
- half by half: densities of two random halves of the observers against each other (CC, SIM), mean over ``DRAWS``
  halves;
- the truth by itself: the density that predictors are compared with, judged at the fixations it was made of. Nobody
  can be better, and nobody who has not seen the fixations can be as good.

Densities are sums of Gaussians, which are products of a row and a column. So means, variances and covariances of
whichever maps one may add up from them follow from products of each two Gaussians; only what ranks pixels or takes the
smaller of two needs maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gazenet.data.density import Size, cells, profiles, within
from gazenet.data.fixations import FrameFixations
from gazenet.evaluation.score import Scores, score_frames
from gazenet.evaluation.scoring_grid import scoring_grid

ONE, HALF, ITSELF = "one by the others", "half by half", "truth by itself"
LIMIT = {"nss": ONE, "auc_judd": ONE, "cc": HALF, "sim": HALF}
"""Which of them is the human limit of a metric; other metrics have none."""
DRAWS = 10
"""Random halves of the observers of each frame."""
ROUNDING = 1e-12
"""Share of a sum of Gaussians that its rounding stays below."""
Values = NDArray[np.float64]


def human_scores(
    truth: FrameFixations,
    frames: NDArray[np.int64],
    sigma: float,
    metrics: Sequence[str] = ("nss", "cc"),
    others: NDArray[np.integer] | NDArray[np.bool_] | None = None,
    grid: int | None = None,
    prior: NDArray[np.floating] | None = None,
    seed: int = 0,
) -> dict[str, Scores] | None:
    """Scores of the three limits by name, of the chosen frames; arguments as of ``score_frames``.

    NaN where a metric is not defined for a limit, and in frames with fewer than two observers in the frame. None where
    the truth does not say who looked, or never two people did. Halves follow from ``seed`` and the number of the
    frame.
    """
    if truth.subjects is None:
        return None
    shape = scoring_grid(truth.size, grid)
    names = [name for name in metrics if name in LIMIT]
    columns = {name: np.full(len(frames), np.nan) for name in names}
    for k, frame in enumerate(frames.tolist()):
        seen = _Seen.of(truth, frame, shape, sigma)
        if len(seen.people) < 2:
            continue
        draws = np.random.default_rng([seed, frame])
        for name in names:
            columns[name][k] = _SCORES[name](seen, draws)
    if not any(np.isfinite(column).any() for column in columns.values()) and not _several(truth, frames):
        return None
    unknown = np.full(len(frames), np.nan)
    found = {
        limit: Scores(frames, {m: columns[m] if LIMIT.get(m) == limit else unknown for m in metrics}, shape)
        for limit in (ONE, HALF)
    }
    densities = cast("Mapping[int, Values]", _Densities(truth, sigma, shape))  # it is asked for frames only
    found[ITSELF] = score_frames(densities, truth, frames, sigma, metrics, others, grid, prior)
    return found


def _several(truth: FrameFixations, frames: NDArray[np.int64]) -> bool:
    return bool((truth.observers[frames] > 1).any())


@dataclass(frozen=True)
class _Densities:
    """The ground truth as maps by frame."""

    truth: FrameFixations
    sigma: float
    shape: Size

    def __getitem__(self, frame: int) -> NDArray[np.float32]:
        return self.truth.density(frame, *self.shape, self.sigma)


@dataclass(frozen=True)
class _Seen:
    """The n fixations of m people inside one frame.

    ``people`` ``[m, n]``: 1 where a fixation is that person's. ``cells`` ``[n, 2]``: row and column. ``down``
    ``[n, h]`` and ``across`` ``[n, w]``: the Gaussian of each.
    """

    people: Values
    cells: NDArray[np.int64]
    down: Values
    across: Values

    @staticmethod
    def of(truth: FrameFixations, frame: int, shape: Size, sigma: float) -> _Seen:
        assert truth.subjects is not None
        points = truth.points[frame]
        inside = within(points, truth.size)
        subject = np.asarray(truth.subjects[frame])[inside]
        people = (np.unique(subject)[:, None] == subject).astype(np.float64)
        down, across = profiles(points[inside], truth.size, shape, sigma)
        return _Seen(people, cells(points[inside], truth.size, shape), down, across)

    @property
    def pixels(self) -> int:
        return self.down.shape[1] * self.across.shape[1]

    def sums(self) -> Values:
        """``[n]``: the sum of each Gaussian over the grid."""
        found: Values = self.down.sum(1) * self.across.sum(1)
        return found

    def products(self) -> Values:
        """``[n, n]``: the sum over the grid of the product of each two Gaussians."""
        found: Values = (self.down @ self.down.T) * (self.across @ self.across.T)
        return found

    def at_cells(self) -> Values:
        """``[n, n]``: in row j the values of all Gaussians at the cell of fixation j."""
        rows, columns = self.cells.T
        found: Values = (self.down[:, rows] * self.across[:, columns]).T
        return found

    def by_others(self, person: int, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Values:
        """``[k]``: the density of everybody but ``person`` at some cells."""
        others = self.people[person] == 0
        found: Values = (self.down[others][:, rows] * self.across[others][:, columns]).sum(0)
        return found

    def above(self, person: int, threshold: float, density: Values, own: Values) -> NDArray[np.bool_]:
        """bool ``[h, w]``: where the density of everybody but ``person`` reaches a threshold.

        ``density`` is that of all, ``own`` that of ``person`` alone. Their difference decides but where it lies within
        rounding of the threshold: far from the others nothing else is left of it, and there all of them are added.
        """
        reached = density - own
        reached -= threshold
        unclear = np.nonzero(np.abs(reached) <= ROUNDING * density)
        found = reached > 0
        found[unclear] = self.by_others(person, *unclear) >= threshold
        return found

    def halves(self, draws: np.random.Generator) -> Values:
        """``[DRAWS, n]``: 1 for the fixations of a random half of the people (the smaller one, where they are odd)."""
        order = draws.permuted(np.tile(np.arange(len(self.people)), (DRAWS, 1)), axis=1)
        half: Values = (order < len(self.people) // 2).astype(np.float64) @ self.people
        return half


def _nss_of_one(seen: _Seen, draws: np.random.Generator) -> float:
    """Mean over people of the NSS of the others' density at their fixations."""
    sums, products, others = seen.sums(), seen.products(), 1 - seen.people
    mean = others @ sums / seen.pixels
    variance = np.einsum("mj,jk,mk->m", others, products, others) / seen.pixels - mean**2
    # Of fixation j: what everybody but its own person left there.
    value = (seen.at_cells() * (seen.people.T @ others)).sum(1)
    own = (seen.people @ value) / seen.people.sum(1)
    return float(((own - mean) / np.sqrt(variance)).mean())


def _auc_of_one(seen: _Seen, draws: np.random.Generator) -> float:
    """Mean over people of the AUC-Judd of the others' density at their fixations; see ``functional.auc_judd``.

    People have few fixations in a frame, so the pixels above each are counted instead of all of them ranked.
    """
    density = seen.down.T @ seen.across
    areas = []
    for person, who in enumerate(seen.people > 0):
        rows, columns = seen.cells[who].T
        values = seen.by_others(person, rows, columns)
        thresholds = np.unique(values)[::-1]
        own = seen.down[who].T @ seen.across[who]
        false = []
        for threshold in thresholds:
            above = seen.above(person, float(threshold), density, own)
            above[rows, columns] = False
            false.append(np.count_nonzero(above))
        unfixated = seen.pixels - len({*zip(rows.tolist(), columns.tolist(), strict=True)})
        tp = (values[:, None] >= thresholds).mean(0)
        areas.append(np.trapezoid(np.r_[0, tp, 1], np.r_[0, np.array(false) / unfixated, 1]))
    return float(np.mean(areas))


def _cc_of_halves(seen: _Seen, draws: np.random.Generator) -> float:
    sums, products, half = seen.sums(), seen.products(), seen.halves(draws)
    pair = np.stack([half, 1 - half], 1)
    mean = pair @ sums / seen.pixels
    covariance = pair @ products @ pair.transpose(0, 2, 1) / seen.pixels - mean[:, :, None] * mean[:, None]
    a, b, ab = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    return float((ab / np.sqrt(a * b)).mean())


def _sim_of_halves(seen: _Seen, draws: np.random.Generator) -> float:
    half, sums = seen.halves(draws), seen.sums()
    # Half the memory to go through; sums of positive numbers do not need more digits.
    down, across = seen.down.astype(np.float32), seen.across.astype(np.float32)
    whole = np.empty((2, down.shape[1], across.shape[1]), np.float32)
    found = []
    for one in half:
        for weights, into in zip((one / (one @ sums), (1 - one) / ((1 - one) @ sums)), whole, strict=True):
            np.matmul((down * weights[:, None].astype(np.float32)).T, across, out=into)
        found.append(float(np.minimum(whole[0], whole[1], out=whole[0]).sum(dtype=np.float64)))
    return float(np.mean(found))


_SCORES = {"nss": _nss_of_one, "auc_judd": _auc_of_one, "cc": _cc_of_halves, "sim": _sim_of_halves}
