"""Inference files of the original release: models become extractors and an integrator, readers data-set inputs."""

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
"""Original model to extractor plugin."""
COMPLETED = -1
"""Window of an entry that a training fills in."""
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
    "what is shown is in outputs": ("inference_properties", "sampling_properties"),
    "sound is used wherever a video has some and an extractor asks for it": (
        "enable_audio", "play_audio", "audio_features",
    ),
    "records of the extractors are kept in the cache": ("write_annotations",),
    "robots are not controlled": (
        "control_robot", "robot", "robots", "controller_properties", "control_properties",
    ),
}  # fmt: skip
"""Why keys have no counterpart."""


@dataclass(frozen=True)
class LegacyEntry:
    """One model entry: name, window, kept frames, arguments of the model, of its preparation and of its results."""

    model: str
    window: Any
    source_frames: Any
    model_properties: Mapping[str, Any]
    preproc_properties: Mapping[str, Any]
    postproc_properties: Mapping[str, Any]
    key: str


def infer_data(data: Mapping[str, Any], name: str, where: str, notes: list[str]) -> dict[str, Any]:
    """Inference config data of an original file; ``notes`` receives what is read otherwise. Raises UsageError.

    ``name`` is what the file calls itself, else its own name: results go to a folder of that name. Extractors, faces
    and ground truth are those of the release (``mode: published``).
    """
    given = dict(data)
    name = str(given.pop("__name__", name))
    entries = read_entries(given.pop("model_groups", []), where)
    made = {**places(name), **_stages(entries, where, notes)}
    detector = given.pop("face_detector", None)
    if detector in DETECTORS:
        made["faces"] = {**FACES, "detector": DETECTORS[detector]}
    elif detector is not None:
        notes.append(f"face_detector: {detector} has no counterpart, the default detector finds the faces")
    if "device" in given:
        made["device"] = given.pop("device")
    made["outputs"] = read_outputs(given, made["integrator"] is not None)
    made["data"] = read_data(given, made["integrator"] is not None, where, notes)
    made["metrics"] = read_metrics(given, [one["name"] for one in made["extractors"]], where, notes)
    for reason, keys in REASONS.items():
        found = [key for key in keys if given.pop(key, None) not in (None, False, "", [], {})]
        if found:
            notes.append(f"{', '.join(found)}: left out; {reason}")
    for key in sorted(given):
        notes.append(f"{key}: unknown to this project, left out")
    return made


def read_entries(groups: Any, where: str) -> list[LegacyEntry]:
    """The entries of all groups. Raises UsageError naming the entry that does not have six positions."""
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
            name, window, frames, model, preparation, results = entry
            entries.append(LegacyEntry(name, window, frames, model or {}, preparation or {}, results or {}, key))
    return entries


def _stages(entries: list[LegacyEntry], where: str, notes: list[str]) -> dict[str, Any]:
    """Extractors and integrator, in the order of the entries."""
    extractors: dict[str, dict[str, Any]] = {}
    integrator = None
    for entry in entries:
        if entry.model == INTEGRATOR:
            integrator = _integrator(entry, extractors, notes)
        elif entry.model in EXTRACTORS:
            name = EXTRACTORS[entry.model]
            extractors[name] = _extractor(name, entry, notes)
            notes.append(f"{entry.key}: {entry.model} is the extractor {name}, with the window it declares")
        else:
            notes.append(f"{entry.key}: {entry.model} has no counterpart, left out")
    if not extractors:
        raise UsageError(f"{where}: model_groups: names no model that has a counterpart here")
    return {"extractors": list(extractors.values()), "integrator": integrator}


def _extractor(name: str, entry: LegacyEntry, notes: list[str]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for key, value in entry.model_properties.items():
        if key == "weights_file" and isinstance(value, str) and "/" in value:
            parameters["weights"] = value
        elif key == "audiovisual" and name == "stavis":
            parameters["sound"] = value
        else:
            notes.append(f"{entry.key}: {key} is left out; gasp_plugins show {name} lists the parameters")
    return extractor(name, parameters)


def _integrator(entry: LegacyEntry, extractors: dict[str, dict[str, Any]], notes: list[str]) -> dict[str, Any]:
    """The integrator of an entry; where it reads stored maps, the extractors that make them are added."""
    stems = entry.preproc_properties.get("inp_img_names_list")
    if not stems:
        stems = published_stems()
        notes.append(f"{entry.key}: names no maps: those of the five published cues are taken")
    for stem in stems:
        if stem in EXTRACTOR and stem != CAPTURED:  # the frame is there without being asked for
            extractors.setdefault(EXTRACTOR[stem], extractor(EXTRACTOR[stem], {}))
    if entry.window == COMPLETED:
        notes.append(f"{entry.key}: {entry.model} is completed by a training: gasp_train --infer_configs")
        return {"name": TRAINED}
    alias = entry.model_properties.get("weights_file") or DEFAULT_ALIAS
    notes.append(f"{entry.key}: {entry.model} is the integrator {alias}, which knows its own context and cues")
    return {"name": alias}
