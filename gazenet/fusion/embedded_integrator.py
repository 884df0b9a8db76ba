"""The integrator that comes with the package."""

from __future__ import annotations

from pathlib import Path

from gazenet.fusion.gasp_spec import BIBTEX, PAPER, GaspSpec

WEIGHTS = Path(__file__).with_name("weights") / "embedded.safetensors"

CUES = ("saliency", "gaze_direction", "gaze_following", "facial_expression", "active_speaker")

SPEC = GaspSpec(
    name="embedded",
    summary="Small gated fusion of the five embedded cues, trained on fixations of people watching social videos",
    cues=CUES,
    smoothing=30,
    sharpness=1.4,
    weights=str(WEIGHTS),
    licence="MIT; trained on research-only data, not cleared for commercial use",
    paper=PAPER,
    bibtex=BIBTEX,
)
