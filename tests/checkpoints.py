"""Checkpoints of published networks with made-up weights, in the containers that their authors released.

Weights are a function of their keys, so every run has the same ones. For tests and measurements that need a network of
the right shape and a file of the right form, not a trained one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gazenet.cues.registry import import_object
from gazenet.testing.goldens import filled, filled_state


@dataclass(frozen=True)
class FakeRelease:
    """A published network and its container.

    ``network``: its class, imported on use, built without arguments. ``file``: its name in a folder of weights.
    ``parts``: instead of one file, those of submodules by the module's name. ``prefix``: stands before every key.
    ``wrapper``: the member of the file that holds the state dict (empty: the file is one), with other members
    ``beside`` it. ``unused``: keys that the network does not have. ``changes``: weights that are computed from the
    filled ones. ``zipped``: the newer form of files.
    """

    network: str
    file: str = ""
    parts: Mapping[str, str] | None = None
    prefix: str = ""
    wrapper: str = ""
    beside: Mapping[str, object] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    changes: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)
    zipped: bool = True

    def build(self) -> nn.Module:
        """Return the network as it is built, in evaluation mode."""
        network: nn.Module = import_object(self.network)()
        return network.eval()

    def content(self, network: nn.Module, part: str = "") -> dict[str, object]:
        """Return the content of a file of the network, or of a part of it."""
        state = {key: filled(part + key, value) for key, value in network.state_dict().items()}
        state |= {key: change(state[key]) for key, change in self.changes.items() if key in state}
        state |= {key: torch.zeros(3, 2) for key in self.unused}
        state = {f"{self.prefix}{key}": value for key, value in state.items()}
        return {**self.beside, self.wrapper: state} if self.wrapper else dict(state)

    def save(self, folder: Path, network: nn.Module | None = None) -> Path:
        """Write the files of the network, or of another, into a folder; return the path to pass as ``weights``."""
        network = network or self.build()
        if self.parts is None:
            self._write(folder / self.file, self.content(network))
            return folder / self.file
        for name, file in self.parts.items():
            self._write(folder / file, self.content(network.get_submodule(name), f"{name}."))
        return folder

    def _write(self, path: Path, content: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, path, _use_new_zipfile_serialization=self.zipped)


def fill(network: nn.Module) -> nn.Module:
    """Return the network with weights that follow from its keys, in evaluation mode."""
    network.load_state_dict(filled_state(network))
    return network.eval()


def _lifted(bias: Tensor) -> Tensor:
    """Keep small maps from being cut off at zero."""
    return torch.full_like(bias, 60.0)


def _opened(weight: Tensor) -> Tensor:
    """Random weights would open or close gates completely."""
    return 0.01 * weight


def _plugin(name: str, network: str) -> str:
    return f"gazenet_plugins.{name}.network:{network}"


EXTRACTORS: Mapping[str, FakeRelease] = {
    "gaze360": FakeRelease(
        _plugin("gaze360", "Gaze360"),
        "model.pth.tar",
        prefix="module.",
        wrapper="state_dict",
        beside={"epoch": 79, "best_prec1": torch.tensor(11.1)},
    ),
    "videogaze": FakeRelease(
        _plugin("videogaze", "VideoGaze"),
        "model.pth.tar",
        wrapper="state_dict",
        beside={"epoch": 30, "best_prec1": np.float64(0.5)},
        unused=tuple(
            f"{tower}.classifier.1.weight"
            for tower in ("saliency_pathway", "cone_pathway.alexnet", "transformation_path.alexnet")
        ),
        zipped=False,
    ),
    "esr9": FakeRelease(
        _plugin("esr9", "Esr9"),
        parts={"base": "Net-Base-Shared_Representations.pt"}
        | {f"branches.{k}": f"Net-Branch_{k + 1}.pt" for k in range(9)},
    ),
    "st_abn": FakeRelease(
        _plugin("st_abn", "STABN"),
        "checkpoint-best.pt",
        prefix="module.",
        wrapper="model_state_dict",
        changes=dict.fromkeys(("conv_spatial_att.1.weight", "conv_temp_att3.2.weight"), _opened),
    ),
    "stsanet": FakeRelease(_plugin("stsanet", "STSANet"), "STSANet_DHF1K.pth"),
    "deeplab_saliency": FakeRelease(_plugin("deeplab_saliency", "DeepLabSaliency"), "deeplab_saliency.pth"),
    "stanet": FakeRelease("gazenet_plugins.stanet.sta:STA32", "STANet.pth", prefix="module.", wrapper="state_dict"),
    "unisal": FakeRelease(_plugin("unisal", "Unisal"), "model.pth"),
    "tased": FakeRelease(_plugin("tased", "TasedNet"), "model.pt", prefix="module."),
    "vinet": FakeRelease("gazenet.backbones.vinet:ViNet", "ViNet_Dave.pt"),
    "avinet": FakeRelease(_plugin("avinet", "AViNet"), "AViNet_Dave.pt"),
    "dave": FakeRelease(
        _plugin("dave", "DaveNet"),
        "model.pth.tar",
        prefix="module.",
        wrapper="state_dict",
        changes={"saliency.bias": _lifted},
    ),
    "binauraldave": FakeRelease(
        _plugin("binauraldave", "BinauralDaveNet"), "last_model.pt", changes={"saliency.bias": _lifted}
    ),
    "stavis": FakeRelease(
        _plugin("stavis", "StavisNet"), "audiovisual_split1_save_60.pth", prefix="module.", wrapper="state_dict"
    ),
}
"""By the name of the extractor."""

DETECTORS: Mapping[str, FakeRelease] = {
    "s3fd": FakeRelease(_plugin("s3fd", "S3fd"), "s3fd-619a316812.pth"),
    "mtcnn": FakeRelease(
        "gazenet_plugins.mtcnn.cascade:Cascade", parts={name: f"{name}.pt" for name in ("pnet", "rnet", "onet")}
    ),
    "blazeface": FakeRelease(_plugin("blazeface", "BlazeFace"), "blazeface.pth"),
}
"""By the name of the face detector."""


def blazeface_state(back: bool) -> dict[str, Tensor]:
    """BlazeFace whose boxes have positive sizes and scores on both sides of the threshold."""
    state = filled_state(import_object(DETECTORS["blazeface"].network)(back))
    for key, value in state.items():
        if key.endswith("convs.1.weight"):
            value *= 0.2
    for head in ("8", "16"):
        state[f"regressor_{head}.bias"].view(-1, 16)[:, 2:4] = 50.0
        state[f"classifier_{head}.weight"] *= 0.1
    return state


def s3fd_state() -> dict[str, Tensor]:
    """S3FD whose boxes are not larger than numbers can be: the taps without a norm are loud."""
    state = filled_state(DETECTORS["s3fd"].build())
    for tap in ("fc7", "conv6_2", "conv7_2"):
        state[f"{tap}_mbox_loc.weight"] *= 0.02
        state[f"{tap}_mbox_conf.weight"] *= 0.02
    return state
