"""Trains the learned cues anew without each video, and without each fifth of the pictures, they are judged on.

Leaves the weights and ``folds.json``, the table that ``benchmarks/quality.py --folds``, ``benchmarks/flagship.py
--folds`` and the key ``folds`` of ``gasp_train`` take: for every FindWho video the network of the active speaker cue
that has learned from the other videos, for every fifth of the OSIE pictures (``osie-0`` .. ``osie-4``) the readout of
the image saliency cue that has learned from the other four and from Crowd. The table names files of its own folder,
which may be moved.

    python benchmarks/training/folds.py --data DATA --output runs/folds

DATA holds findwho/, and osie/ and crowd/; what is not there is left out of the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import saliency_readout as readout
import speaker
import torch

from gazenet.assets import asset_path
from gazenet.files import write_json
from gazenet_plugins.active_speaker.spec import SPEC as SPEAKER
from gazenet_plugins.saliency.backbone import Backbone
from gazenet_plugins.saliency.spec import SPEC as SALIENCY

TABLE = "folds.json"
IMAGE_FOLDS = 5
Table = dict[str, dict[str, dict[str, str]]]


def speaker_folds(parts: Mapping[str, speaker.Labelled], folder: Path) -> Table:
    """Trains without each of the labelled videos; prints the areas under the curve on the one left out."""
    areas = speaker.judge(parts, folder)
    print(f"{SPEAKER.name}: mean AUC {np.mean(areas):.3f} over {len(areas)} videos", flush=True)
    return {name: {SPEAKER.name: {"weights": speaker.fold_file(name)}} for name in parts}


def picture_folds(osie: list[readout.Picture], crowd: list[readout.Picture], folder: Path) -> Table:
    """Trains without each fifth of the pictures; prints the scores on it."""
    readout.cross_validate(osie, IMAGE_FOLDS, crowd, folder)
    return {f"osie-{fold}": {SALIENCY.name: {"weights": readout.fold_file(fold)}} for fold in range(IMAGE_FOLDS)}


def make(data: Path, cache: Path, folder: Path) -> Table:
    """Everything that can be trained on ``data``; the table is written last, when all that it names is there."""
    table: Table = {}
    if (data / "findwho").is_dir():
        table |= speaker_folds(speaker.prepare(data, cache), folder)
    if all((data / name).is_dir() for name in readout.FOLDERS):
        backbone = Backbone(asset_path(SALIENCY.assets[0]))
        osie, crowd = (readout.read(name, data / name, backbone) for name in ("osie", "crowd"))
        table |= picture_folds(osie, crowd, folder)
    if not table:
        raise SystemExit(f"{data}: holds neither findwho/ nor osie/ and crowd/: name the folder of the data sets")
    write_json(folder / TABLE, table)
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with findwho/, and osie/ and crowd/")
    parser.add_argument("--output", type=Path, default=Path("runs/folds"), help="where weights and table go")
    parser.add_argument("--cache", type=Path, default=Path("runs/.cache"), help="where faces are cached")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    table = make(options.data, options.cache, options.output)
    print(f"wrote {options.output / TABLE}: {', '.join(table)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
