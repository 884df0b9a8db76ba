"""Networks from published files, whose keys tell which of several versions they contain.

Files: state dicts, bare or in ``state_dict`` (``model_state_dict``: VGGSound), with or without prefixes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from gazenet.backbones.checkpoint import checked_state, file_in, read_state
from gazenet.backbones.identify import belongs
from gazenet.backbones.safe_pickle import classes_named
from gazenet.errors import UsageError
from gazenet_plugins.stanet.classifiers import (
    SoundPath,
    SpatialAudioClassifier,
    SpatialClassifier,
    SpatialTemporalClassifier,
    Stage,
)
from gazenet_plugins.stanet.sta import STA28, STA32
from gazenet_plugins.stanet.switch import AudioSwitch, VGGSound
from gazenet_plugins.stanet.trunks import RESNEXT, SMALL, VisualTrunk

PREFIXES = ("module.",)
"""The prefix of keys in published files."""
SALIENCY_FILES = ("STANet.pth", "STA.pth")
"""File names of the saliency network in a folder of weights."""

State = Mapping[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)

UNUSED_BY_FUSION = ("Aup.", "extra_audio_d.", "extra_convs.", "extra_bilinear.")
"""Layers that the constructor of the authors' SA makes and the comparison of sound and picture does not call."""


def load_saliency(path: str | Path, trunk: VisualTrunk | None = None) -> STA32 | STA28:
    """Load the saliency network of a file, or of a folder with ``STANet.pth``, in evaluation mode.

    ``trunk``: None for that of the file. Raises UsageError for other files, naming their network if it is known.
    """
    file = file_in(path, *SALIENCY_FILES)
    state = published_state(file)
    return _filled(_saliency_of(state, file, trunk or _trunk_of(state)), state, file)


def _trunk_of(state: State) -> VisualTrunk:
    """Return the trunk: the small one has two convolutions per block, the published one three."""
    return RESNEXT if "features2.0.conv3.weight" in state or "features2.0.conv1.weight" not in state else SMALL


def _saliency_of(state: State, file: Path, trunk: VisualTrunk) -> STA32 | STA28:
    refine = state.get("extra_refineST.weight")
    if "extra_gates.weight" in state or "extra_out0.weight" in state:
        return STA32(_outputs(state, "extra_convs.weight", file), trunk=trunk)
    if "extra_predict4.weight" in state or refine is not None:
        switched = "extra_convs.1.weight" in state
        return STA28(switched, _outputs(state, "extra_video_d2.weight", file), trunk=trunk)
    if "extra_proja.weight" in state:
        raise UsageError(f"{file}: holds a network of STANet+, which is not supported; take one of STANet")
    raise UsageError(
        f"{file}: contains no saliency network of STANet{belongs(state)}: neither extra_out0 nor extra_predict4"
    )


def load_spatial(path: str | Path, trunk: VisualTrunk = RESNEXT) -> SpatialClassifier:
    """Load the classifier S of a file. Raises UsageError for others."""
    file, state = Path(path), published_state(path)
    return _filled(SpatialClassifier(_outputs(state, "extra_convs.weight", file), trunk), state, file)


def load_spatial_audio(path: str | Path, trunk: VisualTrunk = RESNEXT) -> SpatialAudioClassifier:
    """Load the classifier SA of a file, coarse or fine, in any of its three forms. Raises UsageError for others."""
    file, state = Path(path), published_state(path)
    sound = sound_path(state)
    head = "extra_video_d.weight" if sound == "compiled" else "extra_video_d.6.weight"
    network = SpatialAudioClassifier(_outputs(state, head, file), _stage(state, file, sound), sound, trunk)
    if sound == "fusion":
        state = {key: value for key, value in state.items() if not key.startswith(UNUSED_BY_FUSION)}
    return _filled(network, state, file)


def sound_path(state: State) -> SoundPath:
    """Return the form of the gate that the sound of an SA opens."""
    if "extra_convv.weight" in state:
        return "fusion"
    return "deconvolution" if "Aup.4.weight" in state else "compiled"


def _stage(state: State, file: Path, sound: SoundPath) -> Stage:
    """By the first kernel that enlarges the sound."""
    if sound == "fusion":
        return "fine"
    if "Aup.0.weight" not in state:
        raise UsageError(f"{file}: holds no classifier SA of STANet (no Aup.0.weight)")
    return "coarse" if state["Aup.0.weight"].shape[2] == 3 else "fine"


def load_spatial_temporal(path: str | Path, trunk: VisualTrunk = RESNEXT) -> SpatialTemporalClassifier:
    """Load the classifier ST of a file, also of the older compiled version. Raises UsageError for others."""
    file, state = Path(path), published_state(path)
    activated = "extra_refineST.4.weight" in state
    return _filled(
        SpatialTemporalClassifier(_outputs(state, "extra_convs.6.weight", file), activated, trunk=trunk), state, file
    )


def load_switch(path: str | Path, trunk: VisualTrunk = RESNEXT) -> AudioSwitch:
    """Load the audio switch of a state dict, of either width.

    Raises UsageError for other files, and for the published ones (``27001.pt``, ``AudioSwitch.pt``), which are pickled
    networks; the message says how to turn one into a state dict.
    """
    file, state = Path(path), published_state(path)
    return _filled(AudioSwitch(_outputs(state, "fc.weight", file, axis=1), trunk), state, file)


def load_vggsound(path: str | Path) -> VGGSound:
    """Load the sound classifier of a file, with either pool. Raises UsageError for others."""
    file, state = Path(path), published_state(path)
    if "audnet.fc_.weight" in state:
        return _filled(VGGSound("vlad", _outputs(state, "audnet.fc_.weight", file)), state, file)
    return _filled(VGGSound("avgpool", _outputs(state, "audnet.fc.weight", file)), state, file)


def published_state(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of a file by key, without ``module.``. Raises UsageError, also for pickled networks."""
    try:
        return read_state(path)
    except UsageError:
        if holds_a_network(Path(path)):
            name = Path(path).name
            raise UsageError(
                f"{path}: is a pickled network, not a state dict, and reading it would run code from it; if you trust "
                f"the file, convert it once, where its authors' code can be imported: "
                f'torch.save(torch.load("{name}", weights_only=False).state_dict(), "state_{name}")'
            ) from None
        raise


def holds_a_network(path: Path) -> bool:
    """Return whether a file contains a pickled module of torch, without running any of it."""
    with suppress(OSError, zipfile.BadZipFile):
        return any(name.startswith("torch.nn.modules") for name in classes_named(path))
    return False


def _outputs(state: State, key: str, file: Path, axis: int = 0) -> int:
    """Return the size of one axis of a tensor. Raises UsageError if the file has no such tensor."""
    if key not in state or state[key].ndim <= axis:
        raise UsageError(f"{file}: holds no such network of STANet (no {key})")
    return int(state[key].shape[axis])


def _filled(network: Network, state: State, file: Path) -> Network:
    network.load_state_dict(checked_state(network, state, file))
    return network.eval()
