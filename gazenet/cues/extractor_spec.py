"""The declaration of an extractor: data that can be read and checked without importing torch.

An entry point of group ``gazenet.extractors`` resolves to an :class:`ExtractorSpec` (or to a class that carries one
as its ``spec`` attribute). The implementation is named as a string and imported on use.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gazenet.errors import UsageError
from gazenet.plugin_registry import API_VERSION, Members, PluginSpec

__all__ = ["API_VERSION", "AudioSpec", "Cue", "ExtractorSpec", "InputSpec", "Needs", "WindowSpec"]

Cue = Literal["saliency", "gaze_direction", "gaze_following", "facial_expression", "speech", "other"]


Parameter = bool | int | float | str


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WindowSpec(_Frozen):
    """The frames that an extractor sees for the map of one frame, and the frames on which it runs."""

    before: int = Field(default=0, ge=0, description="Frames before the anchor frame.")
    after: int = Field(default=0, ge=0, description="Frames after the anchor frame.")
    stride: int = Field(
        default=1, ge=1, description="Run on every stride-th frame; maps between are interpolated linearly."
    )
    edge: Literal["clamp"] = Field(
        default="clamp", description="Beyond the ends of the video the first or last frame is repeated."
    )

    @property
    def length(self) -> int:
        """The number of frames in a window."""
        return self.before + 1 + self.after


class InputSpec(_Frozen):
    """Size and normalisation of the frames an extractor takes.

    Normalisation belongs to the weights, hence to the spec.
    """

    height: int = Field(ge=1)
    width: int = Field(ge=1)
    keep_aspect: bool = Field(
        default=False, description="Fit inside height x width keeping the aspect ratio (size varies)."
    )
    enlarge: bool = Field(
        default=True, description="With keep_aspect: enlarge frames that are smaller than height x width."
    )
    multiple_of: int = Field(default=1, ge=1, description="With keep_aspect: round both sides up to a multiple.")
    mean: tuple[float, float, float] = Field(
        default=(0.0, 0.0, 0.0), description="RGB mean, subtracted after scaling to 0..1."
    )
    std: tuple[float, float, float] = Field(default=(1.0, 1.0, 1.0), description="RGB standard deviation.")


class AudioSpec(_Frozen):
    """The form of the sound an extractor takes, converted while decoding to save memory on long videos."""

    rate: int | None = Field(default=None, ge=1000, description="Samples per second; null: the track's own.")
    mono: bool = Field(default=False, description="Mix all channels into one, their mean.")


class Needs(_Frozen):
    """Further inputs of an extractor: sound, faces, maps of other extractors."""

    audio: bool | AudioSpec = Field(default=False, description="The whole sound; true: in the form of the file.")
    faces: bool = False
    face_crops: int = Field(
        default=0,
        ge=0,
        description="Side in pixels of the square RGB crop of every face of the anchor frame (0: none), cut from the "
        "full-size frame around the centre of the box, as wide as the longer side of the box, zero outside the frame.",
    )
    maps: tuple[str, ...] = Field(
        default=(), description="Names of extractors whose maps of the same frame this one takes."
    )


class ExtractorSpec(PluginSpec):
    """The declaration of an extractor: everything the platform must know before importing it."""

    members: ClassVar[Members] = {
        "load": ("device", "dtype", "asset_path"),
        "begin": ("video",),
        "extract": ("windows",),
    }

    summary: str
    cue: Cue
    window: WindowSpec = WindowSpec()
    input: InputSpec | None = Field(default=None, description="null: the extractor takes no frames.")
    needs: Needs = Needs()
    assets: tuple[str, ...] = Field(
        default=(), description="Catalogue ids of its weights; empty: it works offline as installed."
    )
    checkpoints: tuple[str, ...] = Field(
        default=(),
        description="Parameters that hold the path of a checkpoint (file or folder); its content is part of the cache "
        "key.",
    )
    assets_replaced_by: str = Field(default="", description="The parameter that replaces all assets when it is set.")
    trained_on: tuple[str, ...] = Field(
        default=(),
        description="Data sets, by the names of their readers, that the weights were trained on: scores on them say "
        "little about other videos.",
    )
    neutral: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Value of the constant map used when there is nothing to show, such as no face.",
    )
    pictures: bool = Field(
        default=False,
        description="Whether it also returns coloured pictures, as published integrators take them (with a parameter "
        "'mode': only if that is 'published').",
    )
    deterministic: bool = True
    batch: int = Field(default=16, ge=1, description="Largest number of windows per call of extract.")
    parameters: dict[str, bool | int | float | str] = Field(
        default={}, description="Parameters that a config may change, with their defaults."
    )

    @property
    def audio(self) -> AudioSpec | None:
        """The form of the sound it takes; None for an extractor that does not listen."""
        sound = self.needs.audio
        return sound if isinstance(sound, AudioSpec) else AudioSpec() if sound else None

    def assets_with(self, parameters: Mapping[str, object]) -> tuple[str, ...]:
        """Return the assets needed with ``parameters``: none where a checkpoint replaces them."""
        return () if parameters.get(self.assets_replaced_by) else self.assets

    def trained_on_with(self, parameters: Mapping[str, object]) -> tuple[str, ...]:
        """Return the data sets the weights were trained on; empty (unknown) with a checkpoint of the user's own."""
        return () if any(parameters.get(name) for name in self.checkpoints) else self.trained_on

    def pictures_with(self, parameters: Mapping[str, object]) -> bool:
        """Return whether it draws coloured pictures with ``parameters``."""
        return self.pictures and parameters.get("mode", "published") == "published"

    @model_validator(mode="after")
    def _checkpoints_are_parameters(self) -> ExtractorSpec:
        for name in self.checkpoints:
            if not isinstance(self.parameters.get(name), str):
                raise ValueError(f"checkpoints names {name!r}, which is not a parameter of type str")
        if self.assets_replaced_by and self.assets_replaced_by not in self.checkpoints:
            raise ValueError(f"assets_replaced_by names {self.assets_replaced_by!r}, which is not in checkpoints")
        return self

    def with_parameters(self, changes: Mapping[str, object]) -> dict[str, Parameter]:
        """Return the defaults with what a config changes; UsageError names an unknown parameter or a wrong type."""
        try:
            return merged_parameters(self.parameters, changes)
        except ValueError as error:
            raise UsageError(f"{self.name}: {error}") from None


def merged_parameters(defaults: Mapping[str, Parameter], changes: Mapping[str, object]) -> dict[str, Parameter]:
    """Merge the changes of a config into the defaults. Raises ValueError for an unknown parameter or a wrong type."""
    merged = dict(defaults)
    for key, value in changes.items():
        if key not in merged:
            near = get_close_matches(key, merged, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"unknown parameter {key!r}{hint} (known: {', '.join(sorted(merged)) or 'none'})")
        merged[key] = _as_type_of(merged[key], value, f"parameter {key!r}")
    return merged


def _as_type_of(default: Parameter, value: object, name: str) -> Parameter:
    """Return ``value`` if it has the type of the default; an integer is accepted where the default is a float."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, (bool, int, float, str)) or type(value) is not type(default):
        raise ValueError(f"{name} must be {type(default).__name__}, not {value!r}")
    return value
