"""The config of one inference run."""

from __future__ import annotations

import os
from typing import Any, Literal

from pydantic import ConfigDict, Field, JsonValue, field_validator, model_validator

from gazenet.config.inference_data import DataInputsConfig, MetricsConfig, PublishedConfig
from gazenet.config.model import ConfigModel, DeviceText, PathText, Scalar, expand_path
from gazenet.config.runtime import RuntimeConfig
from gazenet.config.sink_spec import SINKS, installed_settings
from gazenet.plugin_registry import installed_names

TRAINED = "trained"
"""Integrator of a config that a training completes."""


class FacesConfig(ConfigModel):
    """Detection of faces; they feed the extractors that need them, the overlay and the attention table."""

    detector: str = Field("centerface", min_length=1, description="Name of a face detector plugin.")
    stride: int = Field(2, ge=1, description="Detect on every stride-th frame; tracks carry boxes between.")
    score: float = Field(0.35, ge=0, le=1, description="Boxes below this score are dropped.")
    max_side: int = Field(640, ge=32, description="Longer side in pixels of the frame given to the detector.")
    landmarks: str = Field("facemesh", min_length=1, description="Name of a landmark network plugin, used by mesh.")
    mesh: bool = Field(True, description="Find the 478 landmarks of each face (head pose and gaze need them).")


class ExtractorConfig(RuntimeConfig):
    """One social cue: a plugin and what it is told."""

    name: str = Field(min_length=1, description="Name of an extractor plugin, as gasp_plugins list prints it.")
    parameters: dict[str, Scalar] = Field({}, description="Overrides of the plugin's declared parameters.")
    stride: int | None = Field(None, ge=1, description="Run on every stride-th frame; null: as the plugin declares.")
    isolated: bool = Field(
        False,
        description="Run it in a process of its own: a crash or an endless loop fails the input at hand, and no more.",
    )
    timeout_s: float = Field(120.0, gt=0, le=86400, description="With isolated: seconds for one batch of frames.")

    @model_validator(mode="after")
    def _is_isolated_as_it_is(self) -> ExtractorConfig:
        if self.isolated and (self.backend != "torch" or self.precision != "fp32"):
            raise ValueError(f"isolated: {self.name} runs with backend torch in precision fp32 there; leave one out")
        return self


class IntegratorConfig(RuntimeConfig):
    """Stage two: the network that fuses the cue maps."""

    name: str = Field("embedded", min_length=1, description="Name of an integrator, or the path of a trained one.")
    parameters: dict[str, Scalar] = Field({}, description="Overrides of the integrator's parameters.")

    @field_validator("name")
    @classmethod
    def _expand(cls, value: str) -> str:
        return expand_path(value) if "/" in value or value.startswith(("~", "$")) else value


class OutputsConfig(ConfigModel):
    """The sinks that write for each input: true, false, or settings where a sink has some.

    The keys below are the sinks that come with the package; any other installed sink (gasp_plugins list) is a key
    as well.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    maps: bool = Field(True, description="saliency.npy, float16 [frames, h, w].")
    overlay: bool = Field(True, description="overlay.mp4, the video with the map drawn over it, sound kept.")
    saliency_video: bool = Field(False, description="saliency.mp4, the map alone in grey.")
    attention: bool = Field(True, description="attention.csv, peak, gates and attention per face for every frame.")
    report: bool = Field(True, description="report.html, one self-contained page.")
    published: PublishedConfig | None = Field(
        None, description="Pictures of every frame in the published layout, which gasp_train reads; null: none."
    )

    @model_validator(mode="before")
    @classmethod
    def _in_one_form(cls, data: Any) -> Any:
        """true is a sink's settings as they are by default, false and null switch it off; {} is true."""
        if not isinstance(data, dict):
            return data
        values = {name: True if value == {} and name in cls.model_fields else value for name, value in data.items()}
        if isinstance(published := values.get("published"), bool):
            values["published"] = {} if published else None
        others = values.keys() - cls.model_fields
        return {name: False if name in others and value is None else value for name, value in values.items()}

    @model_validator(mode="after")
    def _others_are_installed(self) -> OutputsConfig:
        extra = self.__pydantic_extra__ or {}
        try:
            for name, value in extra.items():
                if value is not False or name not in installed_names(SINKS):
                    extra[name] = installed_settings(name, value)
        except ValueError as error:
            raise ValueError(str(error).removeprefix("outputs.")) from None
        return self

    @property
    def wanted(self) -> dict[str, dict[str, JsonValue]]:
        """The sinks that are switched on, each with its settings (JSON)."""
        values = {name: value for name, value in self.model_dump(mode="json").items() if value not in (False, None)}
        return {name: {} if value is True else value for name, value in values.items()}


