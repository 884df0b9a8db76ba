"""How good maps are, by the metrics of :mod:`gazenet.metrics`, for the validation of recipes."""

from __future__ import annotations

from torch import Tensor

from gazenet.metrics import functional


def map_scores(prediction: Tensor, density: Tensor, fixations: Tensor) -> dict[str, Tensor]:
    """NSS, CC, SIM, KLD and AUC-Judd of maps ``[B, h, w]``, means over the frames that can be judged.

    Args:
        density: ``[B, h, w]``, not negative.
        fixations: ``[B, h, w]``, positive where somebody looked.
    """
    found = {
        "nss": functional.nss(prediction, fixations),
        "cc": functional.cc(prediction, density),
        "sim": functional.sim(prediction, density),
        "kld": functional.kld(prediction, density),
        "auc_judd": functional.auc_judd(prediction, fixations),
    }
    return {name: values.nanmean().float() for name, values in found.items()}
