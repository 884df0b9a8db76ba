"""The networks of the chain as tasks: their inputs, losses, optimisers, and pictures during training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from gazenet.training.recipe_task import Batch, LossTerms, RecipeTask
from gazenet_plugins.stanet import losses, maps, pretrained
from gazenet_plugins.stanet.classifiers import (
    SpatialAudioClassifier,
    SpatialClassifier,
    SpatialTemporalClassifier,
    Stage,
)
from gazenet_plugins.stanet.recipe import StanetConfig, StanetFit
from gazenet_plugins.stanet.samples import ALONE, CURRENT_FIRST, IN_ORDER, MEAN, STD, MomentForm, Moments, SecondSample
from gazenet_plugins.stanet.sta import STA32
from gazenet_plugins.stanet.trunks import TRUNKS
from gazenet_plugins.stanet.workspace import Mode, Workspace

AROUND: Mapping[Mode, Sequence[int]] = {"S": ALONE, "SA": ALONE, "ST": CURRENT_FIRST, "STA": IN_ORDER}
BATCHES: Mapping[tuple[Stage, Mode], int] = {
    ("coarse", "S"): 64,
    ("coarse", "SA"): 40,
    ("coarse", "ST"): 20,
    ("fine", "S"): 10,
    ("fine", "SA"): 10,
    ("fine", "ST"): 8,
    ("fine", "STA"): 3,
}
FINE_OF_CURRENT = 3
"""Position of the current frame's finer map among the outputs of STA32."""
SHOWN = 4
"""Samples in a picture of validation."""
LOSSES: Mapping[str, losses.ClassLoss] = {"cross_entropy": losses.cross_entropy, "soft_margin": losses.soft_margin}
FACTORS = {(False, True): 1, (False, False): 2, (True, True): 10, (True, False): 20}
"""What a rate is multiplied by: whether a name holds ``extra``, and whether it holds ``weight``."""


def factor(epoch: int, milestones: Sequence[int]) -> float:
    """Return the factor of all rates in an epoch, counted from 1; every milestone divides it by ten."""
    return float(0.1 ** sum(epoch >= milestone for milestone in milestones))


