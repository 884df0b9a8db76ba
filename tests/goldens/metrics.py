"""Goldens of saliency metrics: standard definitions, those of the published evaluation, those of its forerunner.

What a golden lists is compared; a metric that nothing here computes is an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import torch

from gazenet.metrics import functional as standard
from gazenet.metrics.functional import original
from gazenet.testing.goldens import Golden
from tests.goldens.former_areas import auc_shuffled_older
from tests.goldens.generators import Map, generate

Metrics = Mapping[str, Callable[[], float]]
NAMES = ("pred", "fixations", "salmap", "baseline")


def metrics(golden: Golden) -> float:
    """All metrics of one prediction, in every convention that the golden has a column for."""
    maps = {name: generate(recipe) for name, recipe in golden.meta["inputs"].items()}
    columns = {
        "original": _original(maps, golden.meta["numpy_seed"]),
        "pysaliency": _standard(maps),
        "saliency_metrics_py2": _older(maps, golden.meta["numpy_seed"]),
    }
    members = {"inputs", "numpy_seed", "notes", "rtol", "atol", *columns}
    if not golden.meta.keys() <= members:
        raise ValueError(f"columns that nothing answers to: {', '.join(sorted(golden.meta.keys() - members))}")
    return max(_worst(columns[name], golden.meta[name]) for name in columns if name in golden.meta)


def eight_bit_frames(golden: Golden) -> float:
    """The published chain: the coloured prediction turned grey, one seed before all random draws."""
    meta = golden.meta
    maps = {name: generate(recipe) for name, recipe in meta["inputs"].items()}
    prediction = np.array(meta["bone_grey_lut"])[maps["pred_salmap"]]
    fixations, density = maps["gt_fixmap"], maps["gt_salmap"]
    baseline = _resized(maps["gt_baseline"], density.shape)
    draws = np.random.RandomState(meta["numpy_seed"])
    values: Metrics = {
        "aucj": lambda: original.auc_judd(prediction, fixations),
        "aucb": lambda: original.auc_borji(prediction, fixations, draws),
        "aucs": lambda: original.auc_shuffled(prediction, fixations, baseline, draws),
        "nss": lambda: original.nss(prediction, fixations),
        "ifg": lambda: original.information_gain(prediction, fixations, baseline),
        "sim": lambda: original.sim(prediction, density),
        "cc": lambda: original.cc(prediction, density),
        "kld": lambda: original.kld(prediction, density),
    }
    return _worst(values, meta["original"])


def _resized(picture: Map, shape: tuple[int, ...]) -> Map:
    """The baseline is stretched with rows and columns exchanged, as published; right for square frames only."""
    return picture if picture.shape == shape else cv2.resize(picture, shape)


def _standard(maps: Mapping[str, Map]) -> Metrics:
    p, f, g, b = (torch.from_numpy(maps[name].astype(np.float64)) for name in NAMES)
    return {
        "nss": lambda: float(standard.nss(p, f)),
        "cc": lambda: float(standard.cc(p, g)),
        "sim": lambda: float(standard.sim(p, g)),
        "kld_mit": lambda: float(standard.kld(p, g)),
        "kld_min1e-20": lambda: float(standard.kld(p, g, minimum=1e-20)),
        "auc_uniform": lambda: float(standard.auc_uniform(p, f)),
        "auc_judd_nojitter": lambda: float(standard.auc_judd(p, f)),
        "auc_shuffled_exact": lambda: float(standard.auc_shuffled(p, f, b)),
        "information_gain_bits": lambda: float(standard.information_gain(p, f, b)),
    }


def _original(maps: Mapping[str, Map], seed: int) -> Metrics:
    p, f, g, b = (maps[name] for name in NAMES)
    return {
        "nss": lambda: original.nss(p, f),
        "cc": lambda: original.cc(p, g),
        "sim": lambda: original.sim(p, g),
        "kld": lambda: original.kld(p, g),
        "auc_judd": lambda: original.auc_judd(p, f),
        "auc_borji": lambda: original.auc_borji(p, f, np.random.RandomState(seed)),
        "auc_shuffled": lambda: original.auc_shuffled(p, f, b, np.random.RandomState(seed)),
        "information_gain": lambda: original.information_gain(p, f, b),
    }


def _older(maps: Mapping[str, Map], seed: int) -> Metrics:
    """The older script differs from what grew out of it in one metric."""
    p, f, b = (maps[name] for name in ("pred", "fixations", "baseline"))
    return {**_original(maps, seed), "auc_shuffled": lambda: auc_shuffled_older(p, f, b)}


def _worst(values: Metrics, wanted: Mapping[str, float | None]) -> float:
    unknown = wanted.keys() - values.keys()
    if unknown:
        raise ValueError(f"metrics that nothing answers to: {', '.join(sorted(unknown))}")
    # In the order of the definitions: random metrics may share their draws.
    return max(_error(score(), wanted[name]) for name, score in values.items() if name in wanted)


def _error(value: float, want: float | None) -> float:
    """Relative error; null in the golden stands for a value that is not finite."""
    if want is None:
        return math.inf if math.isfinite(value) else 0.0
    return reference_error(value, want)


def reference_error(value: float, reference: float) -> float:
    """Return the relative error of one number; infinite where it is not finite."""
    error = abs(value - reference) / max(abs(reference), 1e-12)
    return error if np.isfinite(error) else float("inf")
