"""Every published extractor in a form that is small enough for the conformance kit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from saliency_networks import with_parameters
from torch import Tensor, nn

from gazenet.cues.registry import PluginEntry
from gazenet.testing.conformance import CHECKS
from gazenet_plugins.avinet.network import AViNet
from gazenet_plugins.deeplab_saliency.variant import PUBLISHED
from gazenet_plugins.st_abn.network import STABN
from gazenet_plugins.unisal.domains import DOMAINS
from gazenet_plugins.unisal.reading import ReadingSizes
from gazenet_plugins.videogaze.network import VideoGaze
from gazenet_plugins.videogaze.network import loaded as videogaze_loaded
from tests.checkpoints import EXTRACTORS

PLUGINS = "gazenet_plugins"
USUAL = ("declares_what_it_is", "gives_one_map_per_frame", "works_on_one_frame", "leaves_its_input_alone")
ONE_FRAME = ("declares_what_it_is", "works_on_one_frame")
ALL = tuple(check.__name__ for check in CHECKS)


@dataclass(frozen=True)
class SmallExtractor:
    """How an extractor is made fast.

    ``name``: of the extractor. ``patches``: values by ``module.attribute`` below the plugins' package. ``network``:
    builds a network smaller than the released one. ``pixels``: height and width of its input. ``stand_in``: a network
    takes the place of the released one, so there is no checkpoint. ``fast``: checks that need not be marked slow.
    """

    name: str
    patches: Mapping[str, object] = field(default_factory=dict)
    network: Callable[[], nn.Module] | None = None
    pixels: tuple[int, int] | None = None
    stand_in: bool = False
    fast: tuple[str, ...] = USUAL

    def save(self, folder: Path) -> Path:
        """Write the made-up checkpoint; return the path to pass as ``weights``."""
        if self.stand_in:
            return Path("stand-in")
        return EXTRACTORS[self.name].save(folder, self.network and self.network())

    def entry(self, weights: Path, monkeypatch: pytest.MonkeyPatch) -> PluginEntry:
        """Return the registered extractor in its small form, whose default weights are these."""
        for target, value in self.patches.items():
            monkeypatch.setattr(f"{PLUGINS}.{target}", value)
        entry = with_parameters(self.name, weights=str(weights))
        if self.pixels is None:
            return entry
        assert entry.spec.input is not None
        pixels = entry.spec.input.model_copy(update=dict(zip(("height", "width"), self.pixels, strict=True)))
        return replace(entry, spec=entry.spec.model_copy(update={"input": pixels}))


class AveragePatch(nn.Module):
    """A tower that sees one average patch of each picture."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        patch = nn.functional.adaptive_avg_pool2d(x, self.side)
        return patch.mean(1, keepdim=True).expand(-1, 256, -1, -1)


def videogaze_with_patches(path: Path) -> VideoGaze:
    network = videogaze_loaded(path)
    network.saliency_pathway.features = AveragePatch(13)
    network.cone_pathway.alexnet.features = AveragePatch(6)
    network.transformation_path.alexnet.features = AveragePatch(6)
    return network


class BrightClip(nn.Module):
    """Stands in for STSA-Net: the middle frame of a clip."""

    size = (24, 40)

    def forward(self, clip: Tensor) -> Tensor:
        return torch.sigmoid(clip[:, 0, 15])


class BrightPicture(nn.Module):
    """Stands in for DeepLab: the brightness of its input."""

    variant = PUBLISHED

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(image.mean(1, keepdim=True))


class BrightAndLoud(nn.Module):
    """Stands in for STANet: brightness and loudness."""

    switched = True

    def forward(self, images: Any, audios: Any, switches: Any = ()) -> tuple[Tensor, ...]:
        loudness = torch.stack(list(audios)).mean((0, 2, 3)).view(-1, 1, 1, 1)
        return tuple(image.mean(1, keepdim=True) + loudness for image in (*images, *images))


def _of_size(name: str, kind: str, side: int = 32, **options: Any) -> SmallExtractor:
    return SmallExtractor(name, {f"{name}.extractor.{kind}.size": (side, side)}, **options)


def _without(*slow: str) -> tuple[str, ...]:
    return tuple(name for name in ALL if name not in slow)


LONG = ("looks_at_its_window_only", "does_not_depend_on_the_batch", "works_without_sound", "survives_a_second_video")
UNISAL = ReadingSizes((32, 32), (36, 64))

SMALL: Mapping[str, SmallExtractor] = {
    small.name: small
    for small in (
        SmallExtractor(
            "gaze360",
            {"gaze360.extractor.SIDE": 32},
            fast=_without(*LONG, "works_on_a_crowd", "is_deterministic", "resumes_where_it_stopped"),
        ),
        SmallExtractor("videogaze", {"videogaze.extractor.loaded": videogaze_with_patches}, fast=_without(*LONG)),
        SmallExtractor(
            "esr9",
            {"esr9.extractor.BRANCHES": 2},
            fast=("works_on_one_frame", "is_neutral_without_faces", "tells_serialisable_records", *USUAL[::3]),
        ),
        SmallExtractor(
            "st_abn",
            network=lambda: STABN(18, frames=4, classes=6),
            pixels=(32, 64),
            fast=(*ONE_FRAME, "works_without_sound", "leaves_its_input_alone"),
        ),
        SmallExtractor(
            "stsanet",
            {"stsanet.extractor.load_stsanet": lambda path: BrightClip()},
            pixels=BrightClip.size,
            stand_in=True,
            fast=ALL,
        ),
        SmallExtractor(
            "deeplab_saliency",
            {"deeplab_saliency.extractor.load_saliency": lambda path: BrightPicture()},
            stand_in=True,
            fast=ALL,
        ),
        SmallExtractor(
            "stanet", {"stanet.extractor.load_saliency": lambda path: BrightAndLoud()}, stand_in=True, fast=ALL
        ),
        SmallExtractor(
            "unisal",
            {"unisal.extractor.SIZES": dict.fromkeys(DOMAINS, UNISAL), "unisal.extractor.PUBLISHED_SIZES": UNISAL},
        ),
        _of_size("tased", "TasedSaliency"),
        _of_size("vinet", "VinetSaliency"),
        _of_size("avinet", "AvinetSaliency", network=lambda: AViNet(size=(32, 32)), fast=ONE_FRAME),
        _of_size("dave", "DaveSaliency", fast=ONE_FRAME),
        _of_size("binauraldave", "BinauralDave", 64, fast=ONE_FRAME[:1]),
        _of_size("stavis", "StavisSaliency", fast=ONE_FRAME),
    )
}
"""By the name of the extractor."""