def parameter_groups(network: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters in the order of :data:`FACTORS`: weights and rest of the backbone, then of new layers."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {kind: [] for kind in FACTORS}
    for name, value in network.named_parameters():
        groups["extra" in name, "weight" in name].append(value)
    return list(groups.values())


def optimiser(network: nn.Module, rate: float, decay: float) -> SGD:
    """Build SGD with Nesterov momentum 0.9, without empty groups."""
    pairs = zip(parameter_groups(network), FACTORS.values(), strict=True)
    groups: Sequence[dict[str, Any]] = [{"params": some, "lr": rate * times} for some, times in pairs if some]
    return SGD(groups, lr=rate, momentum=0.9, nesterov=True, weight_decay=decay)


class BatchOutput(NamedTuple):
    """The output for a batch: its loss; for classifiers logits ``[N, C]`` and both maps ``[N, C, h, w]``.

    Of the saliency network: logits None, ``first`` the current frame's map ``[N, 1, H, W]`` as logits.
    """

    loss: Callable[[], Tensor]
    logits: Tensor | None
    first: Tensor
    fused: Tensor


def answer(network: nn.Module, mode: Mode, item: Batch, loss: losses.ClassLoss = losses.cross_entropy) -> BatchOutput:
    """Run a network of the chain on the items of :class:`samples.Moments`."""
    if mode == "STA":
        out = network(item["images"].unbind(1), item["audios"].unbind(1))
        pairs = [out[:2], out[2:4], out[4:]]
        shown = out[FINE_OF_CURRENT]
        return BatchOutput(lambda: losses.saliency_loss(pairs, item["targets"].unbind(1)), None, shown, shown)
    if mode == "ST":
        out = network(*item["images"].unbind(1))
        pooled, fused = (out.pool1, out.pool2, out.pool3), (out.fused1, out.fused2, out.fused3)
        of_three = losses.sequence_loss
        return BatchOutput(lambda: of_three(pooled, fused, item["class_id"], loss), out.pool1, out.map, out.map_all)
    audios = [item["audios"][:, 0]] if mode == "SA" else []
    out = network(item["images"][:, 0], *audios)
    of_one = losses.classifier_loss
    return BatchOutput(
        lambda: of_one(out.logits1, out.logits2, item["class_id"], loss), out.logits1, out.map1, out.map2
    )


def built(config: StanetConfig, stage: Stage, mode: Mode) -> nn.Module:
    """Build a network; pretrained backbones are attached after its initialisation."""
    count, trunk = len(config.data.categories), TRUNKS[config.trunk]
    kinds: Mapping[Mode, Callable[[], nn.Module]] = {
        "S": lambda: SpatialClassifier(count, trunk),
        "SA": lambda: SpatialAudioClassifier(count, stage, config.sound, trunk),
        "ST": lambda: SpatialTemporalClassifier(count, trunk=trunk),
        "STA": lambda: STA32(trunk=trunk),
    }
    network = kinds[mode]()
    if config.visual:
        pretrained.load_visual(network, config.visual)
    if config.audio and mode in ("SA", "STA"):
        pretrained.load_sound(network, config.audio)
    return network


def moments_of(
    config: StanetConfig,
    files: Workspace,
    stage: Stage,
    mode: Mode,
    samples: Sequence[SecondSample],
    targets: bool = True,
) -> Moments:
    """Return the samples as inputs of a network; ``targets``: whether the saliency network gets targets."""
    # Targets cover the complete picture: the saliency network takes no crops.
    pictures: Stage = "coarse" if mode == "STA" else stage
    size = config.coarse_size if stage == "coarse" else config.fine_size
    form = MomentForm(AROUND[mode], mode in ("SA", "STA"), targets and mode == "STA")
    return Moments(files, pictures, samples, size, form)


class StanetTask(RecipeTask):
    """One network of the chain with its loss, and for classifiers its accuracy."""

    def __init__(self, config: StanetConfig, stage: Stage, mode: Mode) -> None:
        super().__init__(built(config, stage, mode))
        self.mode, self.settings = mode, config.trainer

    def outcome(self, batch: Batch) -> LossTerms:
        """Return the loss of a batch and, for classifiers, the accuracy."""
        output = answer(self.network, self.mode, batch, LOSSES[self.settings.loss])
        if output.logits is None:
            return LossTerms({"map": output.loss()})
        right = (output.logits.argmax(1) == batch["class_id"]).float().mean()
        return LossTerms({"class": output.loss()}, {"accuracy": right})

    def pictures(self, batch: Batch) -> Mapping[str, NDArray[np.uint8]]:
        """Return the first pictures with their maps over them; for classifiers the map of the true class."""
        output = answer(self.network, self.mode, batch)
        if output.logits is None:
            class_maps = output.first.sigmoid()[:, 0]
        else:
            class_maps = maps.class_maps(output.first, output.fused, batch["class_id"])
        current = AROUND[self.mode].index(0)
        pairs = zip(batch["images"][:SHOWN, current].cpu(), class_maps[:SHOWN].detach().float().cpu(), strict=True)
        return {"maps": np.concatenate([shown(image, one.numpy()) for image, one in pairs], 1)}

    def configure_optimizers(self) -> Any:
        """Return the published optimiser and its schedule."""
        settings: StanetFit = self.settings
        chosen = optimiser(self.network, settings.learning_rate, settings.weight_decay)
        schedule = LambdaLR(chosen, lambda epoch: factor(epoch + 1, settings.milestones))
        return {"optimizer": chosen, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}


def shown(image: Tensor, map_: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Draw a normalised picture ``[3, H, W]`` with a map over it: RGB ``[H, W, 3]``."""
    picture = image.permute(1, 2, 0).numpy() * STD + MEAN
    bgr = np.clip(np.rint(255 * picture), 0, 255).astype(np.uint8)[..., ::-1]
    cam = np.asarray(maps.resized(maps.eight_bit(map_), *bgr.shape[:2]), np.uint8)
    return np.ascontiguousarray(maps.saturated(maps.overlay(cam, bgr))[..., ::-1])
