"""The recipe ``stanet``: thirteen steps from videos with category tags to the saliency network and its maps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from gazenet.backbones.checkpoint import load_published
from gazenet.errors import UsageError
from gazenet.files import write_json
from gazenet.training.recipe_run import RecipeResult, RecipeRun
from gazenet_plugins.stanet.ave import ListedVideo, class_ids, find_videos, read_list
from gazenet_plugins.stanet.chain import StanetChain, crop, paste, prepare_video, write_class_maps, write_results
from gazenet_plugins.stanet.classifiers import Stage
from gazenet_plugins.stanet.recipe import StanetConfig, Step
from gazenet_plugins.stanet.report import PartAnswers, write_report
from gazenet_plugins.stanet.tasks import BATCHES, StanetTask, built, moments_of
from gazenet_plugins.stanet.workspace import BRANCHES, Mode, Workspace

NETWORKS: Mapping[Step, tuple[Stage, Mode]] = {
    "coarse_s": ("coarse", "S"),
    "coarse_sa": ("coarse", "SA"),
    "coarse_st": ("coarse", "ST"),
    "fine_s": ("fine", "S"),
    "fine_sa": ("fine", "SA"),
    "fine_st": ("fine", "ST"),
    "sta": ("fine", "STA"),
}
NAMES: Mapping[tuple[Stage, Mode], Step] = {kind: name for name, kind in NETWORKS.items()}
CHOSEN = "chosen.json"
"""In the folder of a network's weights: which epoch was trained last, and which was best on the validation list."""


class StanetTraining:
    """The recipe ``stanet``. Raises UsageError naming the file and line at fault."""

    def __init__(self, config: StanetConfig) -> None:
        self.config = config
        data = config.data
        self.videos = {part: read_list(Path(data.lists) / name) for part, name in data.parts.items()}
        every = {video.id: video for videos in self.videos.values() for video in videos}
        for videos in self.videos.values():
            class_ids(videos, data.classes)
        self.files: Mapping[str, Path] = {}
        if "prepare" in config.steps:
            self.files = find_videos(Path(data.videos), list(every.values()))
        for key in ("visual", "audio"):
            if getattr(config, key) and not Path(getattr(config, key)).is_file():
                raise UsageError(f"{key}: {getattr(config, key)}: no such file")

    def train(self, run: RecipeRun) -> RecipeResult:
        """Do the steps of the config; a resume begins with the one that is not finished."""
        chain = StanetChain(self.config, Workspace(run.folder), self.videos)
        values: dict[str, Any] = {name: run.step(name, self._action(run, chain, name)) for name in self.config.steps}
        last = [NETWORKS[name] for name in self.config.steps if name in NETWORKS]
        weights = chosen_weights(chain, *last[-1]) if last else run.folder
        return RecipeResult(weights, values)

    def _action(self, run: RecipeRun, chain: StanetChain, name: Step) -> Callable[[], dict[str, Any]]:
        if name in NETWORKS:
            return lambda: fit_network(run, chain, *NETWORKS[name])
        actions: Mapping[str, Callable[[], dict[str, Any]]] = {
            "prepare": lambda: self._prepare(run, chain),
            "coarse_maps": lambda: class_maps(run, chain, "coarse"),
            "fine_maps": lambda: class_maps(run, chain, "fine"),
            "crop": lambda: _counted(crop, chain, chain.samples("train", "validation", "test")),
            "targets": lambda: _counted(paste, chain, chain.samples("train", "validation")),
            "maps": lambda: result_maps(chain),
        }
        return actions[name]

    def _prepare(self, run: RecipeRun, chain: StanetChain) -> dict[str, Any]:
        """Make pictures and spectrograms of all listed videos. Raises UsageError for a silent one."""
        places: dict[str, ListedVideo] = {video.id: video for videos in self.videos.values() for video in videos}
        silent = []
        for number, (name, file) in enumerate(self.files.items(), 1):
            run.tell(f"prepare {number}/{len(self.files)} {name}")
            if prepare_video(chain.files, name, file):
                continue
            silent.append(name)
            if self.config.data.silent == "fail":
                raise UsageError(
                    f"{file}: has no second of sound ({places[name].where}); take it out of the list, or set "
                    "data.silent to skip"
                )
            run.tell(f"{file}: has no second of sound; left out")
        return {"videos": len(self.files), "silent": silent, "seconds": len(chain.samples(*self.videos))}


