"""The training chain: prepare, coarse classifiers, crops, fine classifiers, pseudo-fixations, saliency network.

Every step leaves files and is passed over where they are there already. ``python -m gazenet_plugins.stanet.train``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from gazenet.errors import UsageError
from gazenet.media import read_image
from gazenet_plugins.stanet import maps, prepare, scam
from gazenet_plugins.stanet.ave import Video, categories, class_ids, long_enough, sample_seconds
from gazenet_plugins.stanet.classifiers import Stage
from gazenet_plugins.stanet.fitting import BATCHES, Chain, built, moments_of, train
from gazenet_plugins.stanet.samples import Sample
from gazenet_plugins.stanet.workspace import (
    BRANCHES,
    Confidence,
    Mode,
    add_confidence,
    read_box,
    read_confidences,
    write_box,
)


def run(chain: Chain, videos: Sequence[Video], folder: Path) -> Path:
    """All steps for the videos ``folder/ID.mp4``; the state dict of the saliency network.

    Raises UsageError where they hold nothing to learn from, MediaError for what is no video.
    """
    for video in videos:
        prepare_video(chain, video, folder / f"{video.id}.mp4")
    samples = samples_of(chain, videos)
    if not samples:
        raise UsageError(
            f"{folder}: no second of its videos has both a picture and a sound; see what the list annotates"
        )
    for mode in BRANCHES:
        classify(chain, "coarse", mode, samples)
    crop(chain, samples)
    for mode in BRANCHES:
        classify(chain, "fine", mode, samples)
    paste(chain, samples)
    return train(chain, "fine", "STA", samples)


def prepare_video(chain: Chain, video: Video, file: Path) -> None:
    """Pictures and spectrograms of one video."""
    for made, folder in (
        (prepare.prepare_frames, chain.files.pictures("coarse")),
        (prepare.prepare_sound, chain.files.sounds),
    ):
        if not (folder / video.id).is_dir():
            unfinished = folder / f"{video.id}.part"
            made(file, unfinished)
            unfinished.rename(folder / video.id)


def samples_of(chain: Chain, videos: Sequence[Video]) -> list[Sample]:
    """Every annotated second of the videos that are long enough and have a picture and a sound there."""
    chosen = long_enough(videos)
    numbers = class_ids(chosen, categories(chain.numbering))
    pairs = list(zip(chosen, numbers, strict=True))
    every = [Sample(video.id, second, number) for video, number in pairs for second in sample_seconds(video)]
    return [
        one
        for one in every
        if chain.files.picture("coarse", one.video, one.second).is_file()
        and chain.files.sound(one.video, one.second).is_file()
    ]


def classify(chain: Chain, stage: Stage, mode: Mode, samples: Sequence[Sample]) -> None:
    """Trains one classifier and writes its class maps and confidences for every sample."""
    weights = train(chain, stage, mode, samples)
    last = samples[-1]
    if chain.files.class_map(stage, last.video, last.second, mode).is_file():
        return
    network = built(chain, stage, mode)
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    write_class_maps(chain, stage, mode, network.eval().to(chain.device), samples)


@torch.no_grad()
def write_class_maps(chain: Chain, stage: Stage, mode: Mode, network: nn.Module, samples: Sequence[Sample]) -> None:
    """The map of the true class and the confidences of every sample, without jitter."""
    moments = moments_of(chain, stage, mode, samples)
    for item in DataLoader(moments, min(chain.recipe.batch, BATCHES[stage, mode])):
        images = [one.to(chain.device) for one in item["images"].unbind(1)]
        audios = [item["audios"][:, 0].to(chain.device)] if mode == "SA" else []
        out = network(*images, *audios)
        logits, first, fused = (out[0], out.map, out.map_all) if mode == "ST" else (out.logits1, out.map1, out.map2)
        found = maps.class_maps(first, fused, item["class_id"].to(chain.device)).cpu().numpy()
        for one, class_map, p in zip(item["index"].tolist(), found, logits.softmax(1).cpu(), strict=True):
            sample, best = samples[one], int(p.argmax())
            file = chain.files.class_map(stage, sample.video, sample.second, mode)
            told = chain.files.confidences(stage, sample.video, sample.second)
            name, true = f"{sample.second:02d}", sample.class_id
            told.parent.mkdir(parents=True, exist_ok=True)
            add_confidence(told, Confidence(mode, name, best, float(p[best]), true, float(p[true])))
            prepare.write_picture(file, maps.cam_image(class_map))


def _seen(chain: Chain, stage: Stage, sample: Sample) -> tuple[list[maps.Image], list[float]]:
    """The pictures of all class maps of a sample, and how far each is trusted."""
    files = [chain.files.class_map(stage, sample.video, sample.second, mode) for mode in BRANCHES]
    trusted = read_confidences(chain.files.confidences(stage, sample.video, sample.second))
    return [read_image(file)[..., 0] for file in files], trusted


def crop(chain: Chain, samples: Sequence[Sample]) -> None:
    """Boxes around what the coarse classifiers look at, smoothed over time; the pictures cut to them."""
    for video in dict.fromkeys(sample.video for sample in samples):
        own = [sample for sample in samples if sample.video == video]
        if all(chain.files.box(video, one.second).is_file() for one in own):
            continue
        fused = {one.second: maps.fused(*_seen(chain, "coarse", one)) for one in own}
        boxes = scam.smoothed_boxes({second: scam.crop_box(one)[0] for second, one in fused.items()})
        for second, box in boxes.items():
            picture = read_image(chain.files.picture("coarse", video, second))
            target = chain.files.picture("fine", video, second)
            target.parent.mkdir(parents=True, exist_ok=True)
            prepare.write_picture(target, scam.cropped(picture, box))
            write_box(chain.files.box(video, second), box)


def paste(chain: Chain, samples: Sequence[Sample]) -> None:
    """Pseudo-fixations of every sample, as PNG: the published JPEG adds noise."""
    for sample in samples:
        target = chain.files.target(sample.video, sample.second)
        if target.is_file():
            continue
        box = read_box(chain.files.box(sample.video, sample.second))
        target.parent.mkdir(parents=True, exist_ok=True)
        prepare.write_picture(target, scam.pseudo_fixations(*_seen(chain, "fine", sample), box))
