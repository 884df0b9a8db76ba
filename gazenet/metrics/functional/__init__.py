"""Saliency metrics as pure functions of maps ``[..., H, W]``; standard definitions.

A frame that cannot be scored (nothing fixated, a prediction that is not finite) gives NaN and is to be counted, never
silently dropped; a constant prediction is a valid frame and gives 0 (or chance).
"""

from gazenet.metrics.functional.auc import auc_borji, auc_judd, auc_shuffled, auc_uniform
from gazenet.metrics.functional.cc import cc
from gazenet.metrics.functional.information_gain import information_gain
from gazenet.metrics.functional.kld import kld
from gazenet.metrics.functional.nss import nss
from gazenet.metrics.functional.sim import sim

__all__ = ["auc_borji", "auc_judd", "auc_shuffled", "auc_uniform", "cc", "information_gain", "kld", "nss", "sim"]
