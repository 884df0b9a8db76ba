"""Weights of the whole network, or those of a segmentation network to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from gazenet.backbones.checkpoint import checked_state, load_published, read_state
from gazenet.errors import UsageError
from gazenet_plugins.deeplab_saliency.network import DeepLabSaliency

RENAMED = {"backbone.": "backbone.", "classifier.0.": "aspp."}
"""Prefixes of a DeepLabV3 for segmentation, and what they are here; its classifiers are left out."""


def load_saliency(path: str | Path) -> DeepLabSaliency:
    """The network of a checkpoint, in evaluation mode. Raises UsageError for other files."""
    network = DeepLabSaliency()
    load_published(network, path)
    return network.eval()


def load_segmentation(network: DeepLabSaliency, path: str | Path) -> None:
    """Backbone and pyramid from a DeepLabV3-ResNet50 for segmentation (``deeplabv3_resnet50_coco``).

    The decoder keeps its values. Raises UsageError where the file lacks a part of either.
    """
    found = renamed(read_state(path, prefixes=("module.",)))
    if not found:
        raise UsageError(f"{path}: holds no DeepLabV3 for segmentation (keys backbone.*, classifier.0.*)")
    decoder = {
        key: value for key, value in network.state_dict().items() if not key.startswith(tuple(RENAMED.values()))
    }
    network.load_state_dict(checked_state(network, {**decoder, **found}, path))


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of a segmentation network that are wanted here, under their names here."""
    return {
        ours + key.removeprefix(theirs): value
        for key, value in state.items()
        for theirs, ours in RENAMED.items()
        if key.startswith(theirs)
    }
