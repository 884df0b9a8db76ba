"""STSANet from a published file; its LayerNorms give the size of the frames it was trained for."""

from __future__ import annotations

from pathlib import Path

import torch

from gazenet.backbones.checkpoint import file_in, load_state, read_state
from gazenet.errors import UsageError
from gazenet_plugins.stsanet.network import PUBLISHED_SIZE, STSANet

PUBLISHED_FILE = "STSANet_DHF1K.pth"
WITNESS = "ln_0_0.weight"


def load_stsanet(path: str | Path, size: tuple[int, int] | None = None) -> STSANet:
    """Load the network of a checkpoint, in evaluation mode.

    Args:
        path: the file, or a folder with ``STSANet_DHF1K.pth``.
        size: (height, width) of the frames that it must have been trained for; None accepts any size.

    Raises UsageError for files that are not a checkpoint of STSANet, or one for another size.
    """
    path = file_in(path, PUBLISHED_FILE)
    state = read_state(path)
    trained = _trained_size(state)
    if size is not None and trained != size:
        raise UsageError(
            f"{path}: its LayerNorms ({WITNESS} {list(state[WITNESS].shape)}, ...) are made for frames of "
            f"{trained[0]}x{trained[1]}, not {size[0]}x{size[1]}; resize the frames or take another checkpoint"
        )
    with torch.device("meta"):
        network = STSANet(trained)
    return load_state(network, state, path, assign=True).eval()


def _trained_size(state: dict[str, torch.Tensor]) -> tuple[int, int]:
    """Return (height, width) from the first LayerNorm, or the published size if the file has none."""
    witness = state.get(WITNESS)
    if witness is None or witness.dim() != 4:
        return PUBLISHED_SIZE
    return 4 * witness.shape[2], 4 * witness.shape[3]
