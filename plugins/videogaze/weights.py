"""Reads the published checkpoint, which holds three classifiers that nothing uses."""

from __future__ import annotations

from pathlib import Path

from gazenet.backbones.checkpoint import checked_state, file_in, read_state
from gazenet_plugins.videogaze.network import VideoGaze

CHECKPOINT = "model.pth.tar"
UNUSED = ".classifier."


def loaded(path: Path) -> VideoGaze:
    """The network with the weights of a checkpoint file, or of a folder that holds ``model.pth.tar``.

    The classifiers (704 MB of the file) are dropped. Raises UsageError as :func:`checked_state` does.
    """
    file = file_in(path, CHECKPOINT)
    network = VideoGaze()
    used = {key: value for key, value in read_state(file).items() if UNUSED not in key}
    network.load_state_dict(checked_state(network, used, file))
    return network
