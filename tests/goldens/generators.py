"""Synthetic maps that follow from a recipe in a golden's JSON, by NumPy's legacy generator.

A recipe names a ``kind`` with its ``shape`` and ``seed``: ``blobs`` (``count`` Gaussians and ``noise``, 0..1),
``fixations`` (uint8, 255 at ``count`` pixels, likelier where the recipe ``bias`` is bright), ``uniform`` and
``normal`` (float32, times ``scale``), ``constant`` (``value``). ``stack``: that many maps with consecutive seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Recipe = Mapping[str, Any]
Map = NDArray[Any]


def generate(recipe: Recipe) -> Map:
    """The array of a recipe. Raises LookupError for an unknown kind."""
    if "stack" in recipe:
        single = {key: value for key, value in recipe.items() if key != "stack"}
        first = recipe.get("seed", 0)
        return np.stack([generate({**single, "seed": first + k}) for k in range(recipe["stack"])])
    kinds = {"constant": _constant, "uniform": _drawn, "normal": _drawn, "blobs": _blobs, "fixations": _fixations}
    if recipe["kind"] not in kinds:
        raise LookupError(f"no recipe makes {recipe['kind']!r}")
    return kinds[recipe["kind"]](recipe, np.random.RandomState(recipe.get("seed", 0)))


def _constant(recipe: Recipe, rng: np.random.RandomState) -> Map:
    return np.full(recipe["shape"], recipe["value"], np.float64)


def _drawn(recipe: Recipe, rng: np.random.RandomState) -> Map:
    values = rng.uniform(size=recipe["shape"]) if recipe["kind"] == "uniform" else rng.standard_normal(recipe["shape"])
    return (recipe.get("scale", 1.0) * values).astype(np.float32)


def _blobs(recipe: Recipe, rng: np.random.RandomState) -> Map:
    """Centre, spread and height of every blob are drawn in this order, then the noise."""
    height, width = recipe["shape"]
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    picture = np.zeros((height, width))
    for _ in range(recipe["count"]):
        y, x, tall, wide, strength = rng.uniform(size=5)
        down = (rows - y * height) ** 2 / (2 * ((0.04 + 0.12 * tall) * height) ** 2)
        across = (columns - x * width) ** 2 / (2 * ((0.04 + 0.12 * wide) * width) ** 2)
        picture += (0.2 + strength) * np.exp(-down - across)
    picture += recipe.get("noise", 0.0) * rng.uniform(size=picture.shape)
    picture = (picture - picture.min()) / np.ptp(picture)
    picture[picture < recipe.get("clip_below", 0.0)] = 0
    if recipe.get("uint8"):
        return np.round(255 * picture).astype(np.uint8)
    return recipe.get("scale", 1.0) * picture + recipe.get("offset", 0.0)


def _fixations(recipe: Recipe, rng: np.random.RandomState) -> Map:
    picture = np.zeros(recipe["shape"], np.uint8)
    likely = np.ones(picture.size)
    if recipe.get("bias"):
        likely = (generate(recipe["bias"]).astype(np.float64).ravel() + 0.02) ** 2
    chosen = rng.choice(picture.size, recipe["count"], replace=False, p=likely / likely.sum())
    picture.flat[chosen] = 255
    return picture
