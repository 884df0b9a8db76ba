"""A made-up cache: one bright blob per frame that people look at, and a cue that says nothing."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from gazenet.config.inference import InferConfig
from gazenet.config.load import validate
from gazenet.config.training import TrainConfig
from gazenet.cues.registry import PluginEntry
from gazenet.data.cue_clip import CueClip
from gazenet.data.findwho import FindWhoVideo
from gazenet.data.fixations import Fixations
from gazenet.inference.cache.recall import Recalled
from gazenet.recipes.gasp.extract_cues import Extract, first_stage
from gazenet.recipes.gasp.gasp_recipe import SPEC
from gazenet.recipes.gasp.gasp_run import GaspTraining
from gazenet.training.recipe_run import RecipeResult, train_recipe

FRAMES, SIZE, SHAPE = 24, (72, 128), (18, 32)


def path_of_blob(seed: int) -> np.ndarray:
    """Where the blob is in each frame, ``[T, 2]`` pixels."""
    rng = np.random.default_rng(seed)
    start, speed = rng.uniform(0.2, 0.8, 2), rng.uniform(-0.01, 0.01, 2)
    return (start + speed * np.arange(FRAMES)[:, None]) * [SIZE[1], SIZE[0]]


def blob_maps(seed: int) -> dict[str, np.ndarray]:
    """Cue ``saliency``: noise. Cue ``active_speaker``: the blob."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    scale = SIZE[1] / SHAPE[1]
    blobs = [np.exp(-((columns - x / scale) ** 2 + (rows - y / scale) ** 2) / 8) for x, y in path_of_blob(seed)]
    noise = np.random.default_rng(seed + 100).integers(0, 255, (FRAMES, *SHAPE))
    return {"saliency": noise.astype(np.uint8), "active_speaker": (255 * np.stack(blobs)).astype(np.uint8)}


def fixations_on_blob(seed: int) -> Fixations:
    """Nine observers fixate the blob in every frame, with a little scatter."""
    rng = np.random.default_rng(seed + 200)
    points = np.repeat(path_of_blob(seed), 9, 0) + rng.normal(0, 2, (9 * FRAMES, 2))
    subject = np.tile(np.arange(9), FRAMES)
    start = np.repeat(np.arange(FRAMES) / 25 + 0.01, 9)
    return Fixations(subject, start, np.full(len(start), 0.01), points)


def make_clip(seed: int, source: int = 0) -> CueClip:
    video = FindWhoVideo(f"{seed:03d}", Path(f"{seed:03d}.mp4"), fixations_on_blob(seed), size=SIZE)
    return CueClip("findwho", video, blob_maps(seed), np.arange(FRAMES) / 25, 4.0, source)


def fake_extract(config: InferConfig, paths: Sequence[Path]) -> Mapping[Path, Recalled]:
    """What the first stage would say, without media."""
    assert config.integrator is None
    return {path: Recalled(blob_maps(int(path.stem)), np.arange(FRAMES) / 25) for path in paths}


def train(
    config: TrainConfig, resume: bool = False, extract: Extract = first_stage, set_aside: bool = False, **changes: Any
) -> RecipeResult:
    """The recipe ``gasp`` with cues of ``extract``; ``changes``: keys of the config."""
    config = validate(TrainConfig, {**config.model_dump(mode="json"), **changes}, "test")
    entry = PluginEntry("gasp", SPEC, "tests", lambda: cast(type, functools.partial(GaspTraining, extract=extract)))
    # None in processes that only help to train.
    return cast(RecipeResult, train_recipe(entry, config, resume, set_aside))


def make_config(root: Path, output: Path, **changes: Any) -> TrainConfig:
    """A tiny network on two cues; ``changes`` are ``--set`` keys with dots written as two underscores."""
    values: dict[str, Any] = {
        "network": {"order": ["gmu"], "in_channels": 1, "latent": 4, "encoder": "Light", "head": "density"},
        "cues": ["saliency", "active_speaker"],
        "input_size": [18, 32],
        "data": {
            "root": str(root),
            "train": [{"dataset": "findwho", "items": ["001", "002"]}],
            "validation": [{"dataset": "findwho", "items": ["003"]}],
            "frame_stride": 2,
        },
        "trainer": {
            "max_epochs": 4,
            "batch_size": 4,
            "samples_per_epoch": 16,
            "learning_rate": 0.02,
            "loss": {"bce": 0, "cc": 1, "nss": 0.1, "kld": 1},
        },
        "output": str(output),
    }
    sets = [f"{key.replace('__', '.')}={value}" for key, value in changes.items()]
    return validate(TrainConfig, values, "test", sets)
