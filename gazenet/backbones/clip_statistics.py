"""Batch norms that use the statistics of the clip instead of those of the training."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def use_batch_statistics(network: nn.Module) -> nn.Module:
    """Make every batch norm of the network use the statistics of its input; the stored ones stay unchanged.

    For released pipelines that never switch to evaluation mode. Only batch norms change; a later ``eval`` undoes it.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.train()
            module.track_running_stats = False
    return network
