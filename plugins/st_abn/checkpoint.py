"""ST-ABN from a published file: depth, clip length and classes follow from its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from gazenet.backbones.checkpoint import file_in, load_state, read_state
from gazenet.backbones.identify import belongs
from gazenet.backbones.resnet3d import COUNTS, expansion
from gazenet.errors import UsageError
from gazenet_plugins.st_abn.network import STABN

BEST_FILE = "checkpoint-best.pt"
STAGES = ("layer1", "layer2", "layer3", "layer4")


def load_st_abn(path: str | Path) -> STABN:
    """Load the network of a checkpoint, or of the best one in a log folder, in evaluation mode.

    Raises UsageError for files that are not a checkpoint of ST-ABN.
    """
    path = file_in(path, BEST_FILE)
    state = read_state(path)
    depth = _depth(state)
    if depth is None or not {"conv_temp_att2.0.weight", "fc.weight"} <= state.keys():
        raise UsageError(
            f"{path}: is not a checkpoint of ST-ABN{belongs(state)}: its stages or attention layers are not those"
        )
    with torch.device("meta"):
        network = STABN(depth, len(state["conv_temp_att2.0.weight"]), len(state["fc.weight"]))
    return load_state(network, state, path, assign=True).eval()


def _depth(state: Mapping[str, Tensor]) -> int | None:
    """Return the depth with this many blocks in its stages, or None."""
    wide = 4 if "layer1.0.conv3.weight" in state else 1
    blocks = {tuple(key.split(".")[:2]) for key in state}
    counts = tuple(sum(block[0] == stage for block in blocks) for stage in STAGES)
    return next((depth for depth, known in COUNTS.items() if known == counts and expansion(depth) == wide), None)
