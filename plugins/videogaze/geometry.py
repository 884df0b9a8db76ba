"""The gaze cone of one frame in another: a rotation, a quadratic form, a grid of 13 x 13 cells.

Source: Recasens et al., "Following Gaze in Video", ICCV 2017, section 3. The signs of the rotations are mixed and the
grid's first coordinate runs along rows; the network was trained that way.
"""

from __future__ import annotations

import torch
from torch import Tensor

GRID = 13


def rotation(angles: Tensor) -> Tensor:
    """Return rotations ``[N, 3, 3]`` about z, y, x, in this order, of angles ``[N, 3]`` about x, y, z in radians."""
    (cx, cy, cz), (sx, sy, sz) = angles.cos().unbind(1), angles.sin().unbind(1)
    zeros, ones = torch.zeros_like(cx), torch.ones_like(cx)
    about_x = _matrix(ones, zeros, zeros, zeros, cx, sx, zeros, -sx, cx)
    about_y = _matrix(cy, zeros, -sy, zeros, ones, zeros, sy, zeros, cy)
    about_z = _matrix(cz, -sz, zeros, sz, cz, zeros, zeros, zeros, ones)
    return about_z @ about_y @ about_x


def _matrix(*entries: Tensor) -> Tensor:
    return torch.stack(entries, 1).view(-1, 3, 3)


def grid(like: Tensor) -> Tensor:
    """Return the positions of the cells ``[169, 3]``: row and column in -1..1, and 1."""
    line = torch.arange(GRID, dtype=like.dtype, device=like.device).sub(GRID // 2).div(GRID // 2)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([rows, columns, torch.ones_like(rows)], -1).view(-1, 3)


def cone(eyes: Tensor, axis: Tensor, turn: Tensor, shift: Tensor, opening: Tensor) -> Tensor:
    """Compute how far inside the cone each cell of the target frame lies, ``[N, 169]``, positive inside.

    Args:
        eyes: ``[N, 3]``, position of the head in the source frame, 0..1, and 0.
        axis: ``[N, 3]``, direction of the gaze, any length.
        turn: ``[N, 3, 3]``, ``shift``: ``[N, 3]``: from the plane of the target to that of the source.
        opening: ``[N]``, squared cosine of half the angle of the cone.
    """
    unit = axis / axis.norm(dim=1, keepdim=True).clamp_min(1e-14)
    identity = torch.eye(3, dtype=axis.dtype, device=axis.device)
    inside = unit[:, :, None] * unit[:, None, :] - opening[:, None, None] * identity
    plane = torch.cat([turn[:, :, :2], (shift - eyes)[:, :, None]], 2)
    form = plane.transpose(1, 2) @ inside @ plane
    places = grid(axis)
    return torch.einsum("kc,ncd,kd->nk", places, form, places)
