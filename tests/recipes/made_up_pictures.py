"""A made-up cache in the published layout: coloured maps, density and fixations of a moving blob."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gazenet.config.load import validate
from gazenet.config.picture_names import published_stems
from gazenet.config.training import TrainConfig
from gazenet.config.training_experiment_data import train_data
from gazenet.config.training_experiments import find_experiment

FRAMES, SIDE = 12, 40


def blob(seed: int, frame: int) -> np.ndarray:
    """Grey uint8 ``[SIDE, SIDE]``."""
    start = np.random.default_rng(seed).uniform(12, 28, 2)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    x, y = start + 0.5 * frame
    return (255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 40)).astype(np.uint8)


def write_cache(root: Path, videos: dict[str, list[str]], stems: tuple[str, ...] = published_stems()) -> Path:
    """``<root>/<dataset>/<video>/<frame>/<stem>_1.jpg`` for every video of a data set."""
    for dataset, names in videos.items():
        for seed, name in enumerate(names):
            for frame in range(FRAMES):
                folder = root / dataset / name / str(frame + 1)
                folder.mkdir(parents=True)
                grey = blob(seed, frame)
                save(folder / "transformed_salmap_1.jpg", grey)
                save(folder / "transformed_fixmap_1.jpg", np.where(grey > 220, 255, 0).astype(np.uint8))
                for k, stem in enumerate(stems):
                    save(folder / f"{stem}_1.jpg", np.stack([grey, np.roll(grey, k), 255 - grey], -1))
    return root


def save(path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(path, quality=95)


def tiny(name: str, root: Path, output: Path, **changes: Any) -> TrainConfig:
    """A published experiment with a small network on small pictures of every video below ``root``."""
    experiment = find_experiment(name)
    assert experiment is not None
    sources = '[{"dataset":"diem"}]'
    given = {
        "network__latent": 4,
        "network__encoder": "Light",
        "input_size": "[16,16]",
        "data__frames_root": root,
        "data__train": sources,
        "data__validation": sources,
        "data__test": "[]",
        "trainer__max_epochs": 3,
        "trainer__batch_size": 2,
        "trainer__check_val_every_n_epoch": 1,
        "trainer__checkpoint_save_every_n_epoch": 1,
        "logger": "csv",
        "output": output,
        **changes,
    }
    sets = [f"{key.replace('__', '.')}={value}" for key, value in given.items()]
    return validate(TrainConfig, train_data(experiment), "test", sets)
