"""Published networks without their files: reproducibly filled weights in the containers that their authors released.

For tests and measurements that need a network of the right shape and a file of the right form, not a trained one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from gazenet.cues.registry import import_object
from gazenet.testing.goldens import filled


@dataclass(frozen=True)
class FakeRelease:
    """A published network and its container.

    ``network``: its class, imported on use, made without arguments. ``file``: what the file is called in a folder of
    weights. ``parts``: instead of one file, those of submodules by the module's name. ``prefix``, ``wrapper``: what
    stands before every key, and the member of the file that holds the state dict (empty: the file is one).
    """

    network: str
    file: str = ""
    parts: Mapping[str, str] | None = None
    prefix: str = ""
    wrapper: str = ""

    def build(self) -> nn.Module:
        """The network as it is made, in evaluation mode."""
        network: nn.Module = import_object(self.network)()
        return network.eval()

    def content(self, network: nn.Module) -> dict[str, object]:
        """What a file of the network (or of a part of it) holds, its weights a function of their keys."""
        state = {f"{self.prefix}{key}": filled(key, value) for key, value in network.state_dict().items()}
        return {self.wrapper: state} if self.wrapper else dict(state)

    def save(self, folder: Path) -> Path:
        """Writes the files into a folder; the path to give as ``weights``."""
        network = self.build()
        if self.parts is None:
            torch.save(self.content(network), folder / self.file)
            return folder / self.file
        for name, file in self.parts.items():
            torch.save(self.content(network.get_submodule(name)), folder / file)
        return folder


def _plugin(name: str, network: str) -> str:
    return f"gazenet_plugins.{name}.network:{network}"


EXTRACTORS: Mapping[str, FakeRelease] = {
    "gaze360": FakeRelease(_plugin("gaze360", "Gaze360"), "model.pth.tar", prefix="module.", wrapper="state_dict"),
    "videogaze": FakeRelease(_plugin("videogaze", "VideoGaze"), "model.pth.tar", wrapper="state_dict"),
    "esr9": FakeRelease(
        _plugin("esr9", "Esr9"),
        parts={"base": "Net-Base-Shared_Representations.pt"}
        | {f"branches.{k}": f"Net-Branch_{k + 1}.pt" for k in range(9)},
    ),
    "st_abn": FakeRelease(_plugin("st_abn", "STABN"), "checkpoint-best.pt", wrapper="model_state_dict"),
    "stsanet": FakeRelease(_plugin("stsanet", "STSANet"), "STSANet_DHF1K.pth"),
    "deeplab_saliency": FakeRelease(_plugin("deeplab_saliency", "DeepLabSaliency"), "deeplab_saliency.pth"),
    "stanet": FakeRelease("gazenet_plugins.stanet.sta:STA32", "STANet.pth", prefix="module.", wrapper="state_dict"),
    "unisal": FakeRelease(_plugin("unisal", "Unisal"), "model.pth"),
    "tased": FakeRelease(_plugin("tased", "TasedNet"), "model.pt", prefix="module."),
    "vinet": FakeRelease("gazenet.backbones.vinet:ViNet", "ViNet_Dave.pt"),
    "avinet": FakeRelease(_plugin("avinet", "AViNet"), "AViNet_Dave.pt"),
    "dave": FakeRelease(_plugin("dave", "DaveNet"), "model.pth.tar", prefix="module.", wrapper="state_dict"),
    "binauraldave": FakeRelease(_plugin("binauraldave", "BinauralDaveNet"), "last_model.pt"),
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