class TargetConfig(ConfigModel):
    """Publishing of the point that people look at most, for a robot or another program."""

    rate: float = Field(10.0, gt=0, le=1000, description="Maximum targets per second.")
    field_of_view: float = Field(60.0, gt=0, lt=180, description="Horizontal angle of the picture in degrees.")
    topic: str = Field("", description="Topic of the targets, for example /gazenet/target; empty: the file only.")
    middleware: str = Field("zeromq", min_length=1, description="Middleware of the topic: zeromq, ros, ros2, yarp.")


class RealtimeConfig(ConfigModel):
    """Settings of ``gasp_infer --realtime``."""

    target_rate: float | None = Field(None, gt=0, le=240, description="Frames per second shown; null: the source's.")
    adaptive: bool = Field(True, description="Run cues less often while the target rate is not reached.")
    smoothing_s: float = Field(0.5, ge=0, description="Seconds over which past maps fade; 0: no smoothing.")
    stall_s: float = Field(5.0, gt=0, description="Seconds without a frame after which the source counts as lost.")
    seconds: float | None = Field(
        None, gt=0, description="Stop after this many seconds; null: at the end, or on Ctrl-C."
    )
    loop: bool = Field(False, description="Play a file again and again.")
    microphone: str = Field(
        "auto", description="auto: the default device with a camera, if sounddevice is installed; none; or a device."
    )
    window: bool = Field(False, description="Show the overlay in a window (needs a display and tkinter).")
    status_s: float = Field(5.0, gt=0, description="Seconds between status lines.")
    target: TargetConfig | None = Field(
        None, description="Write targets.jsonl: the point people look at, for other programs."
    )


class InferConfig(ConfigModel):
    """The config of a run of ``gasp_infer``; ``run.json`` keeps the resolved form.

    >>> import gazenet
    >>> config = gazenet.InferConfig(extractors=[{"name": "saliency"}, {"name": "gaze_following", "stride": 4}])
    >>> [(extractor.name, extractor.stride) for extractor in config.extractors]
    [('saliency', None), ('gaze_following', 4)]
    """

    summary: str = Field("", description="One sentence, shown by --list.")
    inputs: tuple[PathText, ...] = Field((), description="Videos; --input replaces them.")
    data: DataInputsConfig | None = Field(
        None, description="Videos of a data set as inputs; --input and 'inputs' replace them."
    )
    output_dir: PathText = Field("runs", description="Results go to <output_dir>/<video stem>/.")
    cache_dir: PathText | None = Field(None, description="Home of the cue maps; null: <output_dir>/.cache.")
    device: DeviceText = Field("cpu", description="'cpu' or 'cuda:N'.")
    map_size: int = Field(96, ge=16, le=1024, description="Longer side of a cue map in pixels.")
    chunk: int = Field(32, ge=1, le=1024, description="Frames handled, written and made durable together.")
    max_side: int = Field(1280, ge=64, description="Longer side in pixels of the frames analysed and drawn.")
    threads: int | None = Field(
        None, ge=1, description="Threads of the numeric libraries; null: cores divided by workers."
    )
    workers: int = Field(2, ge=1, description="Threads that decode and run extractors beside each other.")
    faces: FacesConfig = FacesConfig()
    extractors: tuple[ExtractorConfig, ...] = Field(min_length=1, description="The social cues, in order.")
    integrator: IntegratorConfig | None = Field(IntegratorConfig(), description="null: cue maps only.")
    outputs: OutputsConfig = OutputsConfig()
    metrics: MetricsConfig | None = Field(
        None, description="Scores against the ground truth of 'data' when all videos are done; null: none."
    )
    realtime: RealtimeConfig = RealtimeConfig()
    on_error: Literal["fail", "skip"] = Field("fail", description="skip: a failing cue becomes its neutral map.")
    seed: int = Field(0, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _distinct_extractors(self) -> InferConfig:
        names = [extractor.name for extractor in self.extractors]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"extractors: {', '.join(twice)} is listed more than once: keep one entry of each name")
        return self

    @model_validator(mode="after")
    def _metrics_have_maps(self) -> InferConfig:
        if self.metrics is None:
            return self
        names = [extractor.name for extractor in self.extractors]
        if self.metrics.prediction and self.metrics.prediction not in names:
            raise ValueError(f"metrics.prediction: {self.metrics.prediction} is none of the extractors")
        if not self.metrics.prediction and self.integrator is None:
            raise ValueError("metrics: without an integrator, metrics.prediction names the extractor that is judged")
        if not self.metrics.prediction and not (self.outputs.maps and self.outputs.attention):
            raise ValueError("metrics: need outputs.maps and outputs.attention, the maps and their times")
        return self

    @property
    def resolved_cache_dir(self) -> str:
        """The folder of the cue maps after the rule for null is applied."""
        return self.cache_dir or os.path.join(self.output_dir, ".cache")

    def map_shape(self, frame_size: tuple[int, int]) -> tuple[int, int]:
        """(h, w) of the cue maps of frames of (height, width): the aspect ratio kept, at least one cell a side."""
        scale = self.map_size / max(frame_size)
        return max(1, round(frame_size[0] * scale)), max(1, round(frame_size[1] * scale))
