"""Comet as a Lightning logger: online with a key, else an archive in the folder of the run that can be sent later.

Lightning's own logger switches an offline experiment off instead of keeping it.
"""

from __future__ import annotations

import logging
import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger

os.environ.setdefault("COMET_DISABLE_AUTO_LOGGING", "1")  # it would look for what torch has been doing already

import comet_ml

from gazenet.redaction import redact

SETTINGS: dict[str, Any] = {
    "log_code": False,
    "log_graph": False,
    "log_git_metadata": False,
    "log_git_patch": False,
    "log_env_details": False,
    "auto_output_logging": False,
    "parse_args": False,
    "display_summary_level": 0,
}
"""Only values and pictures of the training leave the machine."""


class CometLogger(Logger):
    """One experiment, begun at once by the first process of a run and ended with the fit.

    ``folder``: where the archive of an offline experiment appears. COMET_KEY or COMET_API_KEY and COMET_WORKSPACE come
    from the environment. ``message`` says where the values go.
    """

    def __init__(self, folder: Path, project: str) -> None:
        super().__init__()
        self.folder, self.project = folder, project
        self.message = ""
        self._experiment: Any = None
        if getattr(rank_zero_only, "rank", 0) == 0:
            self._begin()

    def _begin(self) -> None:
        log = logging.getLogger("comet_ml")
        log.setLevel(logging.CRITICAL)
        key = os.environ.get("COMET_KEY") or os.environ.get("COMET_API_KEY")
        reason = "" if key else "COMET_KEY is not set"
        if key:
            try:
                self._experiment = self._start(True, key)
                reason = "" if self._experiment.alive else "comet.com did not answer"
            except Exception as error:  # whatever a client of a distant service raises
                reason = str(error).strip().split("\n")[0] or type(error).__name__
        if not reason:
            log.setLevel(logging.ERROR)
            self.message = f"logger comet: {self._experiment.url}"
            return
        self._experiment = self._start(False, None)
        self.message = (
            f"logger comet: {reason}; values are kept offline in {self.folder} "
            f"(send them later: comet upload {self.folder}/*.zip)"
        )

    def _start(self, online: bool, key: str | None) -> Any:
        settings = comet_ml.ExperimentConfig(offline_directory=str(self.folder), **SETTINGS)
        return comet_ml.start(
            api_key=key,
            workspace=os.environ.get("COMET_WORKSPACE") or None,
            project=self.project,
            mode="create",
            online=online,
            experiment_config=settings,
        )

    @property
    def name(self) -> str:
        """The name of the project."""
        return self.project

    @property
    def version(self) -> str | None:
        """The key of the experiment."""
        return None if self._experiment is None else str(self._experiment.get_key())

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The experiment of the ``comet_ml`` package."""
        return self._experiment

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log values of a step or an epoch."""
        values = {name: float(value) for name, value in metrics.items()}
        epoch = values.pop("epoch", None)
        self._experiment.log_metrics(values, step=step, epoch=None if epoch is None else int(epoch))

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Log the settings of the run, without secrets."""
        self._experiment.log_parameters(redact(vars(params) if isinstance(params, Namespace) else params))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Send what is still waiting, or write the archive."""
        self._experiment.end()
