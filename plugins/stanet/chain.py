"""The steps between the networks: prepare videos, write class maps, cut crops, paste pseudo-fixations.

All intermediate files are in a :class:`workspace.Workspace`.
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
from gazenet_plugins.stanet.ave import ListedVideo, class_ids
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
        """Return every annotated second of the videos of some parts that has a picture and a sound.

        Raises UsageError if a part has none.
        """
        return [one for part in parts if part in self.videos for one in self._of(part)]

    def _of(self, part: str) -> list[SecondSample]:
        chosen = [one for one in self.videos[part] if one.end - one.start > self.config.data.longer_than]
        numbers = class_ids(chosen, self.config.data.classes)
        every = (
            SecondSample(video.id, second, number)
            for video, number in zip(chosen, numbers, strict=True)
            for second in range(video.start, video.end)
        )
        prepared = [one for one in every if self._prepared(one)]
        if not prepared:
            raise UsageError(
                f"data.{part}: no annotated second of its {len(chosen)} videos has both a picture and a sound in "
                f"{self.files.root}; run the step prepare, or see what the list annotates (data.longer_than)"
            )
        return prepared

    def _prepared(self, sample: SecondSample) -> bool:
        place = sample.video, sample.second
        return self.files.picture("coarse", *place).is_file() and self.files.sound(*place).is_file()


def prepare_video(files: Workspace, name: str, file: Path) -> int:
    """Write pictures and spectrograms of a video unless complete; return how many seconds have sound.

    Raises MediaError for a file that is not a video.
    """
    for made, folder in ((prepare.prepare_frames, files.pictures("coarse")), (prepare.prepare_sound, files.sounds)):
        if not (folder / name).is_dir():
            unfinished = folder / f"{name}.part"
            made(file, unfinished)
            unfinished.rename(folder / name)
    return sum(1 for _ in (files.sounds / name).iterdir())


def loader(moments: Moments, batch: int) -> DataLoader[dict[str, torch.Tensor]]:
    """Return batches of all samples in order, without randomness."""
    # A loader asks for nothing but a length and items.
    dataset: Dataset[dict[str, torch.Tensor]] = OrderedSamples(moments)  # type: ignore[assignment]
    return DataLoader(dataset, batch)


@torch.no_grad()
def write_class_maps(
    chain: StanetChain, stage: Stage, mode: Mode, network: nn.Module, samples: Sequence[SecondSample]
) -> list[Confidence]:
    """Write the map of the true class of every sample, without jitter; return the confidences."""
    config, confidences = chain.config, []
    moments = moments_of(config, chain.files, stage, mode, samples)
    for item in loader(moments, min(config.trainer.batch_size, BATCHES[stage, mode])):
        out = answer(network, mode, {key: value.to(config.device) for key, value in item.items()})
        assert out.logits is not None
        class_maps = maps.class_maps(out.first, out.fused, item["class_id"].to(config.device)).cpu().numpy()
        for one, class_map, p in zip(item["index"].tolist(), class_maps, out.logits.softmax(1).cpu(), strict=True):
            sample, best = samples[one], int(p.argmax())
            path, true = chain.files.confidences(stage, sample.video, sample.second), sample.class_id
            path.parent.mkdir(parents=True, exist_ok=True)
            confidence = Confidence(mode, f"{sample.second:02d}", best, float(p[best]), true, float(p[true]))
            add_confidence(path, confidence)
            prepare.write_picture(
                chain.files.class_map(stage, sample.video, sample.second, mode), maps.cam_image(class_map)
            )
            confidences.append(confidence)
    return confidences


def _pictures_and_trust(
    chain: StanetChain, stage: Stage, sample: SecondSample
) -> tuple[list[maps.Image], list[float]]:
    """Read all class maps of a sample and their confidences. Raises UsageError if one is missing."""
    files = [chain.files.class_map(stage, sample.video, sample.second, mode) for mode in BRANCHES]
    missing = next((file for file in files if not file.is_file()), None)
    if missing is not None:
        raise UsageError(f"{missing}: no such file; run the step {stage}_maps first")
    trusted = read_confidences(chain.files.confidences(stage, sample.video, sample.second))
    return [read_image(file)[..., 0] for file in files], trusted


def crop(chain: StanetChain, samples: Sequence[SecondSample]) -> None:
    """Compute boxes around the attention of the coarse classifiers, smoothed over time, and crop the pictures."""
    for video in dict.fromkeys(sample.video for sample in samples):
        own = [sample for sample in samples if sample.video == video]
        fused = {one.second: maps.fused(*_pictures_and_trust(chain, "coarse", one)) for one in own}
        boxes = scam.smoothed_boxes({second: scam.crop_box(one)[0] for second, one in fused.items()})
        for second, box in boxes.items():
            picture = read_image(chain.files.picture("coarse", video, second))
            target = chain.files.picture("fine", video, second)
            target.parent.mkdir(parents=True, exist_ok=True)
            prepare.write_picture(target, scam.cropped(picture, box))
            write_box(chain.files.box(video, second), box)


def paste(chain: StanetChain, samples: Sequence[SecondSample]) -> None:
    """Write the pseudo-fixations of every sample, as PNG: the published JPEG adds noise."""
    for sample in samples:
        target = chain.files.target(sample.video, sample.second)
        box = read_box(chain.files.box(sample.video, sample.second))
        target.parent.mkdir(parents=True, exist_ok=True)
        prepare.write_picture(target, scam.pseudo_fixations(*_pictures_and_trust(chain, "fine", sample), box))


@torch.no_grad()
def write_results(chain: StanetChain, network: nn.Module, samples: Sequence[SecondSample]) -> None:
    """Write the saliency map of every sample, and the map over its picture, both 356x356."""
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
