"""Weights of the complete network, or of a segmentation network to initialise it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from gazenet.backbones.checkpoint import load_state, read_content, read_state, state_in
from gazenet.errors import UsageError
from gazenet_plugins.deeplab_saliency.network import DeepLabSaliency
from gazenet_plugins.deeplab_saliency.trunks import ThinResNet, load_onnx
from gazenet_plugins.deeplab_saliency.variant import PUBLISHED, Variant

RENAMED = {"backbone.": "backbone.", "classifier.0.": "aspp."}
"""Prefixes of a DeepLabV3 for segmentation, and what they are here; its classifiers are left out."""

VARIANT = "variant"
"""Key beside ``state_dict`` that declares the variant; without it the checkpoint is of the published network."""


def load_saliency(path: str | Path) -> DeepLabSaliency:
    """Load the network of a checkpoint, in evaluation mode. Raises UsageError for other files."""
    content = read_content(path)
    state = state_in(content, path)
    return load_state(DeepLabSaliency(variant=declared(content, path)), state, path).eval()


def container(state: Mapping[str, Tensor], variant: Variant) -> dict[str, Any]:
    """Return the content of a checkpoint; that of the published network has no declaration."""
    own = {} if variant == PUBLISHED else {VARIANT: variant.model_dump()}
    return {**own, "state_dict": dict(state)}


def declared(content: object, path: str | Path) -> Variant:
    """Return the variant that a checkpoint declares. Raises UsageError for an unknown declaration."""
    try:
        return Variant.model_validate(content.get(VARIANT, {}) if isinstance(content, Mapping) else {})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (VARIANT, *first["loc"])))
        raise UsageError(f"{path}: {place}: {first['msg']}; made by a newer version?") from None


def begin_with(network: DeepLabSaliency, path: str | Path) -> None:
    """Initialise a network for training; what the file lacks beside the trunk keeps its values.

    A DeepLabV3 for segmentation initialises trunk and pyramid, ``open_nsfw.onnx`` the thin trunk, a checkpoint of any
    variant with the same trunk everything that both have. Raises UsageError for other files.
    """
    if Path(path).suffix == ".onnx":
        if not isinstance(network.backbone, ThinResNet):
            raise UsageError(f"{path}: fits network.trunk resnet50_thin, not {network.variant.trunk}")
        load_onnx(network.backbone, path)
        return
    state = read_state(path)
    if any(key.startswith("classifier.") for key in state):
        load_segmentation(network, path)
        return
    own = network.state_dict()
    others = {key: value for key, value in own.items() if not key.startswith("backbone.")}
    optional = tuple(f"{name}." for name in ("skip4", "skip8", "window"))
    initial = {key: value for key, value in state.items() if key in own or not key.startswith(optional)}
    load_state(network, {**others, **initial}, path)


def load_segmentation(network: DeepLabSaliency, path: str | Path) -> None:
    """Load backbone and pyramid of a DeepLabV3-ResNet50 for segmentation (``deeplabv3_resnet50_coco``).

    The decoder keeps its values. Raises UsageError if the file lacks a part of either.
    """
    weights = renamed(read_state(path))
    if not weights:
        raise UsageError(f"{path}: contains no DeepLabV3 for segmentation (keys backbone.*, classifier.0.*)")
    decoder = {
        key: value for key, value in network.state_dict().items() if not key.startswith(tuple(RENAMED.values()))
    }
    load_state(network, {**decoder, **weights}, path)


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the entries of a segmentation network that exist here, under their names here."""
    return {
        ours + key.removeprefix(theirs): value
        for key, value in state.items()
        for theirs, ours in RENAMED.items()
        if key.startswith(theirs)
    }
