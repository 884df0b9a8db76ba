"""Training of STSANet as its authors did it, on installed data sets or on their published folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR

from gazenet.backbones.checkpoint import load_state, read_state
from gazenet.errors import UsageError
from gazenet.training.checkpoints import check_readable, save_whole
from gazenet.training.fixation_videos import open_videos
from gazenet.training.recipe_config import SourceConfig
from gazenet.training.recipe_run import RecipeResult, RecipeRun
from gazenet.training.recipe_task import Batch, LossTerms, RecipeTask
from gazenet.training.validation_metrics import map_row, map_scores
from gazenet_plugins.stsanet.clips import ClipSource, FixedClips, InstalledVideo, RandomClips, learnable
from gazenet_plugins.stsanet.losses import terms
from gazenet_plugins.stsanet.network import STSANet
from gazenet_plugins.stsanet.published_sets import picture_videos
from gazenet_plugins.stsanet.recipe import StsanetConfig, StsanetFit

WEIGHTS = "stsanet.pth"
ENCODER = ("base1.", "base2.", "base3.", "base4.")


def decays(epoch: int, settings: StsanetFit) -> int:
    """Return how often the rate has fallen when an epoch (from 0) begins: at 12, 18, 27, 36, ... as published."""
    later = epoch // settings.decay_period - settings.first_decay // settings.decay_period
    return 0 if epoch < settings.first_decay else 1 + later


class StsanetTask(RecipeTask):
    """STSANet with its loss; at every fall of the rate it goes back to the best weights so far."""

    network: STSANet

    def __init__(self, config: StsanetConfig) -> None:
        super().__init__(STSANet(config.input_size))
        self.settings = config.trainer
        if config.backbone:
            load_encoder(self.network, config.backbone)

    def outcome(self, batch: Batch) -> LossTerms:
        """Return the published terms; in validation with scores."""
        prediction = self.network(batch["clip"])
        loss = terms(prediction, batch["density"])
        if self.training:
            return LossTerms(loss)
        return LossTerms(loss, map_scores(prediction.float(), batch["density"], batch["fixations"]))

    def pictures(self, batch: Batch) -> Mapping[str, NDArray[np.uint8]]:
        """Return prediction, density and fixations of the first clip in a row."""
        return {"map": map_row(self.network(batch["clip"][:1])[0], batch["density"][0], batch["fixations"][0])}

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Begin an epoch in which the rate falls with the best weights so far, as published."""
        # Not when the epoch starts: in the epoch in which it resumes, Lightning leaves that hook out.
        if batch_idx:
            return
        epoch, settings = self.current_epoch, self.settings
        falls = epoch > 0 and decays(epoch, settings) > decays(epoch - 1, settings)
        if falls and settings.reload_best and self.best:
            self.load_state_dict(check_readable(Path(self.best))["state_dict"])
        if settings.forget_moments or (falls and settings.reload_best):
            for optimizer in self.trainer.optimizers:
                optimizer.state.clear()

    def configure_optimizers(self) -> Any:
        """Return Adam, whose rate falls as :func:`decays` says."""
        optimizer = Adam(self.network.parameters(), lr=self.settings.learning_rate)
        schedule = LambdaLR(optimizer, lambda epoch: 0.1 ** decays(epoch, self.settings))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}


def load_encoder(network: STSANet, path: str | Path) -> None:
    """Load an encoder's weights; entries that the network does not have are left out.

    Raises UsageError for a file that lacks some of the encoder's.
    """
    state = {key: value for key, value in read_state(path).items() if key.startswith(ENCODER)}
    rest = {key: value for key, value in network.state_dict().items() if not key.startswith(ENCODER)}
    shared = {key: value for key, value in state.items() if key in network.state_dict()}
    load_state(network, {**rest, **shared}, path)


class StsanetTraining:
    """The recipe ``stsanet``. Raises UsageError where weights to begin with or published folders are not there."""

    def __init__(self, config: StsanetConfig) -> None:
        self.config = config
        if config.backbone and not Path(config.backbone).is_file():
            raise UsageError(f"backbone: {config.backbone}: no such file")
        if config.trainer.keep == "best" and not config.validated:
            raise UsageError("trainer.keep is best, but data names nothing to validate on")
        self._published = {
            part: picture_videos(config.data.published, part, config.input_size) for part in ("train", "validation")
        }

    def train(self, run: RecipeRun) -> RecipeResult:
        """Fit the network and write ``stsanet.pth``, which the extractor takes as ``weights``."""
        data = self.config.data
        training = RandomClips(self._sources("train", data.train), data.clips_per_video)
        validation = FixedClips(self._sources("validation", data.validation)) if self.config.validated else None
        if validation is not None and not len(validation):
            raise UsageError("data.validation: no target frame of its clips has a fixation")
        fitted = run.fit(lambda: StsanetTask(self.config), training, validation)
        save_whole(fitted.task.state(), run.folder / WEIGHTS)
        return RecipeResult(run.folder / WEIGHTS, fitted.values)

    def _sources(self, part: str, sources: Sequence[SourceConfig]) -> list[ClipSource]:
        config, data = self.config, self.config.data
        videos = open_videos(sources, data.root, config.input_size, config.cache_dir)
        stride, least = data.validation_stride, data.min_observers
        installed = [InstalledVideo(video, config.input_size, stride, least) for video in videos]
        clips: list[ClipSource] = [*installed, *self._published[part]]
        if part == "train":
            clips = [source for source in clips if learnable(source)]
            if not clips:
                raise UsageError("data.train: no target frame of its videos has a fixation")
        return clips
