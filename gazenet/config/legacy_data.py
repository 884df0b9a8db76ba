"""Data sets, outputs and metrics of inference files of the original release; used keys are taken out of ``given``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from gazenet.config.inference_experiments import METRICS, READERS, data_inputs, metrics, outputs, published_layout
from gazenet.config.picture_names import EXTRACTOR
from gazenet.errors import UsageError

PARTS = {"train_csv_file": "train", "val_csv_file": "validation", "test_csv_file": "test"}
"""Original key of a split table to its part."""
TABLES = ("ave", "findwho", "mvva", "fairplay_subset", "stavis_1", "stavis_2", "stavis_3")
"""Families of installed tables."""
BARE = ("train", "validation", "test")
"""Installed tables without a family."""
PREDICTED = ("det_transformed_gasp", "")
"""What the map of an integrator is called, or left open."""


def read_outputs(given: dict[str, Any], fused: bool) -> dict[str, Any]:
    """What is written: videos, a report for what was shown, pictures in the published layout."""
    written = None
    colour, truth = (_of(given, key).get("color_map") for key in ("inference_properties", "sampling_properties"))
    if given.pop("write_images", False):
        size = (given.pop("height", 500), given.pop("width", 500))
        written = published_layout(size, colour or "jet", truth or "jet")
    videos, shown = bool(given.pop("write_videos", False)), bool(given.pop("visualize_images", False))
    return outputs(fused, shown=videos, looked_at=shown, written=written)


def read_data(given: dict[str, Any], fused: bool, where: str, notes: list[str]) -> dict[str, Any] | None:
    """The data set and its videos; None for a file without a reader. Raises UsageError for tables that are no texts.

    Of the per-frame cache an integrator takes the stored maps.
    """
    splits, chosen = given.pop("datasplitter_properties", None), given.pop("process_dataset_videos_only", True)
    if "reader" not in given:
        return None
    original = given.pop("reader")
    reader = READERS.get(original, "")
    if original and not reader:
        notes.append(f"reader: {original} has no counterpart: name one with --set data.reader=NAME, or use --input")
    options = {}
    if reader == "diem" and _of(given, "sampling_properties").get("eye") in ("left", "right"):
        options["eye"] = given["sampling_properties"]["eye"]
    tables = _tables(splits, where, notes) if chosen else []
    split, subset = _families(tables)
    return data_inputs(reader, split, subset, stored=fused and reader == "processed", **options)


def _tables(splits: Any, where: str, notes: list[str]) -> list[tuple[str, str]]:
    """(part, table) of every table that is named."""
    if splits is not None and not isinstance(splits, dict):
        raise UsageError(f"{where}: datasplitter_properties: must be an object, not {splits!r}")
    found = []
    for key, value in (splits or {}).items():
        if key not in PARTS:
            notes.append(f"datasplitter_properties.{key}: left out; data.items names videos")
        elif value is not None and not isinstance(value, str):
            raise UsageError(f"{where}: datasplitter_properties.{key}: must be a text or null, not {value!r}")
        elif value:
            found.append((PARTS[key], value))
    return found


def _families(tables: Sequence[tuple[str, str]]) -> tuple[str | list[str] | None, list[str]]:
    """Split and subset: parts of one installed family where that is what they are, else the tables as they are."""
    stems = [(part, PurePosixPath(path).stem) for part, path in tables]
    for family in TABLES:
        if stems and all(stem == f"{part}_{family}" for part, stem in stems):
            return family, [part for part, _ in stems]
    installed = {*BARE, *(f"{part}_{family}" for part in BARE for family in TABLES)}
    pairs = zip(stems, tables, strict=True)
    names = list(dict.fromkeys(stem if stem in installed else path for (_, stem), (_, path) in pairs))
    return (names[0] if len(names) == 1 else names or None), []


def read_metrics(
    given: dict[str, Any], extractors: Sequence[str], where: str, notes: list[str]
) -> dict[str, Any] | None:
    """The published evaluation, if the file asks for one. Raises UsageError for metrics that are none."""
    wanted, kind = given.pop("compute_metrics", False), given.pop("metrics", "SaliencyPredictionMetrics")
    names, mappings = given.pop("metrics_list", []), given.pop("metrics_mappings", {})
    file = given.pop("metrics_save_file", None)
    if not wanted:
        return None
    if kind != "SaliencyPredictionMetrics":
        notes.append(f"metrics: {kind} has no counterpart, nothing is measured")
        return None
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise UsageError(
            f"{where}: metrics_list: {', '.join(map(str, unknown)) or 'is empty'}: known are {', '.join(METRICS)}"
        )
    stem = str(mappings.get("pred_salmap", ""))
    judged = EXTRACTOR.get(stem, "")
    if judged not in extractors:
        judged = ""
        if stem not in PREDICTED:
            notes.append(f"metrics_mappings.pred_salmap: nothing makes {stem}, the integrator's map is judged")
    return metrics(names, judged, mappings.get("gt_baseline"), file)


def _of(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object of the file; empty where there is none."""
    value = given.get(key)
    return value if isinstance(value, dict) else {}
