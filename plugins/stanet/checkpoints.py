"""Networks from published files, whose keys tell which of several versions they contain.

Files: state dicts, bare or in ``state_dict`` (``model_state_dict``: VGGSound), with or without prefixes.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from torch import Tensor

from gazenet.backbones.checkpoint import file_in, load_state, read_state
from gazenet.backbones.identify import belongs
from gazenet.backbones.safe_pickle import classes_named
from gazenet.errors import UsageError
from gazenet_plugins.stanet.sta import STA28, STA32
from gazenet_plugins.stanet.switch import AudioSwitch
from gazenet_plugins.stanet.trunks import RESNEXT, SMALL, VisualTrunk

SALIENCY_FILES = ("STANet.pth", "STA.pth")
"""File names of the saliency network in a folder of weights."""

State = Mapping[str, Tensor]


def load_saliency(path: str | Path, trunk: VisualTrunk | None = None) -> STA32 | STA28:
    """Load the saliency network of a file, or of a folder with ``STANet.pth``, in evaluation mode.

    ``trunk``: None for that of the file. Raises UsageError for other files, naming their network if it is known.
    """
    file = file_in(path, *SALIENCY_FILES)
    state = published_state(file)
    return load_state(_saliency_of(state, file, trunk or _trunk_of(state)), state, file).eval()


def _trunk_of(state: State) -> VisualTrunk:
    """Return the trunk: the small one has two convolutions per block, the published one three."""
    return RESNEXT if "features2.0.conv3.weight" in state or "features2.0.conv1.weight" not in state else SMALL


def _saliency_of(state: State, file: Path, trunk: VisualTrunk) -> STA32 | STA28:
    refine = state.get("extra_refineST.weight")
    if "extra_gates.weight" in state or "extra_out0.weight" in state:
        return STA32(outputs_of(state, "extra_convs.weight", file), trunk=trunk)
    if "extra_predict4.weight" in state or refine is not None:
        switched = "extra_convs.1.weight" in state
        return STA28(switched, outputs_of(state, "extra_video_d2.weight", file), trunk=trunk)
    if "extra_proja.weight" in state:
        raise UsageError(f"{file}: holds a network of STANet+, which is not supported; take one of STANet")
    raise UsageError(
        f"{file}: contains no saliency network of STANet{belongs(state)}: neither extra_out0 nor extra_predict4"
    )


def load_switch(path: str | Path, trunk: VisualTrunk = RESNEXT) -> AudioSwitch:
    """Load the audio switch of a state dict, of either width.

    Raises UsageError for other files, and for the published ones (``27001.pt``, ``AudioSwitch.pt``), which are pickled
    networks; the message says how to turn one into a state dict.
    """
    file, state = Path(path), published_state(path)
    return load_state(AudioSwitch(outputs_of(state, "fc.weight", file, axis=1), trunk), state, file).eval()


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


def outputs_of(state: State, key: str, file: Path, axis: int = 0) -> int:
    """Return the size of one axis of a tensor. Raises UsageError if the file has no such tensor."""
    if key not in state or state[key].ndim <= axis:
        raise UsageError(f"{file}: holds no such network of STANet (no {key})")
    return int(state[key].shape[axis])
