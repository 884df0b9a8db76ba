"""Reader, densities and metrics together give the known scores of a centred Gaussian on OSIE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gazenet.data.density import density, fixation_map
from gazenet.data.image_datasets import Osie
from gazenet.metrics import functional as metric

KNOWN = {"nss": 0.836, "cc": 0.300, "auc_judd": 0.738, "sim": 0.362, "kld": 1.339}


@pytest.mark.data
@pytest.mark.slow
def test_centre_prior_on_all_pictures(test_data: Path) -> None:
    size = (600, 800)
    rows, columns = np.mgrid[:600, :800]
    prior = torch.from_numpy(np.exp(-0.5 * (((rows - 299.5) / 150) ** 2 + ((columns - 399.5) / 200) ** 2)))
    found: dict[str, list[float]] = {name: [] for name in KNOWN}
    for item in Osie(test_data / "osie").items():
        points = item.fixations(np.zeros(1))[0]
        hit = torch.from_numpy(fixation_map(points, size, size))
        smooth = torch.from_numpy(density(points, size, size, 24.0, distinct=True))
        for name, values in found.items():
            truth = hit if name in ("nss", "auc_judd") else smooth
            values.append(float(getattr(metric, name)(prior, truth)))
    for name, known in KNOWN.items():
        # The known maps were blurred with a kernel cut off at some sigmas; the divergence sees those tails.
        tolerance = 0.004 if name == "kld" else 0.001
        assert np.mean(found[name]) == pytest.approx(known, abs=tolerance), name
