"""Readers of the published classifiers of STANet, whose keys tell which of several versions they contain."""

from __future__ import annotations

from pathlib import Path

from gazenet.backbones.checkpoint import load_state
from gazenet.errors import UsageError
from gazenet_plugins.stanet.checkpoints import State, outputs_of, published_state
from gazenet_plugins.stanet.classifiers import (
    SoundPath,
    SpatialAudioClassifier,
    SpatialClassifier,
    SpatialTemporalClassifier,
    Stage,
)
from gazenet_plugins.stanet.trunks import RESNEXT, VisualTrunk
from tests.goldens.vggsound import VGGSound

UNUSED_BY_FUSION = ("Aup.", "extra_audio_d.", "extra_convs.", "extra_bilinear.")
"""Layers that the constructor of the authors' SA makes and the comparison of sound and picture does not call."""


def load_spatial(path: str | Path, trunk: VisualTrunk = RESNEXT) -> SpatialClassifier:
    """Load the classifier S of a file. Raises UsageError for others."""
    file, state = Path(path), published_state(path)
    return load_state(SpatialClassifier(outputs_of(state, "extra_convs.weight", file), trunk), state, file).eval()


def load_spatial_audio(path: str | Path, trunk: VisualTrunk = RESNEXT) -> SpatialAudioClassifier:
    """Load the classifier SA of a file, coarse or fine, in any of its three forms. Raises UsageError for others."""
    file, state = Path(path), published_state(path)
    sound = sound_path(state)
    head = "extra_video_d.weight" if sound == "compiled" else "extra_video_d.6.weight"
    network = SpatialAudioClassifier(outputs_of(state, head, file), _stage(state, file, sound), sound, trunk)
    if sound == "fusion":
        state = {key: value for key, value in state.items() if not key.startswith(UNUSED_BY_FUSION)}
    return load_state(network, state, file).eval()


def sound_path(state: State) -> SoundPath:
    """Return the form of the gate that the sound of an SA opens."""
    if "extra_convv.weight" in state:
        return "fusion"
    return "deconvolution" if "Aup.4.weight" in state else "compiled"


def _stage(state: State, file: Path, sound: SoundPath) -> Stage:
    """Return the stage, by the first kernel that enlarges the sound."""
    if sound == "fusion":
        return "fine"
    if "Aup.0.weight" not in state:
        raise UsageError(f"{file}: holds no classifier SA of STANet (no Aup.0.weight)")
    return "coarse" if state["Aup.0.weight"].shape[2] == 3 else "fine"


def load_spatial_temporal(path: str | Path, trunk: VisualTrunk = RESNEXT) -> SpatialTemporalClassifier:
    """Load the classifier ST of a file, also of the older compiled version. Raises UsageError for others."""
    file, state = Path(path), published_state(path)
    activated = "extra_refineST.4.weight" in state
    network = SpatialTemporalClassifier(outputs_of(state, "extra_convs.6.weight", file), activated, trunk=trunk)
    return load_state(network, state, file).eval()


def load_vggsound(path: str | Path) -> VGGSound:
    """Load the sound classifier of a file, with either pool. Raises UsageError for others."""
    file, state = Path(path), published_state(path)
    if "audnet.fc_.weight" in state:
        return load_state(VGGSound("vlad", outputs_of(state, "audnet.fc_.weight", file)), state, file).eval()
    return load_state(VGGSound("avgpool", outputs_of(state, "audnet.fc.weight", file)), state, file).eval()
