"""Batch norms that look at the clip in hand instead of at what training left behind."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def use_batch_statistics(network: nn.Module) -> nn.Module:
    """Every batch norm of the network normalises by what it is given; the stored statistics stay as they are.

    For released pipelines that never put a network into evaluation mode. Only batch norms change; a later ``eval``
    takes it back.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.train()
            module.track_running_stats = False
    return network
