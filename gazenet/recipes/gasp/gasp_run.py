"""The implementation of the recipe ``gasp``: cues, folds, the fit, scores and files of an integrator's training."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from gazenet.config.load import load_config
from gazenet.config.training import TrainConfig
from gazenet.errors import UsageError
from gazenet.evaluation.bootstrap import bootstrap_mean
from gazenet.evaluation.score import Scores, score_frames
from gazenet.evaluation.scoring_grid import as_text
from gazenet.files import write_json
from gazenet.fusion.gasp_integrator import GaspIntegrator
from gazenet.fusion.integrator_files import save_integrator
from gazenet.recipes.gasp.evaluate_integrator import evaluate_infer_configs, evaluate_integrator
from gazenet.recipes.gasp.evaluate_through_config import check_cues_through
from gazenet.recipes.gasp.extract_cues import Extract, first_stage
from gazenet.recipes.gasp.folds import fold_clips, item_of, seen_by_cues, table_of, warning
from gazenet.recipes.gasp.gasp_fit import FittedIntegrator, IntegratorPlan, fit_integrator
from gazenet.recipes.gasp.gasp_samples import Clip
from gazenet.recipes.gasp.gather_clips import find
from gazenet.training.checkpoints import save_whole
from gazenet.training.recipe_run import RecipeResult, RecipeRun
from gazenet.training.trainer import first_process

SEEN = "cues_have_seen"
"""Key beside scores: the cues whose weights have learned from what was scored, each with the videos."""
WEIGHTS, SCORES = "integrator.safetensors", "scores.json"
BARE = "last_model.pt"


class GaspTraining:
    """The recipe ``gasp``. Raises UsageError for everything in a config that would fail only after hours.

    ``extract`` makes the cue maps that the cache lacks.
    """

    def __init__(self, config: TrainConfig, extract: Extract = first_stage) -> None:
        self.config, self.extract = config, extract
        self._plan = IntegratorPlan.of(config)
        self._open_clips = find(config)
        self._table = table_of(config)
        self._infer_configs = [load_config("infer", name) for name in config.infer_configs]
        for infer in self._infer_configs:
            check_cues_through(infer, config)

    def train(self, run: RecipeRun) -> RecipeResult:
        """Fit the integrator and write ``integrator.safetensors``, ``last_model.pt`` (as released), ``scores.json``.

        Where the config asks for it, train without each video first, and score the result by all metrics.
        """
        clips = self._open_clips(self.extract)
        values: dict[str, Any] = {}
        if self.config.folds is not None:
            values["folds"] = self._leave_one_out(run, clips.train)
        fitted = fit_integrator(run.request(), self._plan, clips.train, clips.validation)
        run.only_first_process()
        values |= {"logged": fitted.values, "validation": self._validated(fitted.integrator, clips.validation)}
        self._write(run, fitted, values)
        if self._infer_configs:
            evaluate_infer_configs(self._infer_configs, self.config, run.folder / WEIGHTS)
        elif self.config.compute_metrics:
            evaluate_integrator(fitted.integrator, self.config, clips)
        return RecipeResult(run.folder / WEIGHTS, values)

    def _validated(self, integrator: GaspIntegrator, clips: Sequence[Clip]) -> dict[str, Any]:
        values = summary({clip.name: judge(integrator, clip, self.config) for clip in clips})
        seen = _warned(seen_by_cues(self.config, self.config.data.validation, {}), "data.validation")
        return values | ({SEEN: seen} if seen else {})

    def _write(self, run: RecipeRun, fitted: FittedIntegrator, values: dict[str, Any]) -> None:
        integrator, facts = fitted.integrator, run.record() | {"scores": values}
        save_integrator(run.folder / WEIGHTS, integrator.network, integrator.spec, facts)
        save_whole(integrator.network.state_dict(), run.folder / BARE)
        write_json(run.folder / SCORES, values)

    def _leave_one_out(self, run: RecipeRun, clips: Sequence[Clip]) -> dict[str, Any]:
        """Train without each video and score on it, with cues that have not seen it as far as a table says."""
        videos = [number for number, clip in enumerate(clips) if not clip.still]
        if len(videos) < 2:
            raise UsageError("folds: video needs at least two training videos")
        table, config = self._table, self.config
        remedy = (
            "" if table else "; a table of folds has weights that have not (benchmarks/training/folds.py makes it)"
        )
        seen = _warned(seen_by_cues(config, config.data.train, table, stills=False), "folds", remedy)
        # Of a fold only the score is wanted: nothing is validated, and loggers show the final network.
        settings = config.trainer.model_copy(update={"keep": "last"})
        quiet = replace(run, config=config.model_copy(update={"logger": ""}))
        scores = {}
        for number in videos:
            name = clips[number].name
            opened = fold_clips(config, clips, table.get(item_of(clips[number]), {}), self.extract)
            others = [clip for other, clip in enumerate(opened) if other != number]
            request = quiet.request(f"folds/{name.replace('/', '-')}", settings)
            scores[name] = judge(fit_integrator(request, self._plan, others).integrator, opened[number], config)
        return summary(scores) | ({SEEN: seen} if seen else {})


def judge(integrator: GaspIntegrator, clip: Clip, config: TrainConfig) -> Scores:
    """Return NSS and CC of the finished integrator on the validation frames of a clip, on the grid of its frames."""
    stride = 1 if clip.still else config.data.frame_stride
    frames = clip.targets(stride, config.data.validation_min_observers)
    return score_frames(integrator.fuse(dict(clip.maps)).saliency, clip.truth, frames, clip.sigma)


def summary(by_clip: Mapping[str, Scores]) -> dict[str, Any]:
    """Return the mean over all frames with interval, and of each clip; JSON-ready, NaN becomes null."""
    if not by_clip:
        return {}
    values: dict[str, Any] = {}
    for metric in ("nss", "cc"):
        every = [value for scores in by_clip.values() for value in scores.values[metric]]
        values[metric] = plain(asdict(bootstrap_mean(every)))
        values[metric]["clips"] = {
            name: plain({"mean": bootstrap_mean(s.values[metric]).mean})["mean"] for name, s in by_clip.items()
        }
    values["grids"] = sorted({as_text(scores.grid) for scores in by_clip.values() if scores.grid is not None})
    return values


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for JSON: NaN becomes None."""
    return {name: None if value != value else value for name, value in values.items()}


def _warned(seen: dict[str, list[str]], what: str, remedy: str = "") -> dict[str, list[str]]:
    """Warn of cues that have seen what they are scored on, and return them."""
    if seen and first_process():
        print(warning(seen, what, remedy), file=sys.stderr, flush=True)
    return seen
