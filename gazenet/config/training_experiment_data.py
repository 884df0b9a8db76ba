"""A published experiment as the data of a :class:`~gazenet.config.training.TrainConfig`, and its embedded-cue form.

The optimisation is that of the released training: Adam without schedule, decay or clipping, published losses, no
augmentation, one window of each video per epoch, and the epochs that its instructions name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from gazenet.config.picture_names import embedded_cues
from gazenet.config.training_experiments import Experiment

NETWORK_KWARGS = ("modalities", "in_channels", "sequence_len", "sequence_norm", "encoder")
"""Published keyword arguments that describe the network; the others belong to the training or to nothing."""
PUBLISHED_DATASETS = ("coutrot1", "coutrot2", "diem")
"""Data sets in the published split tables, in the order of the caches."""
_KNOWN_SPLIT = re.compile(r"(train|validation|test)_(ave|stavis_[123])")


def train_data(experiment: Experiment) -> dict[str, Any]:
    """Return the data of a config file of the experiment."""
    kwargs, maps, splits = experiment.model_kwargs, experiment.input_maps, experiment.split_files
    network = {name: kwargs[name] for name in NETWORK_KWARGS if name in kwargs}
    if experiment.model:
        network = {"class": experiment.model, **network}
    data: dict[str, Any] = {
        "summary": experiment.summary,
        "experiment": experiment.name,
        "name": re.sub(r"[^a-z0-9_]", "_", experiment.name.lower()),
        "network": network,
        "cues": list(maps.train),
        "rendering": "published",
        "input_size": [120, 120],
        "data": {
            "frames_root": experiment.frames_root,
            "targets": list(experiment.ground_truth_maps),
            "train": sources(splits.train),
            "validation": sources(splits.val),
            "test": sources(splits.test),
            "frame_stride": 1,
            "validation_min_observers": 1,
            "sampling": "videos",
            "window": "starts",
            "augment": {"flip": False, "shift": 0.0, "scale": 0.0},
        },
        "trainer": trainer(kwargs),
        "logger": experiment.logger,
        "project": experiment.project,
        "output": f"runs/train/{experiment.name}",
    }
    if maps.test != maps.train:
        data["test_cues"] = list(maps.test)
    return data


def sources(path: str | None) -> list[dict[str, Any]]:
    """Sources for a published split file: the installed table of that name, data set by data set, else the file."""
    if path is None:
        return []
    stem = PurePosixPath(path).stem
    if _KNOWN_SPLIT.fullmatch(stem):
        return [{"dataset": name, "split": stem} for name in PUBLISHED_DATASETS]
    return [{"dataset": "*", "split": path}]


def trainer(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The released optimisation; ``kwargs`` are the published arguments of network and data module."""
    weights = kwargs.get("loss_weights", (0.5, 2, 1, 0, 0))
    names = ("bce", "cc", "nss", "kld", "nll")
    terms = dict(weights) if isinstance(weights, Mapping) else dict(zip(names, weights, strict=True))
    return {
        "max_epochs": 2000,
        "batch_size": kwargs.get("batch_size", 8),
        "drop_last": False,
        "optimizer": "adam",
        "learning_rate": kwargs.get("learning_rate", 1.4e-4),
        "schedule": "constant",
        "weight_decay": 0.0,
        "gradient_clip": None,
        "loss": {"mode": "published", **terms, "dam": kwargs.get("dam_loss_weight", 0.5)},
        "check_val_every_n_epoch": 49,
        "checkpoint_save_every_n_epoch": 50,
        "checkpoint_save_n_top": 5,
    }


def on_embedded_cues(data: Mapping[str, Any]) -> dict[str, Any]:
    """Config data that takes the embedded cues instead of published map pictures, made from the videos themselves.

    Everything else stays; without published pictures the ground truth comes from the data sets' fixations.
    """
    cues = embedded_cues(data.get("cues", ()))
    changed = {**data, "cues": list(cues), "data": {**data.get("data", {}), "frames_root": None}}
    changed.pop("test_cues", None)
    if data.get("rendering") == "published":
        changed["colours"] = ["jet"] * len(cues)
    return changed
