"""The evaluator as a single file with its weights beside it."""

from __future__ import annotations

import io
from pathlib import Path

import torch

from gazenet.cues.standalone import Standalone
from gazenet.errors import UsageError
from gazenet_plugins.deeplab_saliency.network import DeepLabSaliency
from gazenet_plugins.deeplab_saliency.variant import Variant

ROOM = "gazenet_plugins.deeplab_saliency"
FILE, WEIGHTS = "saliency.py", "saliency.pth"
SUMMARY = """Where people look in every frame of some videos.

    python saliency.py FRAMES MAPS

FRAMES holds one folder of pictures per video; MAPS gets the same folders with one grey picture per frame, its maximum
at 255. From Python: SaliencyEvaluator().evaluate(FRAMES, MAPS). The weights lie beside this file."""


def standalone(network: DeepLabSaliency) -> Standalone:
    """Return the evaluator with this network."""
    buffer = io.BytesIO()
    torch.save({"variant": network.variant.model_dump(), "state_dict": network.state_dict()}, buffer)
    return Standalone(
        FILE,
        SUMMARY,
        offered=(f"{ROOM}.evaluator:SaliencyEvaluator", f"{ROOM}.evaluator:__main__"),
        beside={WEIGHTS: buffer.getvalue()},
        replaced={
            f"{ROOM}.checkpoint:load_saliency": f"{ROOM}.standalone:load_saliency",
            f"{ROOM}.variant:Variant": "types:SimpleNamespace",
        },
    )


def load_saliency(path: str | Path) -> DeepLabSaliency:
    """Load the network of a file of :func:`standalone`, in evaluation mode. Raises UsageError for other files."""
    if not Path(path).is_file():
        raise UsageError(f"{path}: no such file; put the weights there, or name them")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        network = DeepLabSaliency(variant=Variant(**content["variant"]))
        network.load_state_dict(content["state_dict"])
    except Exception:  # the file may hold anything
        raise UsageError(f"{path}: holds other weights; use the file that was written with this one") from None
    return network.eval()
