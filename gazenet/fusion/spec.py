"""The declaration of an integrator: data, importable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MEAN = (110.63666788 / 255, 103.16065604 / 255, 96.29023126 / 255)
STD = (38.7568578 / 255, 37.88248729 / 255, 40.02898126 / 255)
"""Published RGB normalisation of every coloured cue map, after scaling to 0..1."""


class IntegratorSpec(BaseModel):
    """What a network of the GASP family needs beside its weights to turn cached cue maps into saliency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_version: int = 1
    name: str
    version: str = "1"
    summary: str = ""
    cues: tuple[str, ...] = Field(
        min_length=1, description="Extractor names in the order of the network's modalities."
    )
    rendering: Literal["scalar", "published"] = Field(
        "scalar",
        description="scalar: grey maps in 0..1. published: maps coloured when loaded, three channels, normalised.",
    )
    colours: tuple[str, ...] = Field((), description="With rendering published: a colour map name per cue.")
    input_size: tuple[int, int] = Field(
        (54, 96),
        description="(height, width) of the maps in training. Scalar maps of another aspect ratio keep it: only their "
        "longer side is brought to this one's.",
    )
    output: Literal["density", "sigmoid"] = "density"
    smoothing: int = Field(0, ge=0, description="Log densities are averaged over this many frames on either side.")
    sharpness: float = Field(1.0, gt=0, description="Exponent on the density.")
    weights: str = Field("", description="Path of the weights; empty: beside the spec.")
    licence: str = ""
    paper: str = ""
    bibtex: str = ""

    @model_validator(mode="after")
    def _colours_match(self) -> IntegratorSpec:
        if self.colours and len(self.colours) != len(self.cues):
            raise ValueError(f"{len(self.colours)} colours for {len(self.cues)} cues")
        return self
