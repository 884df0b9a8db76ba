"""The declaration of an integrator of the GASP family: data, importable without torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from gazenet.config.model import expand_path
from gazenet.config.picture_names import EXTRACTOR
from gazenet.errors import UsageError
from gazenet.fusion.integrator_contract import IntegratorSpec

MEAN = (110.63666788 / 255, 103.16065604 / 255, 96.29023126 / 255)
STD = (38.7568578 / 255, 37.88248729 / 255, 40.02898126 / 255)
"""Published RGB normalisation of every coloured cue map, after scaling to 0..1."""

PAPER = "Abawi, Weber, Wermter: GASP: Gated Attention for Saliency Prediction, IJCAI 2021"
BIBTEX = """@inproceedings{abawi2021gasp,
  title={GASP: Gated Attention for Saliency Prediction},
  author={Abawi, Fares and Weber, Tom and Wermter, Stefan},
  booktitle={IJCAI}, pages={584--591}, year={2021}, doi={10.24963/ijcai.2021/81}}"""

PICTURE = "picture"
"""Among ``colours``: the cue is given as the coloured picture that its extractor makes."""
IMPLEMENTATION = "gazenet.fusion.gasp_plugin:GaspPlugin"
RESULT_FIELDS = {"api_version", "name", "version", "summary", "cues", "licence", "paper", "bibtex"}
"""Fields of every integrator that identify results of the family, beside the fields of the family itself."""
TUNABLE = ("smoothing", "sharpness", "weights")
"""Fields of a declaration that a config may change."""


class GaspSpec(IntegratorSpec):
    """Declaration of a GASP network: all it needs beside its weights to turn cached cue maps into saliency."""

    implementation: str = IMPLEMENTATION
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

    def result_facts(self) -> dict[str, Any]:
        """The fields that results depend on beside the weights (JSON)."""
        return self.model_dump(exclude={"weights", *IntegratorSpec.model_fields} - RESULT_FIELDS)

    @model_validator(mode="after")
    def _colours_match(self) -> GaspSpec:
        if self.colours and len(self.colours) != len(self.cues):
            raise ValueError(f"{len(self.colours)} colours for {len(self.cues)} cues")
        return self

    @property
    def renderings(self) -> tuple[str, ...]:
        """The form in which the network takes each cue: ``scalar``, a colour map, or ``picture``."""
        if self.rendering == "scalar":
            return ("scalar",) * len(self.cues)
        return self.colours or tuple(PICTURE if cue in EXTRACTOR else "jet" for cue in self.cues)

    @property
    def pictured(self) -> tuple[str, ...]:
        """The cues that are given as pictures."""
        return tuple(cue for cue, how in zip(self.cues, self.renderings, strict=True) if how == PICTURE)

    def assets_with(self, parameters: Mapping[str, object]) -> tuple[str, ...]:
        """The asset of the weights, unless the declaration or the config names a file of them."""
        return (self.asset,) if self.asset and not (self.weights or parameters.get("weights")) else ()

    def tuned(self, parameters: Mapping[str, object]) -> Self:
        """The declaration with the parameters of a config. Raises UsageError."""
        changes = dict(parameters)
        for name in changes:
            if name not in TUNABLE:
                raise UsageError(f"integrator.parameters.{name}: unknown; known: {', '.join(TUNABLE)}")
        try:
            if "weights" in changes:
                changes["weights"] = expand_path(str(changes["weights"]))
            return type(self).model_validate({**self.model_dump(), **changes})
        except ValidationError as error:
            first = error.errors()[0]
            raise UsageError(f"integrator.parameters.{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        except ValueError as error:
            raise UsageError(f"integrator.parameters.weights: {error}") from None

    def on_extractors(self) -> Self:
        """The same declaration with the extractors that make published pictures in the place of the pictures' stems.

        Raises ValueError where one extractor would have to be two cues.
        """
        names = tuple(EXTRACTOR.get(cue, cue) for cue in self.cues)
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"cues {', '.join(self.cues)}: {', '.join(twice)} would be several of them")
        colours = self.renderings if self.rendering == "published" else ()
        return self.model_copy(update={"cues": names, "colours": colours})
