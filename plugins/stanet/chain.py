"""What the steps between the networks do: prepare videos, write class maps, cut crops, paste pseudo-fixations.

Everything they hand to each other lies in a :class:`workspace.Workspace`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from gazenet.errors import UsageError
from gazenet.media import read_image
from gazenet.training.seeded_samples import OrderedSamples
from gazenet_plugins.stanet import maps, prepare, scam
from gazenet_plugins.stanet.ave import ListedVideo, class_ids, long_enough, sample_seconds
from gazenet_plugins.stanet.classifiers import Stage
from gazenet_plugins.stanet.recipe import StanetConfig
from gazenet_plugins.stanet.samples import Moments, SecondSample
from gazenet_plugins.stanet.tasks import BATCHES, answer, moments_of
from gazenet_plugins.stanet.workspace import (
    BRANCHES,
    Confidence,
    Mode,
    Workspace,
    add_confidence,
    read_box,
    read_confidences,
    write_box,
)

Parts = Mapping[str, Sequence[ListedVideo]]


@dataclass(frozen=True)
class StanetChain:
    """The config, the place of the files, and the listed videos by part (train, validation, test)."""

    config: StanetConfig
    files: Workspace
    videos: Parts

    def samples(self, *parts: str) -> list[SecondSample]:
        """Every annotated second of the videos of some parts that has a picture and a sound.

        Raises UsageError where a part has none.
        """
        return [one for part in parts if part in self.videos for one in self._of(part)]

    def _of(self, part: str) -> list[SecondSample]:
        chosen = long_enough(self.videos[part], self.config.data.longer_than)
        numbers = class_ids(chosen, self.config.data.classes)
        pairs = zip(chosen, numbers, strict=True)
        every = [SecondSample(video.id, second, number) for video, number in pairs for second in sample_seconds(video)]
        there = [one for one in every if self._prepared(one)]
        if not there:
            raise UsageError(
                f"data.{part}: no annotated second of its {len(chosen)} videos has both a picture and a sound in "
                f"{self.files.root}; run the step prepare, or see what the list annotates (data.longer_than)"
            )
        return there

    def _prepared(self, one: SecondSample) -> bool:
        sound, picture = self.files.sound(one.video, one.second), self.files.picture("coarse", one.video, one.second)
        return picture.is_file() and sound.is_file()


def prepare_video(files: Workspace, name: str, file: Path) -> int:
    """Pictures and spectrograms of one video, passed over where they are complete; how many seconds have sound.

    Raises MediaError for what is no video.
    """
    for made, folder in ((prepare.prepare_frames, files.pictures("coarse")), (prepare.prepare_sound, files.sounds)):
        if not (folder / name).is_dir():
            unfinished = folder / f"{name}.part"
            made(file, unfinished)
            unfinished.rename(folder / name)
    return sum(1 for _ in (files.sounds / name).iterdir())


def loader(moments: Moments, batch: int) -> DataLoader[dict[str, torch.Tensor]]:
    """Batches of all samples in order, with nothing random about them."""
    # A loader asks for nothing but a length and items.
    dataset: Dataset[dict[str, torch.Tensor]] = OrderedSamples(moments)  # type: ignore[assignment]
    return DataLoader(dataset, batch)


@torch.no_grad()
def write_class_maps(
    chain: StanetChain, stage: Stage, mode: Mode, network: nn.Module, samples: Sequence[SecondSample]
) -> list[Confidence]:
    """The map of the true class and the confidences of every sample, without jitter; what the classifier thinks."""
    config, found = chain.config, []
    moments = moments_of(config, chain.files, stage, mode, samples)
    for item in loader(moments, min(config.trainer.batch_size, BATCHES[stage, mode])):
        out = answer(network, mode, {key: value.to(config.device) for key, value in item.items()})
        assert out.logits is not None
        seen = maps.class_maps(out.first, out.fused, item["class_id"].to(config.device)).cpu().numpy()
        for one, class_map, p in zip(item["index"].tolist(), seen, out.logits.softmax(1).cpu(), strict=True):
            sample, best = samples[one], int(p.argmax())
            told, true = chain.files.confidences(stage, sample.video, sample.second), sample.class_id
            told.parent.mkdir(parents=True, exist_ok=True)
            said = Confidence(mode, f"{sample.second:02d}", best, float(p[best]), true, float(p[true]))
            add_confidence(told, said)
            prepare.write_picture(
                chain.files.class_map(stage, sample.video, sample.second, mode), maps.cam_image(class_map)
            )
            found.append(said)
    return found


def _seen(chain: StanetChain, stage: Stage, sample: SecondSample) -> tuple[list[maps.Image], list[float]]:
    """The pictures of all class maps of a sample, and how far each is trusted. Raises UsageError where one lacks."""
    files = [chain.files.class_map(stage, sample.video, sample.second, mode) for mode in BRANCHES]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise UsageError(f"{missing}: no such file; run the step {stage}_maps first")
    trusted = read_confidences(chain.files.confidences(stage, sample.video, sample.second))
    return [read_image(file)[..., 0] for file in files], trusted


def crop(chain: StanetChain, samples: Sequence[SecondSample]) -> None:
    """Boxes around what the coarse classifiers look at, smoothed over time; the pictures cut to them."""
    for video in dict.fromkeys(sample.video for sample in samples):
        own = [sample for sample in samples if sample.video == video]
        fused = {one.second: maps.fused(*_seen(chain, "coarse", one)) for one in own}
        boxes = scam.smoothed_boxes({second: scam.crop_box(one)[0] for second, one in fused.items()})
        for second, box in boxes.items():
            picture = read_image(chain.files.picture("coarse", video, second))
            target = chain.files.picture("fine", video, second)
            target.parent.mkdir(parents=True, exist_ok=True)
            prepare.write_picture(target, scam.cropped(picture, box))
            write_box(chain.files.box(video, second), box)


def paste(chain: StanetChain, samples: Sequence[SecondSample]) -> None:
    """Pseudo-fixations of every sample, as PNG: the published JPEG adds noise."""
    for sample in samples:
        target = chain.files.target(sample.video, sample.second)
        box = read_box(chain.files.box(sample.video, sample.second))
        target.parent.mkdir(parents=True, exist_ok=True)
        prepare.write_picture(target, scam.pseudo_fixations(*_seen(chain, "fine", sample), box))


@torch.no_grad()
def write_results(chain: StanetChain, network: nn.Module, samples: Sequence[SecondSample]) -> None:
    """The saliency network's map of every sample, and the map over its picture, both 356x356."""
    config = chain.config
    moments = moments_of(config, chain.files, "fine", "STA", samples, targets=False)
    for item in loader(moments, min(config.trainer.batch_size, BATCHES["fine", "STA"])):
        out = answer(network, "STA", {key: value.to(config.device) for key, value in item.items()})
        for one, found in zip(item["index"].tolist(), out.first.sigmoid()[:, 0].cpu().numpy(), strict=True):
            sample = samples[one]
            cam = maps.cam_image(found)
            bgr = read_image(chain.files.picture("coarse", sample.video, sample.second))[..., ::-1]
            plain, over = chain.files.results(sample.video, sample.second)
            plain.parent.mkdir(parents=True, exist_ok=True)
            prepare.write_picture(plain, cam)
            prepare.write_picture(over, maps.saturated(maps.overlay(cam, bgr))[..., ::-1])
