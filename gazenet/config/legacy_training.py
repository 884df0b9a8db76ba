"""Conversion of original training files: changes to a published experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gazenet.config.training_experiment_data import NETWORK_KWARGS, train_data
from gazenet.config.training_experiments import BASE, Experiment, Phases, find_experiment
from gazenet.errors import UsageError

PLAIN = {
    "model_name": "model",
    "inferer_name": "inferer",
    "log_dir": "log_dir",
    "logger": "logger",
    "project_name": "project",
    "experiment_name": "experiment",
    "model_properties": "model_kwargs",
}
"""Field of an experiment, by the original key."""
PHASES = {"train_dataset_properties": "train", "val_dataset_properties": "val", "test_dataset_properties": "test"}
USED_KWARGS = (*NETWORK_KWARGS, "batch_size", "learning_rate", "loss_weights", "dam_loss_weight")
FIXED_KWARGS = {
    "out_channels": 1,
    "inp_img_width": 120,
    "inp_img_height": 120,
    "trg_img_width": 60,
    "trg_img_height": 60,
}
"""Arguments that are accepted with their published value only."""
REPLACEMENTS = {
    "checkpoint_model_dir": "checkpoints go to the folder that the key output names",
    "experiment_tags": "loggers receive no tags",
    "compute_metrics": "use --compute_metrics",
    "metrics": "gasp_train --compute_metrics writes every metric",
    "metrics_list": "gasp_train --compute_metrics writes every metric",
    "metrics_mappings": "ground truth comes from data.targets or from fixations",
    "metrics_save_file": "tables go to <output>/evaluation.csv",
}
"""Replacement of an ignored key."""
_DATASET_KEYS = ("csv_file", "video_dir", "inp_img_names_list", "gt_img_names_list")


def overlay(data: Mapping[str, Any], stem: str, where: str, notes: list[str]) -> dict[str, Any]:
    """Return the training config data of an original file. Raises UsageError.

    Args:
        data: the object in the file.
        stem: name of the file without its ending.
        where: name of the file in errors.
        notes: receives a line per key that is read differently or ignored.
    """
    remaining = dict(data)
    name = str(remaining.pop("__name__", stem))
    base = find_experiment(name)
    if base is None:
        base = find_experiment(BASE)
        notes.append(f"{name} is not a published experiment: the file changes the empty experiment {BASE}")
    assert base is not None
    fields = {PLAIN[key]: remaining.pop(key) for key in PLAIN if key in remaining}
    _check(fields, where)
    _check_data_module(remaining, fields.get("model", base.model), notes)
    fields |= _phases(base, remaining, where, notes)
    for key in sorted(remaining):
        notes.append(f"{key}: {REPLACEMENTS.get(key, 'unknown to this project, ignored')}")
    experiment = replace(base, **fields)
    if fields.get("logger") == "wandb":
        notes.append("logger: wandb is not supported, csv is used instead")
        experiment = replace(experiment, logger="csv")
    return _with_arguments(experiment, name, notes)


def _with_arguments(experiment: Experiment, name: str, notes: list[str]) -> dict[str, Any]:
    """Return the config data, with the original arguments that do not concern the network."""
    kwargs = experiment.model_kwargs
    result = train_data(experiment)
    if find_experiment(name) is None:
        result |= {"experiment": "", "name": "trained", "output": f"runs/train/{name}"}
    if "num_workers" in kwargs:
        result["trainer"]["workers"] = kwargs["num_workers"]
    for key in sorted(set(kwargs) - {*USED_KWARGS, "num_workers"}):
        if FIXED_KWARGS.get(key, object()) != kwargs[key]:
            notes.append(f"model_properties.{key}: ignored; see the config's keys data and trainer")
    return result


def _check(fields: Mapping[str, Any], where: str) -> None:
    for key, field in PLAIN.items():
        wanted = dict if field == "model_kwargs" else str
        if field in fields and not isinstance(fields[field], wanted):
            kind = "an object" if wanted is dict else "a text"
            raise UsageError(f"{where}: {key}: must be {kind}, not {fields[field]!r}")
    weights = fields.get("model_kwargs", {}).get("loss_weights", {})
    if not isinstance(weights, dict) and not (isinstance(weights, list) and len(weights) == 5):
        raise UsageError(f"{where}: model_properties.loss_weights: must be five numbers, not {weights!r}")


def _check_part(part: Mapping[str, Any], where: str, key: str) -> None:
    for name, wanted, kind in (
        ("csv_file", str, "a text"),
        ("video_dir", str, "a text"),
        ("inp_img_names_list", list, "a list of texts"),
        ("gt_img_names_list", list, "a list of texts"),
    ):
        value = part.get(name)
        texts = value if isinstance(value, list) else []
        if value is not None and not (isinstance(value, wanted) and all(isinstance(one, str) for one in texts)):
            raise UsageError(f"{where}: {key}.{name}: must be {kind}, not {value!r}")


def _check_data_module(remaining: dict[str, Any], model: str, notes: list[str]) -> None:
    module = remaining.pop("model_data_name", None)
    if module not in (None, f"{model}Data"):
        notes.append(f"model_data_name: {module} is ignored; the network alone decides the form of samples")


def _phases(base: Experiment, remaining: dict[str, Any], where: str, notes: list[str]) -> dict[str, Any]:
    """Return maps, splits, frames and targets of the three dataset properties."""
    parts = {phase: remaining.pop(key, {}) for key, phase in PHASES.items()}
    for key, phase in PHASES.items():
        if not isinstance(parts[phase], dict):
            raise UsageError(f"{where}: {key}: must be an object, not {parts[phase]!r}")
        _check_part(parts[phase], where, key)
        for unknown in sorted(set(parts[phase]) - set(_DATASET_KEYS)):
            notes.append(f"{key}.{unknown}: ignored; data.frame_stride and data.window select frames")
    maps = {
        phase: tuple(part.get("inp_img_names_list") or getattr(base.input_maps, phase))
        for phase, part in parts.items()
    }
    splits = {phase: part.get("csv_file", getattr(base.split_files, phase)) for phase, part in parts.items()}
    fields: dict[str, Any] = {"input_maps": Phases(**maps), "split_files": Phases(**splits)}
    if maps["val"] != maps["train"]:
        notes.append("val_dataset_properties.inp_img_names_list: validation uses the maps of the training")
    for key, field in (("video_dir", "frames_root"), ("gt_img_names_list", "ground_truth_maps")):
        values = {str(part[key]): part[key] for part in parts.values() if key in part}
        if len(values) > 1:
            raise UsageError(f"{where}: {key} differs between training, validation and test: one value is supported")
        if values:
            value = next(iter(values.values()))
            fields[field] = tuple(value) if isinstance(value, list) else value
    return fields
