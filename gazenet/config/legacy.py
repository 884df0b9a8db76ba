"""Conversion of config files of the original release to configs of this project, with notes on keys that differ.

Two kinds of file are recognised by their keys: inference (``model_groups`` of six-position entries, readers,
samplers) and training (``model_name``, ``model_properties``, dataset properties); both may be flattened
(``a.b.[0]``). A training file changes the published experiment that its ``__name__`` or its file name names, else the
empty base experiment. Conversion never runs code from a file and never changes the base experiment itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from gazenet.config.legacy_inference import infer_data
from gazenet.config.legacy_training import overlay
from gazenet.errors import UsageError

INFER_KEYS = ("model_groups", "reader", "sampler", "inference_properties", "sampling_properties", "premodel_groups")
TRAIN_KEYS = (
    "model_name",
    "model_data_name",
    "model_properties",
    "inferer_name",
    "train_dataset_properties",
    "val_dataset_properties",
    "test_dataset_properties",
    "checkpoint_model_dir",
    "experiment_name",
    "project_name",
)
_POSITION = re.compile(r"\[(\d+)\]")
Kind = Literal["infer", "train"]


def is_legacy(data: Mapping[str, Any]) -> bool:
    """Return whether an object has keys that only files of the original release have."""
    roots = {key.split(".")[0] for key in data}
    return bool(roots & {*INFER_KEYS, *TRAIN_KEYS, "config_info"})


def convert(kind: Kind, data: Mapping[str, Any], stem: str, where: str) -> tuple[dict[str, Any], list[str]]:
    """Convert an original file to the data of a config, with one note per key that is read differently or not at all.

    Args:
        kind: "infer" or "train".
        data: the object in the file.
        stem: name of the file without its ending.
        where: name of the file in errors.

    Raises UsageError for a file of the other kind and for values that the original release does not allow.
    """
    nested = nest(data, where)
    other: Kind = "train" if kind == "infer" else "infer"
    keys = {"infer": INFER_KEYS, "train": TRAIN_KEYS}
    if not set(nested) & set(keys[kind]) and set(nested) & set(keys[other]):
        command = {"infer": "gasp_infer --infer_config_file", "train": "gasp_train --train_config_file"}[other]
        raise UsageError(f"{where}: is an original config for the other command: pass it to {command}")
    notes = ["is a config file of the original release; --dry_run shows it in the present form"]
    info = nested.pop("config_info", None)
    summary = info.get("summary", "") if isinstance(info, dict) else info
    converted = infer_data(nested, stem, where, notes) if kind == "infer" else overlay(nested, stem, where, notes)
    if isinstance(summary, str) and summary.strip():
        converted["summary"] = " ".join(summary.split())
    return converted, notes


def nest(data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Undo flattening: ``{"a.b": 1, "c.[0]": 2}`` becomes ``{"a": {"b": 1}, "c": [2]}``; copy other objects.

    Raises UsageError where a key is both a value and a parent.
    """
    if not any("." in key for key in data):
        return dict(data)
    tree: dict[str, Any] = {}
    for key, value in data.items():
        place = tree
        *parents, last = key.split(".")
        for part in parents:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise UsageError(f"{where}: {key}: {part} already has a value: it cannot have further keys")
        place[last] = value
    return {key: _lists(value) for key, value in tree.items()}


def _lists(value: Any) -> Any:
    """Convert objects whose keys are all ``[i]`` to lists, in the order of i."""
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    positions = [_POSITION.fullmatch(key) for key in inner]
    if not inner or not all(positions):
        return inner
    return [
        item for _, item in sorted((int(m[1]), item) for m, item in zip(positions, inner.values(), strict=True) if m)
    ]
