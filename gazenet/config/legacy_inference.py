"""Conversion of original inference files: models become extractors and an integrator, readers become data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gazenet.config.inference import TRAINED
from gazenet.config.inference_experiments import FACES, extractor, places
from gazenet.config.legacy_data import read_data, read_metrics, read_outputs
from gazenet.config.picture_names import CAPTURED, EXTRACTOR, published_stems
from gazenet.errors import UsageError

EXTRACTORS = {
    "DAVEInference": "dave",
    "STAViSInference": "stavis",
    "TASEDInference": "tased",
    "UNISALInference": "unisal",
    "AViNetInference": "avinet",
    "ESR9Inference": "esr9",
    "Gaze360Inference": "gaze360",
    "VideoGazeInference": "videogaze",
    "BinauralDAVEInference": "binauraldave",
}
"""Extractor plugin, by the original name of the model."""
COMPLETED = -1
"""Window of an entry that a training completes."""
INTEGRATOR, DEFAULT_ALIAS = "GASPInference", "seqdamalstmgmu"
DETECTORS = {"SFDFaceDetection": "s3fd_published", "MTCNNFaceDetection": "mtcnn_published"}
REASONS = {
    "a clip is read frame by frame and every extractor declares its own window": (
        "max_w_size", "stride", "sampler", "sampler_properties", "n_jobs", "premodel_groups",
    ),
    "readers know the published places, data.root names another; live input is --realtime": (
        "reader_properties", "realtime_capture",
    ),
    "maps cover the frame and keep its shape": ("width", "height", "postproc_properties"),
    "outputs says what is shown": ("inference_properties", "sampling_properties"),
    "sound is used where a video has a track and an extractor needs it": (
        "enable_audio", "play_audio", "audio_features",
    ),
    "the cache stores the records of the extractors": ("write_annotations",),
    "robots are not controlled": (
        "control_robot", "robot", "robots", "controller_properties", "control_properties",
    ),
}  # fmt: skip
"""Reason why keys have no counterpart, with the keys."""


@dataclass(frozen=True)
class LegacyEntry:
    """The parts of a model entry that are used: its name, window, arguments and preparation, and its key in errors."""

    model: str
    window: Any
    model_properties: Mapping[str, Any]
    preproc_properties: Mapping[str, Any]
    key: str


def infer_data(data: Mapping[str, Any], name: str, where: str, notes: list[str]) -> dict[str, Any]:
    """Return the inference config data of an original file. Raises UsageError.

    Args:
        data: the object in the file.
        name: name of the results folder where the file has no ``__name__``.
        where: name of the file in errors.
        notes: receives a line per key that is read differently or ignored.

    Extractors, faces and ground truth are those of the release (``mode: published``).
    """
    remaining = dict(data)
    name = str(remaining.pop("__name__", name))
    entries = read_entries(remaining.pop("model_groups", []), where)
    config = {**places(name), **_stages(entries, where, notes)}
    detector = remaining.pop("face_detector", None)
    if detector in DETECTORS:
        config["faces"] = {**FACES, "detector": DETECTORS[detector]}
    elif detector is not None:
        notes.append(f"face_detector: {detector} has no counterpart, the default detector is used")
    if "device" in remaining:
        config["device"] = remaining.pop("device")
    config["outputs"] = read_outputs(remaining, config["integrator"] is not None)
    config["data"] = read_data(remaining, config["integrator"] is not None, where, notes)
    config["metrics"] = read_metrics(remaining, [entry["name"] for entry in config["extractors"]], where, notes)
    for reason, keys in REASONS.items():
        ignored = [key for key in keys if remaining.pop(key, None) not in (None, False, "", [], {})]
        if ignored:
            notes.append(f"{', '.join(ignored)}: ignored; {reason}")
    for key in sorted(remaining):
        notes.append(f"{key}: unknown to this project, ignored")
    return config


def read_entries(groups: Any, where: str) -> list[LegacyEntry]:
    """Return the entries of all groups. Raises UsageError naming an entry that does not have six positions."""
    if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
        raise UsageError(f"{where}: model_groups: must be a list of groups, each a list of entries")
    entries = []
    for g, group in enumerate(groups):
        for k, entry in enumerate(group):
            key = f"model_groups.{g}.{k}"
            if not isinstance(entry, list) or len(entry) != 6 or not isinstance(entry[0], str):
                raise UsageError(
                    f"{where}: {key}: must have six positions (model, window, source frames, model, preparation and "
                    f"result properties)"
                )
            if any(part is not None and not isinstance(part, dict) for part in entry[3:]):
                raise UsageError(f"{where}: {key}: positions 4 to 6 must be objects")
            name, window, _, model, preparation, _ = entry
            entries.append(LegacyEntry(name, window, model or {}, preparation or {}, key))
    return entries


def _stages(entries: list[LegacyEntry], where: str, notes: list[str]) -> dict[str, Any]:
    """Return extractors and integrator, in the order of the entries."""
    extractors: dict[str, dict[str, Any]] = {}
    integrator = None
    for entry in entries:
        if entry.model == INTEGRATOR:
            integrator = _integrator(entry, extractors, notes)
        elif entry.model in EXTRACTORS:
            name = EXTRACTORS[entry.model]
            extractors[name] = _extractor(name, entry, notes)
            notes.append(f"{entry.key}: {entry.model} becomes the extractor {name}, with the window it declares")
        else:
            notes.append(f"{entry.key}: {entry.model} has no counterpart, ignored")
    if not extractors:
        raise UsageError(f"{where}: model_groups: none of its models has a counterpart")
    return {"extractors": list(extractors.values()), "integrator": integrator}


def _extractor(name: str, entry: LegacyEntry, notes: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for key, value in entry.model_properties.items():
        if key == "weights_file" and isinstance(value, str) and "/" in value:
            parameters["weights"] = value
        elif key == "audiovisual" and name == "stavis":
            parameters["sound"] = value
        else:
            notes.append(f"{entry.key}: {key} is ignored; gasp_plugins show {name} lists the parameters")
    return extractor(name, parameters)


def _integrator(entry: LegacyEntry, extractors: dict[str, dict[str, Any]], notes: list[str]) -> dict[str, Any]:
    """Return the integrator of an entry, and add the extractors that make the maps it reads."""
    stems = entry.preproc_properties.get("inp_img_names_list")
    if not stems:
        stems = published_stems()
        notes.append(f"{entry.key}: names no maps: those of the five published cues are used")
    for stem in stems:
        if stem in EXTRACTOR and stem != CAPTURED:  # the frame needs no extractor
            extractors.setdefault(EXTRACTOR[stem], extractor(EXTRACTOR[stem], {}))
    if entry.window == COMPLETED:
        notes.append(f"{entry.key}: {entry.model} is completed by a training: gasp_train --infer_configs")
        return {"name": TRAINED}
    alias = entry.model_properties.get("weights_file") or DEFAULT_ALIAS
    notes.append(f"{entry.key}: {entry.model} becomes the integrator {alias}, which declares its context and cues")
    return {"name": alias}
