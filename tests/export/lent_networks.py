"""Every published network in a small form with weights that follow from the keys, as its extractor lends it."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gazenet.backbones.vinet import ViNet
from gazenet.cues.exportable import Exportable, SelectedOutputs
from gazenet.cues.registry import get
from gazenet.fusion.export_forms import StreamCalls, exportable
from gazenet.fusion.gasp import build
from gazenet.fusion.gasp_config import published
from gazenet_plugins.avinet.network import AViNet
from gazenet_plugins.binauraldave.network import BinauralDaveNet
from gazenet_plugins.dave.network import DaveNet
from gazenet_plugins.esr9 import extractor as esr9
from gazenet_plugins.gaze360 import extractor as gaze360
from gazenet_plugins.st_abn import extractor as st_abn
from gazenet_plugins.st_abn.network import STABN
from gazenet_plugins.stavis.network import StavisNet
from gazenet_plugins.stsanet import extractor as stsanet
from gazenet_plugins.stsanet.network import STSANet
from gazenet_plugins.tased.network import TasedNet
from gazenet_plugins.unisal import extractor as unisal
from gazenet_plugins.unisal.domains import DOMAINS
from gazenet_plugins.unisal.reading import ReadingSizes
from gazenet_plugins.videogaze import extractor as videogaze
from tests.checkpoints import EXTRACTORS, fill

Lend = Callable[[Path, pytest.MonkeyPatch], Exportable]
CPU = torch.device("cpu")


def nowhere(asset_id: str) -> Path:
    raise AssertionError(f"asked for {asset_id} although weights were given")


def loaded(made: Any) -> Any:
    made.load(CPU, torch.float32, nowhere)
    return made


def clips(name: str, network: Callable[[], nn.Module], size: tuple[int, int], **parameters: object) -> Lend:
    """A network of clips; no file, which would be large."""

    def lend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
        file = folder / "weights.pth"
        file.touch()
        kind = type("Small", (get(name).load(),), {"size": size, "build": lambda self, path: fill(network())})
        return loaded(kind(weights=str(file), **parameters)).exportable()

    return lend


def of_stavis() -> nn.Module:
    return SelectedOutputs(StavisNet(), attrgetter("logits"))


def lend_stsanet(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
    monkeypatch.setattr(stsanet, "load_stsanet", lambda path: fill(STSANet((32, 32))))
    return loaded(stsanet.STSANetSaliency("given")).exportable()


def lend_unisal(folder: Path, monkeypatch: pytest.MonkeyPatch, **parameters: str) -> Exportable:
    monkeypatch.setattr(unisal, "SIZES", dict.fromkeys(DOMAINS, ReadingSizes((32, 64), (36, 64))))
    monkeypatch.setattr(unisal, "CLIP", 3)
    return loaded(unisal.UnisalSaliency(weights=str(EXTRACTORS["unisal"].save(folder)), **parameters)).exportable()


def lend_still_unisal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
    return lend_unisal(folder, monkeypatch, domain="SALICON")


def lend_esr9(folder: Path, monkeypatch: pytest.MonkeyPatch, **parameters: str) -> Exportable:
    monkeypatch.setattr(esr9, "BRANCHES", 2)
    EXTRACTORS["esr9"].save(folder)
    return loaded(esr9.Esr9Cue(weights=str(folder), **parameters)).exportable()


def lend_esr9_by_face(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
    return lend_esr9(folder, monkeypatch, mode="published")


def lend_gaze360(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
    monkeypatch.setattr(gaze360, "SIDE", 32)
    return loaded(gaze360.Gaze360Cue(weights=str(EXTRACTORS["gaze360"].save(folder)))).exportable()


def lend_videogaze(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
    return loaded(videogaze.VideoGazeCue(weights=str(EXTRACTORS["videogaze"].save(folder)))).exportable()


def lend_st_abn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
    monkeypatch.setattr(st_abn, "load_st_abn", lambda path: fill(STABN(18, frames=4, classes=6)))
    return loaded(st_abn.ActionAttention("given")).exportable((32, 48))


def lend_embedded(name: str) -> Lend:
    def lend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
        from gazenet.assets.asset_store import asset_path

        made = get(name).load()()
        made.load(CPU, torch.float32, asset_path)
        return made.exportable()

    return lend


def gasp(name: str) -> Lend:
    """A published class with two cues of 8 x 12 pixels and, where sequential, three frames."""

    def lend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Exportable:
        torch.manual_seed(0)
        network = build(published(name, modalities=2, sequence_len=3)).eval()
        return exportable(network, StreamCalls.of(network), name, (8, 12))

    return lend


NETWORKS: dict[str, Lend] = {
    "tased": clips("tased", TasedNet, (32, 32)),
    "vinet": clips("vinet", ViNet, (32, 32)),
    "avinet_bilinear": clips("avinet", lambda: AViNet("bilinear", (32, 32)), (32, 32)),
    "avinet_transformer": clips("avinet", lambda: AViNet("transformer", (32, 32)), (32, 32)),
    "avinet_both": clips("avinet", lambda: AViNet("bilinear_transformer", (32, 32)), (32, 32)),
    "dave": clips("dave", DaveNet, (32, 64)),
    "binauraldave": clips("binauraldave", BinauralDaveNet, (32, 64)),
    "binauraldave_published": clips("binauraldave", BinauralDaveNet, (32, 64), mode="published"),
    "stavis": clips("stavis", of_stavis, (32, 32)),
    "stavis_visual": clips("stavis", of_stavis, (32, 32), sound=False),
    "stavis_published": clips("stavis", of_stavis, (64, 64), mode="published"),
    "stsanet": lend_stsanet,
    "unisal": lend_unisal,
    "unisal_still": lend_still_unisal,
    "esr9": lend_esr9,
    "esr9_by_face": lend_esr9_by_face,
    "gaze360": lend_gaze360,
    "videogaze": lend_videogaze,
    "st_abn": lend_st_abn,
    "saliency": lend_embedded("saliency"),
    "facial_expression": lend_embedded("facial_expression"),
    "active_speaker": lend_embedded("active_speaker"),
}

DISTINCT = tuple(
    name
    for name in NETWORKS
    if name
    not in {
        *("avinet_bilinear", "avinet_transformer", "binauraldave_published", "esr9_by_face"),
        *("stavis_published", "stavis_visual", "unisal_still"),
    }
)
"""Without variants all of whose layers another one has, too."""
