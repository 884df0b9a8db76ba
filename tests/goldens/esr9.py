"""Goldens of ESR-9: base, one branch, the ensemble, the published picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gazenet.backbones.checkpoint import load_published
from gazenet.testing.goldens import Golden, difference, prepare
from gazenet_plugins.esr9 import attention
from gazenet_plugins.esr9 import network as networks
from tests.goldens.cues import real_file, single


def base(golden: Golden) -> float:
    """The shared layers; where the golden says so, with the released file."""
    golden.options()
    net = prepare(networks.SharedBase(), golden)
    if "PUBLISHED" in golden.meta.get("notes", ""):
        load_published(net, real_file(golden, "weights/esr9/Net-Base-Shared_Representations.pt"))
    outputs: dict[str, Tensor] = {}
    for name in ("bn1", "bn2", "bn3", "bn4"):
        net.get_submodule(name).register_forward_hook(_noting(outputs, name))
    return difference(golden, {"features": net(single(golden)), **outputs})


def _noting(outputs: dict[str, Tensor], name: str) -> Any:
    # A copy: the rectifier that follows may work in place.
    return lambda _module, _inputs, output: outputs.__setitem__(name, output.clone())


def branch(golden: Golden) -> float:
    """One branch, with learned or with the batch's own statistics."""
    config = golden.options("batch_statistics")
    net = prepare(networks.EnsembleBranch(), golden)
    networks.normalise_with(net, _statistics(config["batch_statistics"]))
    output = net(single(golden))
    return difference(golden, {"emotion": output.emotion, "affect": output.affect, "last_conv": output.last})


def _statistics(of_batch: bool) -> str:
    return "batch" if of_batch else "running"


def ensemble(golden: Golden) -> float:
    """Base and branches with votes, affect and both forms of attention."""
    config = golden.options("branches", "batch_statistics")
    net = networks.Esr9(config["branches"], _statistics(config["batch_statistics"]))
    named = {"base": net.base, **{f"branch_{k}": one for k, one in enumerate(net.branches, 1)}}
    prepare(nn.ModuleDict(named), golden)
    said = net(single(golden))
    maps = said.attention[0].numpy()
    affect = said.affect()[0]
    return difference(
        golden,
        {
            "emotion": said.emotion,
            "affect_raw": said.affect_raw,
            "affect_face0": torch.cat([affect, affect.mean(0, keepdim=True)]),
            "labels_face0": torch.cat([said.labels()[0], said.vote()[:1]]),
            "gradcam": attention.from_zero(maps),
            "gradcam_upstream": attention.to_one(maps),
        },
    )


def expression_map(golden: Golden) -> float:
    """The picture of facial expressions."""
    config = golden.options("height", "width", "faces", "options")
    how = _merge_options(config["options"])
    outputs, faces = {"window": attention.window()}, []
    inputs = golden.inputs()
    for k, face in enumerate(config["faces"]):
        maps = attention.from_zero(inputs[f"cam_{k}"].numpy())
        field = attention.merged(maps, np.array(face["labels"]), face["vote"], **how)
        outputs[f"face_{k}"] = field
        faces.append(attention.FaceMap(tuple(face["box_ltrb"]), field))
    outputs["image"] = attention.picture(faces, config["height"], config["width"])
    return difference(golden, outputs)


def _merge_options(options: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(options.keys() - {"merge", "every"})
    if unknown:
        raise ValueError(f"unknown options: {', '.join(unknown)}")
    return options
