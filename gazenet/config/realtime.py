"""Settings of live work."""

from __future__ import annotations

from pydantic import Field

from gazenet.config.model import ConfigModel


class TargetConfig(ConfigModel):
    """The point that people look at most, for a robot or another program."""

    rate: float = Field(10.0, gt=0, le=1000, description="Targets per second, at most.")
    field_of_view: float = Field(60.0, gt=0, lt=180, description="Horizontal angle of the picture in degrees.")
    topic: str = Field("", description="Publish targets there, for example /gazenet/target; empty: the file only.")
    middleware: str = Field("zeromq", min_length=1, description="What carries the topic: zeromq, ros, ros2, yarp.")


class RealtimeConfig(ConfigModel):
    """How ``gasp_infer --realtime`` keeps up."""

    target_rate: float | None = Field(None, gt=0, le=240, description="Frames per second shown; null: the source's.")
    adaptive: bool = Field(True, description="Run cues less often while the target rate is not held.")
    smoothing_s: float = Field(0.5, ge=0, description="Seconds over which past maps fade; 0: none.")
    stall_s: float = Field(5.0, gt=0, description="Seconds without a frame after which the source counts as lost.")
    seconds: float | None = Field(
        None, gt=0, description="Stop after so many seconds; null: at the end, or on Ctrl-C."
    )
    loop: bool = Field(False, description="Play a file again and again.")
    microphone: str = Field(
        "auto", description="auto: the default one beside a camera, where sounddevice is installed; none; or a device."
    )
    window: bool = Field(False, description="Show the overlay in a window (needs a display and tkinter).")
    status_s: float = Field(5.0, gt=0, description="Seconds between two lines of status.")
    target: TargetConfig | None = Field(
        None, description="Write targets.jsonl: where people look, for other programs."
    )
