"""Settings of live runs."""

from __future__ import annotations

from pydantic import Field

from gazenet.config.model import ConfigModel


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
