"""Metrics of a batch of maps against the plain loops of published scripts: ``python benchmarks/metrics.py``.

The loops are written as such scripts are: one map at a time, one threshold, split or pixel at a time. Both sides
compute the same definition, and the largest difference between their results is shown; only where the definition
draws at random (shuffled AUC of the published evaluation) both get the same draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.metrics import functional
from gazenet.metrics.functional import original

if __package__:
    from benchmarks.side_by_side import Row, Timing, compare, show
else:
    from side_by_side import Row, Timing, compare, show

Map = NDArray[Any]
SPLITS, TURNS = 100, 10
"""Random splits; how often ours is run in one measurement: once would be too short for the clocks."""


def loop_auc_judd(p: Map, fixated: Map) -> float:
    """A binary map for every threshold."""
    thresholds = sorted(set(p[fixated].tolist()), reverse=True)
    hits, false_alarms = [0.0], [0.0]
    for threshold in thresholds:
        above = p >= threshold
        overlap = np.sum(above & fixated)
        hits.append(overlap / fixated.sum())
        false_alarms.append((above.sum() - overlap) / (p.size - fixated.sum()))
    return float(np.trapezoid([*hits, 1.0], [*false_alarms, 1.0]))


def loop_auc_shuffled(p: Map, fixated: Map, others: Map) -> float:
    """A threshold at every value that occurs, with ties as one slanted step."""
    positives, negatives = p[fixated], p[others]
    thresholds = sorted({*positives.tolist(), *negatives.tolist()}, reverse=True)
    hits, false_alarms = [0.0], [0.0]
    for threshold in thresholds:
        hits.append((positives >= threshold).mean())
        false_alarms.append((negatives >= threshold).mean())
    return float(np.trapezoid(hits, false_alarms))


def loop_published_shuffled(p: Map, fixated: Map, others: Map, draws: np.random.RandomState) -> float:
    """The published definition: random splits, thresholds a tenth apart, a binary map for each."""
    p = (p - p.min()) / np.ptp(p)
    pool = p[others]
    areas = []
    for _ in range(SPLITS):
        chosen = pool[draws.permutation(len(pool))[: int(fixated.sum())]]
        hits, false_alarms = [1.0], [1.0]
        for threshold in np.arange(0, 1, 0.1)[1:]:
            above = p >= threshold
            hits.append(np.sum(above & fixated) / fixated.sum())
            false_alarms.append((chosen >= threshold).mean())
        areas.append(np.trapezoid([*hits, 0.0][::-1], [*false_alarms, 0.0][::-1]))
    return float(np.mean(areas))


def loop_sim(p: Map, g: Map) -> float:
    """The smaller of two values, pixel by pixel."""
    p, g = p / p.sum(), g / g.sum()
    total = 0.0
    for row in range(p.shape[0]):
        for column in range(p.shape[1]):
            total += min(p[row, column], g[row, column])
    return float(total)


def samples(maps: int, size: int, fixations: int, others: int, seed: int = 0) -> dict[str, Map]:
    """Smooth predictions with noise, densities, pixels that were fixated (likelier where it is bright), others'."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size
    predictions, hits, elsewhere = [], [], []
    for _ in range(maps):
        blobs = sum(
            np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * s**2)) for y, x, s in rng.uniform(0.1, 0.5, (4, 3))
        )
        smooth = blobs + 0.1 * rng.random((size, size))
        predictions.append(smooth / smooth.max())
        for chosen, count in ((hits, fixations), (elsewhere, others)):
            weights = smooth.ravel() / smooth.sum() if chosen is hits else None
            marked = np.zeros(size * size, bool)
            marked[rng.choice(size * size, count, replace=False, p=weights)] = True
            chosen.append(marked.reshape(size, size))
    p = np.stack(predictions)
    return {"p": p, "g": p[::-1].copy(), "hit": np.stack(hits), "others": np.stack(elsewhere)}


def measure(name: str, loop: Callable[[int], float], ours: Callable[[], Any], maps: int, repetitions: int) -> Row:
    """One line; the loop goes through the maps one by one."""
    plain, fast = compare(lambda: [loop(k) for k in range(maps)], lambda: [ours() for _ in range(TURNS)], repetitions)
    fast = Timing(fast.wall / TURNS, fast.cpu / TURNS)
    found, wanted = np.asarray(ours(), np.float64), np.array([loop(k) for k in range(maps)])
    return Row(name, plain, fast, maps, f"{np.abs(found - wanted).max():.1e}")


def rows_of(data: dict[str, Map], kind: str, repetitions: int) -> list[Row]:
    """The comparisons for one kind of map."""
    p, g, hit, others = (data[name] for name in ("p", "g", "hit", "others"))
    if kind == "8-bit":
        p, g = (np.round(255 * x).astype(np.uint8) for x in (p, g))
    else:
        p, g = p.astype(np.float32), g.astype(np.float32)
    tp, tg, th, to = (torch.from_numpy(x) for x in (p, g, hit, others))
    count = len(p)
    pd, gd = p.astype(np.float64), g.astype(np.float64)

    def published() -> list[float]:
        return [original.auc_shuffled(pd[k], hit[k], others[k], np.random.RandomState(k)) for k in range(count)]

    def line(name: str, loop: Callable[[int], float], ours: Callable[[], Any]) -> Row:
        return measure(f"{name}, {kind}", loop, ours, count, repetitions)

    return [
        line("AUC-Judd", lambda k: loop_auc_judd(p[k], hit[k]), lambda: functional.auc_judd(tp, th)),
        line(
            "shuffled AUC, exact",
            lambda k: loop_auc_shuffled(p[k], hit[k], others[k]),
            lambda: functional.auc_shuffled(tp, th, to),
        ),
        line(
            f"shuffled AUC, {SPLITS} splits",
            lambda k: loop_published_shuffled(pd[k], hit[k], others[k], np.random.RandomState(k)),
            published,
        ),
        line("SIM", lambda k: loop_sim(pd[k], gd[k]), lambda: functional.sim(tp, tg)),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns 1 where results differ by more than 1e-9."""
    parser = argparse.ArgumentParser(prog=Path(__file__).name, description=__doc__.split("\n")[0])
    parser.add_argument("--maps", type=int, default=16)
    parser.add_argument("--size", type=int, default=500, help="height and width")
    parser.add_argument("--fixations", type=int, default=120)
    parser.add_argument("--others", type=int, default=2000, help="fixations of other videos, for the shuffled AUC")
    parser.add_argument("--repetitions", type=int, default=3)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    data = samples(args.maps, args.size, args.fixations, args.others)
    rows = [row for kind in ("8-bit", "float32") for row in rows_of(data, kind, args.repetitions)]
    print(
        f"{args.maps} maps of {args.size} x {args.size}, {args.fixations} fixations, {args.others} of others, 1 thread"
    )
    print(show(rows, "map"))
    return int(any(float(row.difference) > 1e-9 for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
