"""Cache keys of the entries of one video."""

from __future__ import annotations

from gazenet.inference.engine.stage_graph import CueStage, StageGraph
from gazenet.maps.map_key import MapKey


def cue_key(cue: CueStage, source_id: str) -> MapKey:
    """Key of the maps of one extractor."""
    return MapKey(source_id, cue.name, cue.spec.version, cue.fingerprint)


def pictures_key(cue: CueStage, source_id: str) -> MapKey:
    """Key of the coloured pictures of one extractor."""
    return MapKey(source_id, picture_name(cue.name), cue.spec.version, cue.fingerprint)


def picture_name(extractor: str) -> str:
    """Name of an extractor's pictures beside its maps; no extractor can have such a name."""
    return f"{extractor}.picture"


def faces_key(graph: StageGraph, source_id: str) -> MapKey:
    """Key of the face detections; they are the records of this entry, its maps are empty."""
    return MapKey(source_id, "faces", "1", graph.faces_fingerprint)


def frames_key(source_id: str) -> MapKey:
    """Key of the times of the decoded frames, from which their number is known without decoding."""
    return MapKey(source_id, "frames", "1", "presentation-times")
