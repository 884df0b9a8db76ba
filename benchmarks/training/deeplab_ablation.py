"""What each improvement of the DeepLab saliency is worth under a small fixed budget of optimiser steps.

    python benchmarks/training/deeplab_ablation.py --data DATA --output runs/deeplab_ablation
    python benchmarks/training/deeplab_ablation.py --data DATA --output runs/deeplab_ablation --rows scratch skips
    python benchmarks/training/deeplab_ablation.py --output runs/deeplab_ablation --table

Every row trains by ``gasp_train``'s own recipe from the same seed and draws the same pictures; within a block the
rows build on each other. A row that was stopped continues, one that is finished is not repeated. ``ablation.json``
holds what was measured; ``--table`` prints it as markdown.

Pictures: OSIE, 400 to learn from, 100 held out by index. Videos: FindWho, one held out. ``--readout`` names weights of
the embedded saliency that have not seen the held-out pictures (``saliency_readout.py --folds 5 --fold_dir ...`` leaves
them as ``osie-4.safetensors``).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from gazenet.assets.asset_store import asset_path
from gazenet.cues.registry import get
from gazenet.data.dataset import open_dataset
from gazenet.files import write_json
from gazenet.training.fixation_videos import FixatedVideo, open_videos
from gazenet.training.recipe_run import train_recipe
from gazenet.training.recipe_spec import GROUP, RecipeSpec
from gazenet.training.validation_metrics import map_scores

RECIPE = "deeplab_saliency"
SIZE, FULL_SIZE = (112, 192), (216, 384)
BATCH, EPOCHS = 4, 2
HELD_PICTURES, HELD_VIDEO = 100, "035"
STRIDE = 10
"""Frames of the held-out video from one that is judged to the next."""
METRICS = ("nss", "sim", "cc")
EMBEDDED_SIZE = {"osie": (288, 384), "findwho": (216, 384)}
"""(height, width) in which the embedded saliency takes the frames of a data set."""

Sets = Mapping[str, Any]
AUGMENTED: Sets = {"data": {"flip": True, "photometric": 0.2}}
SKIPS: Sets = {"network": {"skips": True}}
LOSSES: Sets = {"loss": {"kld": 1.0, "cc": 1.0, "nss": 0.2}}
DROPOUT: Sets = {"network": {"dropout": 0.2}}
TRANSFER: Sets = {"network": {"trunk": "resnet50_thin"}, "freeze": True}
WINDOW: Sets = {"network": {"frames": 3, "spacing": 4}}


@dataclass(frozen=True)
class Row:
    """One training: what it changes, added to the row ``after``; its data set and its share of the budget."""

    name: str
    title: str
    block: str
    sets: tuple[Sets, ...] = ()
    after: str = ""
    dataset: str = "osie"
    size: tuple[int, int] = SIZE


def _chain(block: str, first: str, beginning: tuple[Sets, ...], steps: Mapping[str, tuple[str, Sets]]) -> list[Row]:
    """Rows that build on each other, the first of them with ``beginning``."""
    rows = [Row(block, first, block, beginning)]
    for name, (title, sets) in steps.items():
        rows.append(Row(f"{block}_{name}", title, block, (*rows[-1].sets, sets), rows[-1].name))
    return rows


STEPS: Mapping[str, tuple[str, Sets]] = {
    "augmented": ("+ flips and colours", AUGMENTED),
    "skips": ("+ skip connections", SKIPS),
    "losses": ("+ correlation and NSS in the loss", LOSSES),
    "dropout": ("+ dropout 0.2", DROPOUT),
}
IMPROVED = (TRANSFER, AUGMENTED, SKIPS, LOSSES)
ROWS = [
    *_chain("scratch", "published, from scratch", (), STEPS),
    Row("scratch_transfer", "published decoder on frozen features", "scratch", (TRANSFER,), "scratch"),
    *_chain("transfer", "published decoder on frozen features", (TRANSFER,), STEPS),
    Row("video_frame", "single frames", "video", IMPROVED, dataset="findwho"),
    Row("video_window", "+ window of 3 frames, 4 apart", "video", (*IMPROVED, WINDOW), "video_frame", "findwho"),
    Row("full", "frozen features, skips, losses, flips and colours", "full", IMPROVED, size=FULL_SIZE),
]


def merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Nested settings laid over each other."""
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            found[key] = merged([found.get(key, {}), value]) if isinstance(value, Mapping) else value
    return found


