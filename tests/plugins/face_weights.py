"""Made-up weights of face detectors that find something, reproducibly."""

from __future__ import annotations

from torch import Tensor, nn

from gazenet.testing.goldens import filled_state
from gazenet_plugins.blazeface.network import BlazeFace
from gazenet_plugins.s3fd.network import S3fd

COARSE = ("fc7", "conv6_2", "conv7_2")


def _filled(network: nn.Module) -> dict[str, Tensor]:
    return filled_state(network)


def blazeface_state(back: bool) -> dict[str, Tensor]:
    """BlazeFace whose boxes have positive sizes and scores on both sides of the threshold."""
    state = _filled(BlazeFace(back))
    for key, value in state.items():
        if key.endswith("convs.1.weight"):
            value *= 0.2
    for head in ("8", "16"):
        state[f"regressor_{head}.bias"].view(-1, 16)[:, 2:4] = 50.0
        state[f"classifier_{head}.weight"] *= 0.1
    return state


def s3fd_state() -> dict[str, Tensor]:
    """S3FD whose boxes are not larger than numbers can be: the taps without a norm are loud."""
    state = _filled(S3fd())
    for tap in COARSE:
        state[f"{tap}_mbox_loc.weight"] *= 0.02
        state[f"{tap}_mbox_conf.weight"] *= 0.02
    return state
