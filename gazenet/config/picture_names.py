"""Published names of map pictures (stems), the cue of each, and the extractor that makes the same kind of map here.

The released training reads pictures by stem, ``<stem>_1.jpg`` of every frame. Five of them, in this order, are the
modalities of the published networks:

| stem | cue | embedded extractor in its place |
| --- | --- | --- |
| ``captured`` | the RGB frame | ``active_speaker`` |
| ``det_transformed_dave`` (or ``_tased``, ``_unisal``, ``_stavis``) | first-stage saliency | ``saliency`` |
| ``det_transformed_esr9`` | facial expression | ``facial_expression`` |
| ``det_transformed_vidgaze`` | gaze following | ``gaze_following`` |
| ``det_transformed_gaze360`` | gaze direction | ``gaze_direction`` |

The embedded cues have no colour frame. The fifth embedded cue, the active speaker, replaces it, so that a network
keeps its number of modalities and every embedded cue is used once.
"""

from __future__ import annotations

from collections.abc import Iterable

CAPTURED, EXPRESSION, FOLLOWING, DIRECTION = (
    "captured",
    "det_transformed_esr9",
    "det_transformed_vidgaze",
    "det_transformed_gaze360",
)
SALIENCY = ("dave", "tased", "unisal", "stavis", "avinet")
"""First-stage saliency networks whose maps are in the published caches."""


def saliency_stem(network: str) -> str:
    """Return the stem of the maps of a first-stage saliency network."""
    return f"det_transformed_{network}"


def published_stems(network: str = "dave") -> tuple[str, ...]:
    """Return the five published stems in the order of the modalities, with the maps of one saliency network."""
    return (CAPTURED, saliency_stem(network), EXPRESSION, FOLLOWING, DIRECTION)


EMBEDDED: dict[str, str] = {
    CAPTURED: "active_speaker",
    **{saliency_stem(network): "saliency" for network in SALIENCY},
    EXPRESSION: "facial_expression",
    FOLLOWING: "gaze_following",
    DIRECTION: "gaze_direction",
}
"""Embedded extractor in the place of each stem."""

EXTRACTOR: dict[str, str] = {
    CAPTURED: "captured",
    **{saliency_stem(network): network for network in SALIENCY},
    EXPRESSION: "esr9",
    FOLLOWING: "videogaze",
    DIRECTION: "gaze360",
}
"""Extractor plugin that makes the pictures of each stem from a video."""


def embedded_cues(stems: Iterable[str]) -> tuple[str, ...]:
    """Return the embedded extractors in the place of published stems, in their order; other names stay as they are."""
    return tuple(EMBEDDED.get(stem, stem) for stem in stems)