@dataclass(frozen=True)
class Bench:
    """Where data and results lie, and how many steps each block gets."""

    data: Path
    output: Path
    steps: Mapping[str, int]
    readout: Path | None = None
    results: dict[str, Any] = field(default_factory=dict)

    def sources(self, dataset: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is learned from and what is held out."""
        if dataset == "findwho":
            return {"dataset": dataset, "exclude": [HELD_VIDEO]}, {"dataset": dataset, "items": [HELD_VIDEO]}
        names = [item.name for item in open_dataset("osie", self.data / "osie").items()]
        order = np.random.RandomState(7).permutation(len(names))
        known, held = ([names[k] for k in part] for part in (order[:-HELD_PICTURES], order[-HELD_PICTURES:]))
        return {"dataset": dataset, "items": sorted(known)}, {"dataset": dataset, "items": sorted(held)}

    def config(self, row: Row) -> dict[str, Any]:
        """The complete training config of a row."""
        known, held = self.sources(row.dataset)
        draws = self.steps[row.block] * BATCH // EPOCHS
        base: dict[str, Any] = {
            "recipe": RECIPE,
            "input_size": row.size,
            "output": str(self.output / row.name),
            "cache_dir": str(self.output / "cache"),
            "logger": "",
            "data": {
                "root": str(self.data),
                "train": [known],
                "validation": [held],
                "draws": draws,
                "validation_stride": STRIDE,
            },
            "trainer": {
                "max_epochs": EPOCHS,
                "batch_size": BATCH,
                "threads": 1,
                "check_val_every_n_epoch": EPOCHS,
                "checkpoint_save_n_top": 0,
            },
        }
        whole = merged([base, *row.sets])
        return {**whole, "backbone": str(asset_path("open_nsfw"))} if whole.get("freeze") else whole

    def train(self, row: Row) -> dict[str, Any]:
        """The scores of a row on what is held out, and what it took; from an earlier run where that finished it."""
        entry = get(RECIPE, GROUP, RecipeSpec)
        config = entry.spec.config.model_validate(self.config(row))
        started, used = time.perf_counter(), time.process_time()
        finished = train_recipe(entry, config, resume=True)
        (self.output / row.name / "last.ckpt").unlink(missing_ok=True)  # three times the weights
        values = {name.removeprefix("val_"): value for name, value in finished.values.items() if "val_" in name}
        spent = {"wall_s": time.perf_counter() - started, "processor_s": time.process_time() - used}
        return {**values, **spent, "steps": self.steps[row.block], "size": row.size}

    def references(self, dataset: str) -> dict[str, dict[str, float]]:
        """Scores of what needs no training here, on the same frames in the same size."""
        known, held = self.sources(dataset)
        opened = [self._videos(one, EMBEDDED_SIZE[dataset]) for one in (known, held)]
        densities = [video.density(frame, *SIZE) for video in opened[0] for frame in judged(video)]
        centre = np.mean(densities, 0)
        predictors: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]]] = {
            "centre bias": lambda image: centre,
            "embedded saliency": embedded(self.readout),
        }
        return {name: scored(opened[1], predict) for name, predict in predictors.items()}

    def _videos(self, source: Mapping[str, Any], size: tuple[int, int]) -> list[FixatedVideo]:
        from gazenet.training.recipe_config import SourceConfig

        return open_videos([SourceConfig.model_validate(source)], self.data, size, self.output / "cache")


def judged(video: FixatedVideo) -> list[int]:
    """The frames that the recipe validates on: the first target of every stretch."""
    targets = video.targets()
    return targets[np.unique(targets // STRIDE, return_index=True)[1]].tolist()


def scored(
    videos: Sequence[FixatedVideo], predict: Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]]
) -> dict[str, float]:
    """Mean scores of maps, brought to the size of the network."""
    rows = []
    for video in videos:
        for frame in judged(video):
            found = np.asarray(predict(video.clip(frame)[0]), np.float32)
            small = cv2.resize(found, SIZE[::-1], interpolation=cv2.INTER_AREA)
            maps = (small, video.density(frame, *SIZE), video.fixation_counts(frame, *SIZE).astype(np.float32))
            rows.append(map_scores(*(torch.from_numpy(np.ascontiguousarray(one))[None] for one in maps)))
    return {name: float(np.nanmean([float(row[name]) for row in rows])) for name in rows[0]}


def embedded(weights: Path | None) -> Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]]:
    """The saliency that comes with the package."""
    from safetensors.torch import load_file

    from gazenet_plugins.saliency.backbone import Backbone
    from gazenet_plugins.saliency.extractor import WEIGHTS, SaliencyReadout

    backbone, readout = Backbone(asset_path("open_nsfw")), SaliencyReadout().eval()
    readout.load_state_dict({key: value.float() for key, value in load_file(weights or WEIGHTS).items()})

    def predict(image: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        with torch.inference_mode():
            density: NDArray[np.floating[Any]] = readout([level[None] for level in backbone(image)]).exp()[0].numpy()
        return density

    return predict


def table(results: Mapping[str, Any]) -> str:
    """What was measured as markdown, a table per block."""
    lines: list[str] = []
    for block in dict.fromkeys(row.block for row in ROWS):
        rows = [row for row in ROWS if row.block == block and row.name in results]
        if not rows:
            continue
        first = results[rows[0].name]
        shown = f"{rows[0].dataset}, {first['size'][0]}x{first['size'][1]}, {first['steps']} steps of {BATCH}"
        lines += ["", f"{block}: {shown}", ""]
        lines += ["| | NSS | SIM | CC | NSS, SIM, CC against | processor s |", "| --- | --- | --- | --- | --- | --- |"]
        for row in rows:
            found = results[row.name]
            lines.append(f"| {row.title} | {_cells(found)} | {_gain(row, results)} | {found['processor_s']:.0f} |")
        others = results.get(f"references_{rows[0].dataset}", {})
        lines += [f"| {name} | {_cells(found)} | | |" for name, found in others.items()]
    return "\n".join(lines[1:])


def _cells(found: Mapping[str, float]) -> str:
    return " | ".join(f"{found[metric]:.3f}" for metric in METRICS)


def _gain(row: Row, results: Mapping[str, Any]) -> str:
    if row.after not in results:
        return ""
    gains = ", ".join(f"{results[row.name][one] - results[row.after][one]:+.3f}" for one in METRICS)
    title = next(one.title for one in ROWS if one.name == row.after)
    return f"{gains} ({title})" if row.title[0] != "+" else gains


def main() -> None:
    """Runs the wanted rows that are not there yet, then prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with osie/ and findwho/")
    parser.add_argument("--output", type=Path, default=Path("runs/deeplab_ablation"))
    parser.add_argument(
        "--rows", nargs="+", choices=[row.name for row in ROWS], help="which to train, in this order; all by default"
    )
    parser.add_argument("--steps", type=int, default=40, help="steps of every row that trains its trunk")
    parser.add_argument("--frozen_steps", type=int, default=100, help="steps of every row with frozen features")
    parser.add_argument("--video_steps", type=int, default=100, help="steps of every row on videos")
    parser.add_argument("--full_steps", type=int, default=60, help="steps of the row at 216x384")
    parser.add_argument("--readout", type=Path, help="weights of the embedded saliency; those installed by default")
    parser.add_argument("--table", action="store_true", help="print what is there, train nothing")
    options = parser.parse_args()
    place = options.output / "ablation.json"
    results = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    if not options.table:
        if options.data is None:
            parser.error("--data is needed to train")
        steps = {
            "scratch": options.steps,
            "transfer": options.frozen_steps,
            "video": options.video_steps,
            "full": options.full_steps,
        }
        bench = Bench(options.data, options.output, steps, options.readout)
        torch.set_num_threads(1)
        by_name = {row.name: row for row in ROWS}
        jobs: dict[str, Callable[[], Any]] = {
            name: lambda name=name: bench.train(by_name[name]) for name in options.rows or by_name
        }
        for dataset in ("osie", "findwho"):
            jobs[f"references_{dataset}"] = lambda dataset=dataset: bench.references(dataset)
        for name, job in jobs.items():
            if name not in results:
                results[name] = job()
                options.output.mkdir(parents=True, exist_ok=True)
                write_json(place, results)
    print(table(results))


if __name__ == "__main__":
    main()
