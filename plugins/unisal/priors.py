"""The Gaussian prior maps of UNISAL, independent of the picture and learnt per domain."""

from __future__ import annotations

import torch
from torch import Tensor

PEAK = 6.0
COUNT = 16


def initial() -> Tensor:
    """Return the initial Gaussians of the training, ``[16, 2, 2]``: (y, x) by (mean, logarithm of sigma).

    Nine on a grid, three wide ones at the middle height, three tall ones at the middle width, one over everything.
    """
    quarters = (0.25, 0.5, 0.75)
    placed = [((y, -1.5), (x, -1.5)) for y in quarters for x in quarters]
    placed += [((0.5, 0.0), (x, -1.5)) for x in quarters]
    placed += [((y, -1.5), (0.5, 0.0)) for y in quarters]
    placed += [((0.5, 0.0), (0.5, 0.0))]
    return torch.tensor(placed)


def prior_maps(gaussians: Tensor, height: int, width: int) -> Tensor:
    """Draw Gaussians ``[16, 2, 2]`` on the unit square as maps ``[16, height, width]`` with values up to 6."""
    profiles = []
    for axis, size in enumerate((height, width)):
        grid = torch.linspace(0, 1, size, device=gaussians.device, dtype=gaussians.dtype)
        mean, deviation = gaussians[:, axis, :1], gaussians[:, axis, 1:].exp()
        profiles.append(torch.exp(-(((grid - mean) / deviation) ** 2) / 2))
    return PEAK * profiles[0][:, :, None] * profiles[1][:, None, :]


def centred_kernel(size: int = 41, log_deviation: float = -2.0) -> Tensor:
    """Return a Gaussian over the unit square with sum 1, ``[1, 1, size, size]``: the initial smoothing kernel."""
    grid = torch.linspace(0, 1, size)
    profile = torch.exp(-(((grid - 0.5) / torch.tensor(log_deviation).exp()) ** 2) / 2)
    kernel = profile[:, None] * profile[None, :]
    return (kernel / kernel.sum())[None, None]
