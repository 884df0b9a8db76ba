"""Under which keys one video's results stand in the cache."""

from __future__ import annotations

from gazenet.inference.engine.stage_graph import CueStage, StageGraph
from gazenet.maps.map_key import MapKey


def cue_key(cue: CueStage, source_id: str) -> MapKey:
    """The maps of one extractor."""
    return MapKey(source_id, cue.name, cue.spec.version, cue.fingerprint)


def pictures_key(cue: CueStage, source_id: str) -> MapKey:
    """The coloured pictures of one extractor."""
    return MapKey(source_id, picture_name(cue.name), cue.spec.version, cue.fingerprint)


def picture_name(extractor: str) -> str:
    """What pictures are called beside the maps of the same extractor; no extractor can have such a name."""
    return f"{extractor}.picture"


def faces_key(graph: StageGraph, source_id: str) -> MapKey:
    """The face detections; the maps of this entry are empty, its records count."""
    return MapKey(source_id, "faces", "1", graph.faces_fingerprint)


def frames_key(source_id: str) -> MapKey:
    """The time of every decoded frame: what tells, without decoding, how many frames there are and when."""
    return MapKey(source_id, "frames", "1", "presentation-times")
