"""Published names of map pictures (stems), what each shows, and which extractor makes the same kind of map here.

The released training reads pictures by stem, ``<stem>_1.jpg`` of every frame. Five of them, in this order, are the
modalities of the published networks:

| stem | cue | embedded extractor that stands for it |
| --- | --- | --- |
| ``captured`` | the RGB frame | ``active_speaker`` |
| ``det_transformed_dave`` (or ``_tased``, ``_unisal``, ``_stavis``) | first-stage saliency | ``saliency`` |
| ``det_transformed_esr9`` | facial expression | ``facial_expression`` |
| ``det_transformed_vidgaze`` | gaze following | ``gaze_following`` |
| ``det_transformed_gaze360`` | gaze direction | ``gaze_direction`` |

The embedded cues hold no colour frame. Its place is taken by the fifth embedded cue, the active speaker, so that a
network keeps its number of modalities and every embedded cue is used once.
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
"""First-stage saliency networks whose maps the published caches hold."""


def saliency_stem(network: str) -> str:
    """The stem of the maps of a first-stage saliency network."""
    return f"det_transformed_{network}"


def published_stems(network: str = "dave") -> tuple[str, ...]:
    """The five published stems in the order of the modalities, with the maps of one saliency network."""
    return (CAPTURED, saliency_stem(network), EXPRESSION, FOLLOWING, DIRECTION)


EMBEDDED: dict[str, str] = {
    CAPTURED: "active_speaker",
    **{saliency_stem(network): "saliency" for network in SALIENCY},
    EXPRESSION: "facial_expression",
    FOLLOWING: "gaze_following",
    DIRECTION: "gaze_direction",
}
"""Stem to the embedded extractor that stands for it."""

EXTRACTOR: dict[str, str] = {
    CAPTURED: "captured",
    **{saliency_stem(network): network for network in SALIENCY},
    EXPRESSION: "esr9",
    FOLLOWING: "videogaze",
    DIRECTION: "gaze360",
}
"""Stem to the extractor plugin that makes the same pictures from a video."""


def embedded_cues(stems: Iterable[str]) -> tuple[str, ...]:
    """The embedded extractors that stand for published stems, in their order; other names stay as they are."""
    return tuple(EMBEDDED.get(stem, stem) for stem in stems)
