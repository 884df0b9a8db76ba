"""The declaration of an integrator: data, importable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gazenet.config.picture_names import EXTRACTOR

MEAN = (110.63666788 / 255, 103.16065604 / 255, 96.29023126 / 255)
STD = (38.7568578 / 255, 37.88248729 / 255, 40.02898126 / 255)
"""Published RGB normalisation of every coloured cue map, after scaling to 0..1."""

PICTURE = "picture"
"""Among ``colours``: the cue is given as the coloured picture that its extractor makes."""


class GaspSpec(BaseModel):
    """What a network of the GASP family needs beside its weights to turn cached cue maps into saliency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    api_version: int = 1
    name: str
    version: str = "1"
    summary: str = ""
    cues: tuple[str, ...] = Field(
        min_length=1,
        description="Extractors, or published names of pictures (stems), in the order of the network's modalities.",
    )
    rendering: Literal["scalar", "published"] = Field(
        "scalar",
        description="scalar: grey maps in 0..1. published: coloured, three channels, normalised.",
    )
    colours: tuple[str, ...] = Field(
        (),
        description="With rendering published: per cue a colour map, in which its scalar map is coloured when loaded, "
        "or 'picture', the coloured picture that the extractor itself makes. Empty: pictures of published stems, jet "
        "for all others.",
    )
    input_size: tuple[int, int] = Field(
        (54, 96),
        description="(height, width) of the maps in training. Scalar maps of another aspect ratio keep it: only their "
        "longer side is brought to this one's.",
    )
    output: Literal["density", "sigmoid", "stretched"] = Field(
        "density",
        description="density: the network ends in a log density. sigmoid: of its logits, the peak made 1. stretched: "
        "of its logits, the minimum made 0 and the peak 1, as the released inference.",
    )
    smoothing: int = Field(0, ge=0, description="Log densities are averaged over this many frames on either side.")
    sharpness: float = Field(1.0, gt=0, description="Exponent on the density.")
    weights: str = Field("", description="Path of the weights, unless the catalogue has them.")
    asset: str = Field("", description="Catalogue id of the weights, taken where no path is given.")
    network: str = Field("", description="Published class that the weights must be of; empty: any.")
    licence: str = ""
    paper: str = ""
    bibtex: str = ""

    @model_validator(mode="after")
    def _colours_match(self) -> GaspSpec:
        if self.colours and len(self.colours) != len(self.cues):
            raise ValueError(f"{len(self.colours)} colours for {len(self.cues)} cues")
        return self

    @property
    def renderings(self) -> tuple[str, ...]:
        """How each cue is given to the network: ``scalar``, a colour map, or ``picture``."""
        if self.rendering == "scalar":
            return ("scalar",) * len(self.cues)
        return self.colours or tuple(PICTURE if cue in EXTRACTOR else "jet" for cue in self.cues)

    @property
    def pictured(self) -> tuple[str, ...]:
        """The cues that are given as pictures."""
        return tuple(cue for cue, how in zip(self.cues, self.renderings, strict=True) if how == PICTURE)

    def on_extractors(self) -> GaspSpec:
        """The same declaration with the extractors that make published pictures in the place of the pictures' stems.

        Raises ValueError where one extractor would have to be two cues.
        """
        names = tuple(EXTRACTOR.get(cue, cue) for cue in self.cues)
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"cues {', '.join(self.cues)}: {', '.join(twice)} would be several of them")
        colours = self.renderings if self.rendering == "published" else ()
        return self.model_copy(update={"cues": names, "colours": colours})
