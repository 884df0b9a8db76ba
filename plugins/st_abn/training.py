"""Training and evaluation of ST-ABN and 3D ResNets on action videos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD
from torch.optim.lr_scheduler import MultiStepLR

from gazenet.backbones.checkpoint import file_in, load_state, read_state
from gazenet.backbones.resnet3d import ResNet3d
from gazenet.errors import UsageError
from gazenet.files import atomic_write, write_json
from gazenet.training.checkpoints import save_whole
from gazenet.training.recipe_run import RecipeResult, RecipeRun
from gazenet.training.recipe_task import Batch, LossTerms, RecipeTask
from gazenet.training.seeded_samples import OrderedSamples
from gazenet_plugins.st_abn.checkpoint import BEST_FILE
from gazenet_plugins.st_abn.clips import ActionClips, evaluation_starts, normalised
from gazenet_plugins.st_abn.drawing import enlarged, grid, marked, with_attention, write_film
from gazenet_plugins.st_abn.network import ATTENTION_CLASSES, STABN
from gazenet_plugins.st_abn.pointing import pointing, read_places
from gazenet_plugins.st_abn.recipe import ActionConfig
from gazenet_plugins.st_abn.videos import ActionVideo, read_classes, read_videos

TOP = (1, 5)


def build(config: ActionConfig, classes: int) -> nn.Module:
    """Return the network of a config, with the weights that it begins with. Raises UsageError."""
    frames, size = config.data.frames, config.data.size
    if config.network == "st_abn":
        network: nn.Module = STABN(config.depth, frames, classes, config.dropout)
    else:
        network = ResNet3d(config.depth, classes=classes, clip=(frames, size), dropout=config.dropout)
    for module in network.modules():
        if isinstance(module, nn.Conv3d):
            # As published: the width of the kernel is left out.
            deviation = (2 / (module.kernel_size[0] * module.kernel_size[1] * module.out_channels)) ** 0.5
            nn.init.normal_(module.weight, 0.0, deviation)
    if config.start is not None:
        load_start(network, file_in(config.start, BEST_FILE))
    return network


def load_start(network: nn.Module, path: Path) -> None:
    """Load weights of this network, or of a 2D ResNet, whose kernels are spread evenly over time.

    Raises UsageError for those of another network.
    """
    state, own = read_state(path), network.state_dict()
    if "conv1.weight" in state and state["conv1.weight"].dim() == 4:
        state = {**own, **{key: _inflated(value, own[key]) for key, value in state.items() if _fits(value, own, key)}}
    load_state(network, state, path)


def _fits(value: Tensor, own: Mapping[str, Tensor], key: str) -> bool:
    """Return whether a tensor of a 2D network has a place here: convolutions and batch norms, not the classifier."""
    if key not in own or key.startswith("fc."):
        return False
    target = own[key]
    return target.shape == value.shape or (target.dim() == 5 and target.shape[:2] + target.shape[3:] == value.shape)


def _inflated(value: Tensor, target: Tensor) -> Tensor:
    return value if target.dim() != 5 else value[:, :, None].expand(target.shape) / target.shape[2]


def scores(network: nn.Module, clips: Tensor) -> list[Tensor]:
    """Return mean class probabilities ``[B, classes]`` over the clips ``[B, K, 3, T, S, S]``.

    Those of the perception branch, and of the attention branch where there is one.
    """
    outputs = branches(network, clips.flatten(0, 1))
    return [F.softmax(logits, 1).unflatten(0, clips.shape[:2]).mean(1) for logits in outputs]


def branches(network: nn.Module, clips: Tensor) -> list[Tensor]:
    """Return the class logits ``[B, classes]`` of clips ``[B, 3, T, S, S]`` by every branch of the network."""
    output = network(clips)
    return [output] if isinstance(output, Tensor) else list(output[:2])


def hits(probabilities: Tensor, labels: Tensor, top: int) -> Tensor:
    """Return 1 where the label is among the ``top`` most probable classes, else 0, ``[B]``."""
    best = probabilities.topk(min(top, probabilities.shape[1]), 1).indices
    return (best == labels[:, None]).any(1).float()


class ActionTask(RecipeTask):
    """Cross-entropy of every branch, weight 1 each."""

    def __init__(self, config: ActionConfig, classes: int) -> None:
        super().__init__(build(config, classes))
        self.settings = config.trainer

    def outcome(self, batch: Batch) -> LossTerms:
        """Return the cross-entropy of every branch, and accuracies of the perception branch."""
        clips, labels = batch["clips"], batch["label"]
        if self.training:
            outputs = branches(self.network, clips[:, 0])
            terms = [F.cross_entropy(logits, labels) for logits in outputs]
            values = {"accuracy": hits(outputs[0], labels, 1).mean()}
        else:
            means = scores(self.network, clips)
            terms = [F.nll_loss(mean.clamp(min=1e-12).log(), labels) for mean in means]
            values = {f"top{top}": hits(means[0], labels, top).mean() for top in TOP}
            values["error"] = 1 - values["top1"]
        return LossTerms(dict(zip(("per", "att"), terms, strict=False)), values)

    def configure_optimizers(self) -> Any:
        """Return SGD with momentum, whose rate falls at given epochs."""
        settings = self.settings
        optimizer = SGD(
            self.network.parameters(),
            settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.nesterov,
        )
        return {"optimizer": optimizer, "lr_scheduler": MultiStepLR(optimizer, list(settings.lr_steps))}


class ActionTraining:
    """The recipe ``st_abn``. Raises UsageError for labels, classes and folders that disagree."""

    def __init__(self, config: ActionConfig) -> None:
        self.config, data = config, config.data
        classes = read_classes(data.classes)
        self._train, names = read_videos(data.train, classes, "data.train")
        self._held: list[ActionVideo] = []
        if data.validation is not None:
            self._held, held_names = read_videos(data.validation, classes or names, "data.validation")
            names = max(names, held_names, key=len)
        if config.network == "st_abn" and len(names) > ATTENTION_CLASSES:
            raise UsageError(
                f"{len(names)} classes: the attention branch of ST-ABN has {ATTENTION_CLASSES} outputs, as published"
            )
        if config.trainer.keep == "best" and not self._held:
            raise UsageError("trainer.keep is best, but data.validation names nothing to validate on")
        self.classes = names
        self._places = None
        if data.validation is not None and config.network == "st_abn":
            self._places = read_places(data.validation, self._held)

    def train(self, run: RecipeRun) -> RecipeResult:
        """Fit the network, write ``checkpoint-best.pt``, scores and drawings of the validation set."""
        config = self.config
        held = ActionClips(self._held, config.data) if self._held else None
        if config.only_evaluate:
            network, weights = build(config, len(self.classes)), Path(str(config.start))
        else:
            fitted = run.fit(
                lambda: ActionTask(config, len(self.classes)), ActionClips(self._train, config.data), held
            )
            network, weights = fitted.task.network, run.folder / BEST_FILE
            save_whole({"model_state_dict": fitted.task.state(), "epoch": config.trainer.max_epochs}, weights)
        if held is None:
            return RecipeResult(weights, {})
        network.to(config.device).eval()
        accuracy = evaluate(network, held, config)
        write_json(run.folder / "result_val" / f"accuracy_num_segment_{config.data.clips}.json", accuracy)
        run.tell(", ".join(f"{name}: {percent(values)}" for name, values in accuracy.items()))
        values: dict[str, dict[str, float]] = accuracy
        if isinstance(network, STABN):
            draw(network, held, config, run.folder / "attention")
            if self._places is not None:
                values = {**accuracy, "pointing": pointing(network, held, self._places, config.device)}
                run.tell(f"brightest cell of the attention: {percent(values['pointing'])}")
        return RecipeResult(weights, values)


def percent(values: Mapping[str, float]) -> str:
    """Return shares in words."""
    return " ".join(f"{name} {share:.1%}" for name, share in values.items())


@torch.inference_mode()
def evaluate(network: nn.Module, held: ActionClips, config: ActionConfig) -> dict[str, dict[str, float]]:
    """Return top-1 and top-5 accuracy of either branch, over all clips of every video (``att``: 0 without it)."""
    right: dict[str, list[Tensor]] = {f"top-{top}_accuracy": [] for top in TOP}
    loader = torch.utils.data.DataLoader(cast(Any, OrderedSamples(held)), config.trainer.batch_size)
    for batch in loader:
        probabilities = scores(network, batch["clips"].to(config.device))
        labels = batch["label"].to(config.device)
        for top in TOP:
            right[f"top-{top}_accuracy"].append(torch.stack([hits(each, labels, top) for each in probabilities]))
    accuracy = {}
    for name, parts in right.items():
        means = torch.cat(parts, 1).mean(1).tolist()
        accuracy[name] = {"per": means[0], "att": means[1] if len(means) > 1 else 0.0}
    return accuracy


@torch.inference_mode()
def draw(network: STABN, held: ActionClips, config: ActionConfig, folder: Path) -> None:
    """Write a film and a picture of the attention in the middle clip of the first validation videos."""
    for video in held.videos[: config.drawings]:
        (start,) = evaluation_starts(video.count, config.data.frames, 1)
        clip = held.picture(video, start, None)
        attention = network.attention(normalised(clip)[None].to(config.device))
        spatial, temporal = attention.spatial[0, 0].float().cpu().numpy(), attention.temporal.flatten().tolist()
        frames = np.clip(clip[..., ::-1], 0, 255).astype(np.uint8)
        pictures = [
            marked(with_attention(enlarged(frame), where, when), where, when)
            for frame, where, when in zip(frames, spatial, temporal, strict=True)
        ]
        name = video.name.replace("/", "_")
        write_film(pictures, folder / f"{name}.mp4")
        with atomic_write(folder / f"{name}.png") as file:
            Image.fromarray(grid(pictures)).save(cast(Any, file), "PNG")
