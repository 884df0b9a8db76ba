"""Pretrained backbones, loaded into a network by position, as their keys depend on where it was cut."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from gazenet.backbones.checkpoint import load_state, read_state
from gazenet.errors import UsageError
from gazenet_plugins.stanet.switch import AudioSwitch

CHILDREN = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool")


def load_visual(network: nn.Module, path: str | Path) -> None:
    """Load a residual network for ImageNet (``resnext101_32x8d`` of WSL-Images) into the visual trunk.

    Stages beyond the cut and the classifier are left out. Raises UsageError for weights of another network.
    """
    _load(network, path, read_state(path), _visual_prefixes(network))


def load_sound(network: nn.Module, path: str | Path) -> None:
    """Load VGGSound with NetVLAD (``vggsound_netvlad.pth.tar``) into the audio trunk.

    Raises UsageError for weights of another network.
    """
    state = {key.removeprefix("audnet."): value for key, value in read_state(path).items()}
    part = "layerA" if isinstance(network, AudioSwitch) else "audio_model"
    _load(network, path, state, {name: f"{part}.{number}." for number, name in enumerate(CHILDREN)})


def _visual_prefixes(network: nn.Module) -> dict[str, str]:
    if hasattr(network, "features0"):
        ends = {"layer3": "features1.", "layer4": "features2."}
        return {name: f"features0.{number}." for number, name in enumerate(CHILDREN[:6])} | ends
    part = "layerV" if isinstance(network, AudioSwitch) else "features"
    return {name: f"{part}.{number}." for number, name in enumerate(CHILDREN)}


def _load(network: nn.Module, path: str | Path, state: Mapping[str, Tensor], prefixes: Mapping[str, str]) -> None:
    own = network.state_dict()
    parts = tuple({prefix.split(".")[0] + "." for prefix in prefixes.values()})
    needed = {key for key in own if key.startswith(parts)}
    loaded = {}
    for key, value in state.items():
        child, _, tail = key.partition(".")
        name = prefixes.get(child, "") + tail
        if name in needed:
            loaded[name] = value
    if not needed:
        raise UsageError(f"{path}: {type(network).__name__} has no such part")
    unchanged = {key: value for key, value in own.items() if key not in needed}
    load_state(network, {**unchanged, **loaded}, path)
