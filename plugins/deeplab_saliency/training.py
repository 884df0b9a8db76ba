"""Training of the DeepLab saliency and of its variants on installed data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Adam, AdamW

from gazenet.errors import UsageError
from gazenet.training.checkpoints import save_whole
from gazenet.training.fixation_videos import open_videos
from gazenet.training.recipe_config import SourceConfig
from gazenet.training.recipe_run import RecipeResult, RecipeRun
from gazenet.training.recipe_task import Batch, LossTerms, RecipeTask
from gazenet.training.validation_metrics import map_row, map_scores
from gazenet_plugins.deeplab_saliency.checkpoint import begin_with, container
from gazenet_plugins.deeplab_saliency.frames import FixedFrames, RandomFrames, SampleChanges, TrainingSource, sources
from gazenet_plugins.deeplab_saliency.losses import decorrelation, divergence, missed_fixations
from gazenet_plugins.deeplab_saliency.network import DeepLabSaliency
from gazenet_plugins.deeplab_saliency.recipe import DeeplabConfig, LossWeights

WEIGHTS = "deeplab_saliency.pth"


class DeeplabTask(RecipeTask):
    """The network with its loss. A frozen trunk neither learns nor counts what its batch norms see."""

    network: DeepLabSaliency

    def __init__(self, config: DeeplabConfig) -> None:
        super().__init__(DeepLabSaliency(variant=config.network))
        self.config = config
        if config.backbone:
            begin_with(self.network, config.backbone)
        if config.freeze:
            self.network.backbone.requires_grad_(False)

    def outcome(self, batch: Batch) -> LossTerms:
        """Return the weighted terms; in validation with scores."""
        if self.config.freeze:
            self.network.backbone.eval()
        prediction = self.network(batch["frames"])[:, 0]
        terms = weighted(prediction, batch["density"], batch["fixations"], self.config.loss)
        if self.training:
            return LossTerms(terms)
        return LossTerms(terms, map_scores(prediction.float(), batch["density"], batch["fixations"]))

    def pictures(self, batch: Batch) -> Mapping[str, NDArray[np.uint8]]:
        """Return prediction, density and fixations of the first frame in a row."""
        predicted = self.network(batch["frames"][:1])[0, 0]
        return {"map": map_row(predicted, batch["density"][0], batch["fixations"][0])}

    def configure_optimizers(self) -> Any:
        """Return Adam or AdamW at a constant rate, of the weights that are not frozen."""
        settings = self.config.trainer
        learned = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        if settings.optimizer == "adam":
            return Adam(learned, lr=settings.learning_rate)
        return AdamW(learned, lr=settings.learning_rate, weight_decay=settings.weight_decay)


def weighted(prediction: Tensor, density: Tensor, fixations: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """Return the terms of the loss, times their weights, of maps ``[N, h, w]``; those of weight 0 are left out."""
    terms: dict[str, Tensor] = {}
    if weights.kld:
        terms["loss_kld"] = weights.kld * divergence(prediction, density)
    if weights.cc:
        terms["loss_cc"] = weights.cc * decorrelation(prediction, density)
    if weights.nss:
        terms["loss_nss"] = weights.nss * missed_fixations(prediction, fixations)
    return terms


class DeeplabTraining:
    """The recipe ``deeplab_saliency``. Raises UsageError where weights to begin with are not there."""

    def __init__(self, config: DeeplabConfig) -> None:
        self.config = config
        if config.backbone and not Path(config.backbone).is_file():
            raise UsageError(f"backbone: {config.backbone}: no such file; name weights to begin with, or none")
        if config.trainer.keep == "best" and not config.data.validation:
            raise UsageError("trainer.keep is best, but data.validation names nothing")

    def train(self, run: RecipeRun) -> RecipeResult:
        """Fit the network and write ``deeplab_saliency.pth``, which the extractor takes as ``weights``."""
        config, data = self.config, self.config.data
        changes = SampleChanges(data.flip, data.photometric)
        training = RandomFrames(self._sources("train", data.train), changes, data.frames_per_video, data.draws)
        least = config.trainer.batch_size
        if len(training) < least:
            raise UsageError(
                f"data.train: {len(training)} frames an epoch are no batch of {least} (trainer.batch_size)"
            )
        validation = None
        if data.validation:
            validation = FixedFrames(self._sources("validation", data.validation), data.validation_stride)
        fitted = run.fit(lambda: DeeplabTask(config), training, validation)
        save_whole(container(fitted.task.state(), config.network), run.folder / WEIGHTS)
        return RecipeResult(run.folder / WEIGHTS, fitted.values)

    def _sources(self, part: str, configs: Sequence[SourceConfig]) -> list[TrainingSource]:
        config = self.config
        videos = open_videos(configs, config.data.root, config.input_size, config.cache_dir)
        return sources(videos, config.input_size, config.network, config.data.min_observers, part)
