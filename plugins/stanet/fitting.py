"""Training of one network of the chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from gazenet.files import atomic_path, write_json
from gazenet_plugins.stanet import losses, pretrained
from gazenet_plugins.stanet.ave import Numbering, categories
from gazenet_plugins.stanet.classifiers import SA, ST, S, Stage
from gazenet_plugins.stanet.optimise import Recipe, optimiser, set_epoch
from gazenet_plugins.stanet.samples import ALONE, CURRENT_FIRST, IN_ORDER, Item, Jitter, Moments, Sample
from gazenet_plugins.stanet.sta import STA32
from gazenet_plugins.stanet.trunks import RESNEXT, Trunk
from gazenet_plugins.stanet.workspace import Mode, Workspace

AROUND: Mapping[Mode, Sequence[int]] = {"S": ALONE, "SA": ALONE, "ST": CURRENT_FIRST, "STA": IN_ORDER}
SIZES: Mapping[Stage, int] = {"coarse": 256, "fine": 356}
BATCHES: Mapping[tuple[Stage, Mode], int] = {
    ("coarse", "S"): 64,
    ("coarse", "SA"): 40,
    ("coarse", "ST"): 20,
    ("fine", "S"): 10,
    ("fine", "SA"): 10,
    ("fine", "ST"): 8,
    ("fine", "STA"): 3,
}
SALIENCY_EPOCHS = 15

Loss = Callable[[nn.Module, Item], Tensor]


@dataclass(frozen=True)
class Chain:
    """What is trained, on which files, and how.

    ``recipe``: its epochs are those of the classifiers; batches are the published ones, at most ``recipe.batch``.
    ``visual``, ``sound``: files of pretrained backbones, empty for none.
    """

    files: Workspace
    trunk: Trunk = RESNEXT
    recipe: Recipe = field(default_factory=lambda: Recipe(batch=64))
    numbering: Numbering = "files"
    device: str = "cpu"
    visual: str = ""
    sound: str = ""
    tell: Callable[[str], None] = print


def built(chain: Chain, stage: Stage, mode: Mode) -> nn.Module:
    """A new network; pretrained backbones are attached after its initialisation."""
    count = len(categories(chain.numbering))
    kinds: Mapping[Mode, Callable[[], nn.Module]] = {
        "S": lambda: S(count, chain.trunk),
        "SA": lambda: SA(count, stage, trunk=chain.trunk),
        "ST": lambda: ST(count, trunk=chain.trunk),
        "STA": lambda: STA32(trunk=chain.trunk),
    }
    network = kinds[mode]()
    if chain.visual:
        pretrained.load_visual(network, chain.visual)
    if chain.sound and mode in ("SA", "STA"):
        pretrained.load_sound(network, chain.sound)
    return network


def train(chain: Chain, stage: Stage, mode: Mode, samples: Sequence[Sample]) -> Path:
    """Trains one network; its state dict after the last epoch, plain and without a prefix.

    The names of its classes, in the order of their ids, lie beside it.
    """
    recipe = chain.recipe
    epochs = min(recipe.epochs, SALIENCY_EPOCHS) if mode == "STA" else recipe.epochs
    done = chain.files.weights(stage, mode, epochs)
    if done.is_file():
        return done
    torch.manual_seed(recipe.seed)
    network = built(chain, stage, mode).to(chain.device)
    chosen = optimiser(network, recipe)
    moments = moments_of(chain, stage, mode, samples, Jitter(recipe.seed))
    batch = min(recipe.batch, BATCHES[stage, mode])
    loader = DataLoader(moments, batch, shuffle=True, generator=torch.Generator().manual_seed(recipe.seed))
    for epoch in range(1, epochs + 1):
        set_epoch(chosen, recipe, epoch)
        mean = _epoch(network.train(), loader, LOSSES[mode], chosen, chain.device)
        chain.tell(f"{stage} {mode} epoch {epoch} of {epochs}: loss {mean:.4f}")
    done.parent.mkdir(parents=True, exist_ok=True)
    write_json(done.with_name("classes.json"), list(categories(chain.numbering)))
    with atomic_path(done) as temporary:
        torch.save({key: value.cpu() for key, value in network.state_dict().items()}, temporary)
    return done


def moments_of(
    chain: Chain, stage: Stage, mode: Mode, samples: Sequence[Sample], jitter: Jitter | None = None
) -> Moments:
    """The samples as a network of the chain sees them."""
    # Targets cover the complete picture: the saliency network sees no crops.
    seen: Stage = "coarse" if mode == "STA" else stage
    sounds, targets = mode in ("SA", "STA"), mode == "STA"
    return Moments(chain.files, seen, samples, SIZES[stage], AROUND[mode], sounds, targets, jitter)


def _epoch(
    network: nn.Module, loader: DataLoader[Item], loss: Loss, chosen: torch.optim.Optimizer, device: str
) -> float:
    """One pass through the data; the mean loss."""
    values = []
    for item in loader:
        chosen.zero_grad(set_to_none=True)
        value = loss(network, {key: tensor.to(device) for key, tensor in item.items()})
        value.backward()
        chosen.step()
        values.append(float(value.detach()))
    return float(np.mean(values))


def _spatial_loss(network: nn.Module, item: Item) -> Tensor:
    out = network(item["images"][:, 0])
    return losses.classifier_loss(out.logits1, out.logits2, item["class_id"])


def _sound_loss(network: nn.Module, item: Item) -> Tensor:
    out = network(item["images"][:, 0], item["audios"][:, 0])
    return losses.classifier_loss(out.logits1, out.logits2, item["class_id"])


def _sequence_loss(network: nn.Module, item: Item) -> Tensor:
    out = network(*item["images"].unbind(1))
    pooled, fused = (out.pool1, out.pool2, out.pool3), (out.fused1, out.fused2, out.fused3)
    return losses.sequence_loss(pooled, fused, item["class_id"])


def _saliency_loss(network: nn.Module, item: Item) -> Tensor:
    out = network(item["images"].unbind(1), item["audios"].unbind(1))
    return losses.saliency_loss([out[:2], out[2:4], out[4:]], item["targets"].unbind(1))


LOSSES: Mapping[Mode, Loss] = {"S": _spatial_loss, "SA": _sound_loss, "ST": _sequence_loss, "STA": _saliency_loss}
