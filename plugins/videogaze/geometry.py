"""The gaze cone of one frame seen in another: a rotation, a quadratic form, a grid of 13 x 13 cells.

Source: Recasens et al., "Following Gaze in Video", ICCV 2017, section 3. The signs of the rotations are mixed and the
grid's first coordinate runs along rows; the network was trained that way.
"""

from __future__ import annotations

import torch
from torch import Tensor

GRID = 13


def rotation(angles: Tensor) -> Tensor:
    """Rotations ``[N, 3, 3]`` about z, y and x, in this order, of angles ``[N, 3]`` about x, y and z in radians."""
    (cx, cy, cz), (sx, sy, sz) = angles.cos().unbind(1), angles.sin().unbind(1)
    zero, one = torch.zeros_like(cx), torch.ones_like(cx)
    about_x = _matrix(one, zero, zero, zero, cx, sx, zero, -sx, cx)
    about_y = _matrix(cy, zero, -sy, zero, one, zero, sy, zero, cy)
    about_z = _matrix(cz, -sz, zero, sz, cz, zero, zero, zero, one)
    return about_z @ about_y @ about_x


def _matrix(*entries: Tensor) -> Tensor:
    return torch.stack(entries, 1).view(-1, 3, 3)


def grid(like: Tensor) -> Tensor:
    """The cells' places ``[169, 3]``: row and column in -1..1, and 1."""
    line = torch.arange(GRID, dtype=like.dtype, device=like.device).sub(GRID // 2).div(GRID // 2)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([rows, columns, torch.ones_like(rows)], -1).view(-1, 3)


def cone(eyes: Tensor, axis: Tensor, turn: Tensor, shift: Tensor, opening: Tensor) -> Tensor:
    """How far inside the cone each cell of the target frame lies, ``[N, 169]``, positive inside.

    Args:
        eyes: ``[N, 3]``, place of the head in the source frame, 0..1, and 0.
        axis: ``[N, 3]``, direction of the gaze, any length.
        turn: ``[N, 3, 3]``, ``shift``: ``[N, 3]``: from the target's plane to the source's.
        opening: ``[N]``, squared cosine of half the cone's angle.
    """
    unit = axis / axis.norm(dim=1, keepdim=True).clamp_min(1e-14)
    identity = torch.eye(3, dtype=axis.dtype, device=axis.device)
    inside = unit[:, :, None] * unit[:, None, :] - opening[:, None, None] * identity
    plane = torch.cat([turn[:, :, :2], (shift - eyes)[:, :, None]], 2)
    form = plane.transpose(1, 2) @ inside @ plane
    places = grid(axis)
    return torch.einsum("kc,ncd,kd->nk", places, form, places)