def _counted(action: Callable[..., None], chain: StanetChain, samples: Any) -> dict[str, Any]:
    action(chain, samples)
    return {"seconds": len(samples)}


def fit_network(run: RecipeRun, chain: StanetChain, stage: Stage, mode: Mode) -> dict[str, Any]:
    """Train one network; keep weights by epoch, and beside them the names of its classes in the order of their ids."""
    config, name = chain.config, NAMES[stage, mode]
    epochs, every = config.epochs(name), config.trainer.save_weights_every_n_epoch
    settings = config.trainer.model_copy(
        update={
            "max_epochs": epochs,
            "batch_size": min(config.trainer.batch_size, BATCHES[stage, mode]),
            "keep": "last",
            "checkpoint_save_n_top": 0,
        }
    )
    folder = chain.files.weights(stage, mode, 1).parent
    if not run.resume:
        for stale in folder.glob("*.pth"):
            stale.unlink()
    training = moments_of(config, chain.files, stage, mode, chain.samples("train"))
    held = chain.samples("validation") if "validation" in chain.videos else None
    fitted = run.fit(
        lambda: StanetTask(config, stage, mode),
        training,
        None if held is None else moments_of(config, chain.files, stage, mode, held),
        name,
        settings,
        lambda epoch: chain.files.weights(stage, mode, epoch) if epoch % every == 0 or epoch == epochs else None,
    )
    losses = {int(row["epoch"]): row["val_loss"] for row in fitted.rows if "val_loss" in row}
    kept = {epoch: loss for epoch, loss in losses.items() if chain.files.weights(stage, mode, epoch).is_file()}
    write_json(folder / "classes.json", list(config.data.classes))
    write_json(folder / CHOSEN, {"last": epochs, "best": min(kept, key=lambda epoch: kept[epoch]) if kept else None})
    return fitted.values


def chosen_weights(chain: StanetChain, stage: Stage, mode: Mode) -> Path:
    """Return the weights of a network by the config's choice. Raises UsageError where that epoch is not there."""
    config, name = chain.config, NAMES[stage, mode]
    choice = config.choose.get(name, config.trainer.keep)
    folder = chain.files.weights(stage, mode, 1).parent
    if isinstance(choice, str):
        record = folder / CHOSEN
        if not record.is_file():
            raise UsageError(f"{folder}: holds no finished network; run the step {name} first")
        number = json.loads(record.read_text(encoding="utf-8"))[choice]
        if number is None:
            raise UsageError(f"choose: {name} was trained without a validation list; name an epoch, or last")
        choice = int(number)
    path = chain.files.weights(stage, mode, choice)
    if not path.is_file():
        there = ", ".join(sorted(str(int(file.stem.rpartition("_")[2])) for file in folder.glob("*.pth"))) or "none"
        raise UsageError(f"{path}: no such file; the step {name} left the epochs {there} (choose)")
    return path


def restored(chain: StanetChain, stage: Stage, mode: Mode) -> nn.Module:
    """Return a network with the chosen weights, in evaluation mode on the config's device. Raises UsageError."""
    path = chosen_weights(chain, stage, mode)
    bare = chain.config.model_copy(update={"visual": "", "audio": ""})
    return load_published(built(bare, stage, mode), path).eval().to(chain.config.device)


def class_maps(run: RecipeRun, chain: StanetChain, stage: Stage) -> dict[str, Any]:
    """Write class maps, confidences, reports and galleries of the three classifiers of a stage, on all parts."""
    accuracy: dict[str, Any] = {}
    for mode in BRANCHES:
        network = restored(chain, stage, mode)
        for part in chain.videos:
            samples = chain.samples(part)
            answers = write_class_maps(chain, stage, mode, network, samples)
            classes, count = chain.config.data.classes, chain.config.gallery
            share = write_report(chain.files, PartAnswers(stage, mode, part, samples, answers), classes, count)
            accuracy[f"{mode}_{part}"] = share
            run.tell(f"{stage} {mode}: {share:.3f} of {len(samples)} seconds of {part} right")
    return {"accuracy": accuracy}


def result_maps(chain: StanetChain) -> dict[str, Any]:
    """Write the saliency network's maps of the test videos; of the training videos where no test list is named."""
    samples = chain.samples("test" if "test" in chain.videos else "train")
    write_results(chain, restored(chain, "fine", "STA"), samples)
    return {"seconds": len(samples)}
