"""Turn cached cue maps into network input."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gazenet.errors import UsageError
from gazenet.fusion.gasp_spec import MEAN, PICTURE, STD, GaspSpec
from gazenet.fusion.integrator_contract import CueStack


def network_input(maps: CueStack, spec: GaspSpec, device: torch.device, size: tuple[int, int] | None = None) -> Tensor:
    """Turn maps uint8 ``[n, h, w]`` (or coloured ``[n, h, w, 3]`` RGB) per cue into float ``[n, M * C, H, W]``.

    Bytes travel to the device; colouring, resizing and normalisation happen there. ``size`` (H, W) replaces the size
    that follows from the spec: training batches hold maps of several aspect ratios. Raises UsageError for maps of a
    cue of which the spec asks for pictures.
    """
    parts = [
        _cue_input(torch.from_numpy(np.array(maps[cue])).to(device), spec, k, size) for k, cue in enumerate(spec.cues)
    ]
    return torch.cat(parts, 1)


def _cue_input(cue: Tensor, spec: GaspSpec, position: int, size: tuple[int, int] | None) -> Tensor:
    """Return the channels ``[n, C, H, W]`` of the cue at one position of the spec."""
    if spec.rendering == "scalar":
        wanted = size or fitted((cue.shape[1], cue.shape[2]), max(spec.input_size))
        return _resize(cue[:, None].float() / 255, wanted)
    if cue.dim() == 3:
        from gazenet.maps.colours import colourise_tensor

        how = spec.renderings[position]
        if how == PICTURE:
            raise UsageError(f"integrator {spec.name} takes coloured pictures of {spec.cues[position]}, not its maps")
        cue = colourise_tensor(cue, how)
        picture = _resize(cue.permute(0, 3, 1, 2).float() / 255, size or spec.input_size)
    else:
        # The released inference resizes pictures without smoothing.
        picture = _resize(cue.permute(0, 3, 1, 2).float() / 255, size or spec.input_size, smooth=False)
    mean, std = (torch.tensor(v, device=cue.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (picture - mean) / std


def fitted(size: tuple[int, int], longer: int) -> tuple[int, int]:
    """(height, width) with the aspect ratio of ``size`` and a longer side of ``longer``, both even and at least 4.

    The networks are convolutional: only the published ones were made for a fixed, distorted size.
    """
    scale = longer / max(size)
    height, width = (max(4, 2 * round(side * scale / 2)) for side in size)
    return height, width


def _resize(x: Tensor, size: tuple[int, int], smooth: bool = True) -> Tensor:
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=smooth and x.shape[-2] > size[0])
