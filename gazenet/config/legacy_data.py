"""Data sets, outputs and metrics of original inference files; each function removes the keys it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gazenet.config.inference_experiments import METRICS, READERS, data_inputs, metrics, outputs, published_layout
from gazenet.config.picture_names import EXTRACTOR
from gazenet.errors import UsageError

PARTS = {"train_csv_file": "train", "val_csv_file": "validation", "test_csv_file": "test"}
"""Part of a split, by the original key of its table."""
TABLES = ("ave", "findwho", "mvva", "fairplay_subset", "stavis_1", "stavis_2", "stavis_3")
"""Families of installed tables."""
BARE = ("train", "validation", "test")
"""Installed tables that belong to no family."""
PREDICTED = ("det_transformed_gasp", "")
"""Original names of an integrator's map."""


def read_outputs(keys: dict[str, Any], fused: bool) -> dict[str, Any]:
    """Return the outputs: videos, a report in the place of windows, pictures in the published layout."""
    frames = None
    colour, truth = (_object(keys, key).get("color_map") for key in ("inference_properties", "sampling_properties"))
    if keys.pop("write_images", False):
        size = (keys.pop("height", 500), keys.pop("width", 500))
        frames = published_layout(size, colour or "jet", truth or "jet")
    videos, windows = bool(keys.pop("write_videos", False)), bool(keys.pop("visualize_images", False))
    return outputs(fused, shown=videos, looked_at=windows, written=frames)


def read_data(keys: dict[str, Any], fused: bool, where: str, notes: list[str]) -> dict[str, Any] | None:
    """Return the data set and its videos; None for a file without a reader.

    An integrator reads the stored maps of the per-frame cache. Raises UsageError for tables that are not texts.
    """
    splits, by_table = keys.pop("datasplitter_properties", None), keys.pop("process_dataset_videos_only", True)
    if "reader" not in keys:
        return None
    original = keys.pop("reader")
    reader = READERS.get(original, "")
    if original and not reader:
        notes.append(f"reader: {original} has no counterpart: name one with --set data.reader=NAME, or use --input")
    options = {}
    if reader == "diem" and _object(keys, "sampling_properties").get("eye") in ("left", "right"):
        options["eye"] = keys["sampling_properties"]["eye"]
    tables = _tables(splits, where, notes) if by_table else []
    split, subset = _families(tables)
    return data_inputs(reader, split, subset, stored=fused and reader == "processed", **options)


def _tables(splits: Any, where: str, notes: list[str]) -> list[tuple[str, str]]:
    """Return (part, table) of every named table."""
    if splits is not None and not isinstance(splits, dict):
        raise UsageError(f"{where}: datasplitter_properties: must be an object, not {splits!r}")
    tables = []
    for key, value in (splits or {}).items():
        if key not in PARTS:
            notes.append(f"datasplitter_properties.{key}: ignored; data.items names videos")
        elif value is not None and not isinstance(value, str):
            raise UsageError(f"{where}: datasplitter_properties.{key}: must be a text or null, not {value!r}")
        elif value:
            tables.append((PARTS[key], value))
    return tables


def _families(tables: Sequence[tuple[str, str]]) -> tuple[str | list[str] | None, list[str]]:
    """Return split and subset: one family and its parts where all tables belong to it, else the tables themselves."""
    stems = [(part, PurePosixPath(path).stem) for part, path in tables]
    for family in TABLES:
        if stems and all(stem == f"{part}_{family}" for part, stem in stems):
            return family, [part for part, _ in stems]
    installed = {*BARE, *(f"{part}_{family}" for part in BARE for family in TABLES)}
    pairs = zip(stems, tables, strict=True)
    names = list(dict.fromkeys(stem if stem in installed else path for (_, stem), (_, path) in pairs))
    return (names[0] if len(names) == 1 else names or None), []


def read_metrics(
    keys: dict[str, Any], extractors: Sequence[str], where: str, notes: list[str]
) -> dict[str, Any] | None:
    """Return the published evaluation; None for a file without one. Raises UsageError for unknown metrics."""
    enabled, kind = keys.pop("compute_metrics", False), keys.pop("metrics", "SaliencyPredictionMetrics")
    names, mappings = keys.pop("metrics_list", []), keys.pop("metrics_mappings", {})
    file = keys.pop("metrics_save_file", None)
    if not enabled:
        return None
    if kind != "SaliencyPredictionMetrics":
        notes.append(f"metrics: {kind} has no counterpart, no metrics are computed")
        return None
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise UsageError(
            f"{where}: metrics_list: {', '.join(map(str, unknown)) or 'is empty'}: known: {', '.join(METRICS)}"
        )
    stem = str(mappings.get("pred_salmap", ""))
    predictor = EXTRACTOR.get(stem, "")
    if predictor not in extractors:
        predictor = ""
        if stem not in PREDICTED:
            notes.append(f"metrics_mappings.pred_salmap: no model makes {stem}, the integrator's map is scored")
    return metrics(names, predictor, mappings.get("gt_baseline"), file)


def _object(keys: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return an object of the file; an empty one where it is absent."""
    value = keys.get(key)
    return value if isinstance(value, dict) else {}
