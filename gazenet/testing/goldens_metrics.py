"""Goldens of saliency metrics: standard definitions and those of the published evaluation."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch

from gazenet.metrics import functional as standard
from gazenet.metrics.functional import original
from gazenet.testing.goldens import Golden, reference_error
from gazenet.testing.recipes import Map, made


def metrics(golden: Golden) -> float:
    """All metrics of one prediction, in both conventions."""
    maps = {name: made(recipe) for name, recipe in golden.meta["inputs"].items()}
    ours = {**_named(_standard(maps), "pysaliency"), **_named(_original(maps, golden.meta["numpy_seed"]), "original")}
    errors = [_error(value, golden.meta[column][name]) for (column, name), value in ours.items()]
    return max(errors)


def eight_bit_frames(golden: Golden) -> float:
    """The published chain: the coloured prediction turned grey, one seed before all random draws."""
    meta = golden.meta
    maps = {name: made(recipe) for name, recipe in meta["inputs"].items()}
    prediction = np.array(meta["bone_grey_lut"])[maps["pred_salmap"]]
    fixations, density, baseline = maps["gt_fixmap"], maps["gt_salmap"], maps["gt_baseline"]
    draws = np.random.RandomState(meta["numpy_seed"])
    found = {
        "aucj": original.auc_judd(prediction, fixations),
        "aucb": original.auc_borji(prediction, fixations, draws),
        "aucs": original.auc_shuffled(prediction, fixations, baseline, draws),
        "nss": original.nss(prediction, fixations),
        "ifg": original.information_gain(prediction, fixations, baseline),
        "sim": original.sim(prediction, density),
        "cc": original.cc(prediction, density),
        "kld": original.kld(prediction, density),
    }
    return max(_error(found[name], want) for name, want in meta["original"].items())


def _standard(maps: Mapping[str, Map]) -> dict[str, float]:
    names = ("pred", "fixations", "salmap", "baseline")
    p, f, g, b = (torch.from_numpy(maps[name].astype(np.float64)) for name in names)
    values = {
        "nss": standard.nss(p, f),
        "cc": standard.cc(p, g),
        "sim": standard.sim(p, g),
        "kld_mit": standard.kld(p, g),
        "auc_uniform": standard.auc_uniform(p, f),
        "auc_judd_nojitter": standard.auc_judd(p, f),
        "auc_shuffled_exact": standard.auc_shuffled(p, f, b),
        "information_gain_bits": standard.information_gain(p, f, b),
    }
    return {name: float(value) for name, value in values.items()}


def _original(maps: Mapping[str, Map], seed: int) -> dict[str, float]:
    p, f, g, b = (maps[name] for name in ("pred", "fixations", "salmap", "baseline"))
    return {
        "nss": original.nss(p, f),
        "cc": original.cc(p, g),
        "sim": original.sim(p, g),
        "kld": original.kld(p, g),
        "auc_judd": original.auc_judd(p, f),
        "auc_borji": original.auc_borji(p, f, np.random.RandomState(seed)),
        "auc_shuffled": original.auc_shuffled(p, f, b, np.random.RandomState(seed)),
        "information_gain": original.information_gain(p, f, b),
    }


def _named(values: Mapping[str, float], column: str) -> dict[tuple[str, str], float]:
    return {(column, name): value for name, value in values.items()}


def _error(found: float, want: float | None) -> float:
    """Relative error; null in the golden stands for a value that is not finite."""
    if want is None:
        return math.inf if math.isfinite(found) else 0.0
    return reference_error(found, want)
