"""Reads the published checkpoint, which holds a score as a NumPy number and three classifiers that nothing uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gazenet.backbones.checkpoint import checked_state, file_in, read_state
from gazenet_plugins.videogaze.network import VideoGaze

CHECKPOINT = "model.pth.tar"
UNUSED = ".classifier."

# Old and new NumPy name the same function differently.
NUMBERS = [
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),  # type: ignore[attr-defined]
    np._core.multiarray.scalar,  # type: ignore[attr-defined]
    np.dtype,
    np.dtypes.Float64DType,
    np.dtypes.Float32DType,
]


def loaded(path: Path) -> VideoGaze:
    """The network with the weights of a checkpoint file, or of a folder that holds ``model.pth.tar``.

    The classifiers (704 MB of the file) are dropped. Raises UsageError as :func:`checked_state` does.
    """
    file = file_in(path, CHECKPOINT)
    network = VideoGaze()
    with torch.serialization.safe_globals(NUMBERS):
        state = read_state(file)
    used = {key: value for key, value in state.items() if UNUSED not in key}
    network.load_state_dict(checked_state(network, used, file))
    return network
