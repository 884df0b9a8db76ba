"""Leave one video out: with which parameters learned cues run, and which of them have seen it nevertheless.

``{"011": {"active_speaker": {"weights": "speaker-011.safetensors"}}, ...}``: by the name of the video left out, the
parameters of the extractors whose installed weights have learned from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gazenet.config.load import read_file
from gazenet.config.training import SourceConfig, TrainConfig
from gazenet.cues.registry import get
from gazenet.data.cue_clip import CueClip
from gazenet.errors import UsageError
from gazenet.recipes.gasp.extract_cues import Extract, choose_items, cue_config, open_clips
from gazenet.recipes.gasp.gasp_samples import Clip

Parameters = dict[str, dict[str, Any]]
"""Extractor to the parameters that replace those of the inference config."""
Folds = Mapping[str, Parameters]
"""Name of the video left out to parameters; of ``osie-0`` and the like, to those of a fifth of the pictures."""


def read_folds(path: Path) -> dict[str, Parameters]:
    """Read a table of folds; files that it names are looked for beside it, then in the working directory.

    Raises UsageError that names the fold and the extractor of what cannot be used.
    """
    folds: dict[str, Parameters] = {}
    for fold, by_extractor in read_file(path).items():
        where = f"{path}: {fold}"
        if not isinstance(by_extractor, dict):
            raise UsageError(f'{where}: write the parameters of its cues: {{"active_speaker": {{"weights": "FILE"}}}}')
        folds[fold] = {name: _checked(name, values, path.parent, where) for name, values in by_extractor.items()}
    return folds


def _checked(name: str, parameters: Any, beside: Path, where: str) -> dict[str, Any]:
    if not isinstance(parameters, dict):
        raise UsageError(f'{where}: {name}: write an object of parameters: {{"weights": "FILE"}}')
    try:
        spec = get(name).spec
        spec.with_parameters(parameters)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    files = {
        key: _existing(str(parameters[key]), beside, f"{where}: {name}: {key}")
        for key in spec.checkpoints
        if parameters.get(key)
    }
    return {**parameters, **files}


def _existing(name: str, beside: Path, where: str) -> str:
    for path in (beside / name, Path(name)):
        if path.exists():
            return str(path)
    raise UsageError(f"{where}: there is no {name}, neither in {beside} nor in the working directory")


def table_of(config: TrainConfig) -> dict[str, Parameters]:
    """Read the table that a config's ``folds`` names; empty where it names none. Raises UsageError."""
    return {} if config.folds in (None, "video") else read_folds(Path(str(config.folds)))


def seen_by_cues(
    config: TrainConfig, sources: Sequence[SourceConfig], folds: Folds, stills: bool = True
) -> dict[str, list[str]]:
    """Cue to the videos (and, with ``stills``, pictures) of some sources that its weights have learned from.

    Where ``folds`` has parameters for a video, the cues run with those. Empty for stored pictures of cues, which do
    not say what made them.
    """
    seen: dict[str, list[str]] = {}
    if config.data.frames_root is not None:
        return seen
    for chosen in choose_items(config, sources):
        if stills or not chosen.item.still:
            for cue in _learned_from(config, chosen.collection.name, folds.get(chosen.item.name, {})):
                seen.setdefault(cue, []).append(f"{chosen.collection.name}/{chosen.item.name}")
    return seen


def _learned_from(config: TrainConfig, dataset: str, parameters: Parameters) -> list[str]:
    extractors = cue_config(config, parameters).extractors
    return [one.name for one in extractors if dataset in get(one.name).spec.trained_on_with(one.parameters)]


def seen_by(config: TrainConfig) -> dict[str, str]:
    """Name of each video of validation and test to the cues that have learned from it, with spaces between."""
    shown = config.model_copy(update={"cues": config.test_cues or config.cues})
    cues: dict[str, list[str]] = {}
    for cue, videos in seen_by_cues(shown, [*config.data.validation, *config.data.test], {}).items():
        for video in videos:
            cues.setdefault(video, []).append(cue)
    return {video: " ".join(names) for video, names in cues.items()}


def warning(seen: Mapping[str, Sequence[str]], what: str, remedy: str = "") -> str:
    """One line for cues that have seen what they are judged on."""
    parts = [f"cue {cue} has learned from {_some(names)}" for cue, names in seen.items()]
    return f"{what}: {'; '.join(parts)}: these scores are better than on other videos{remedy}"


def _some(names: Sequence[str], shown: int = 7) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def item_of(clip: Clip) -> str:
    """The name of a clip's video within its data set, as tables of folds have it."""
    return clip.item.name if isinstance(clip, CueClip) else clip.name


def fold_clips(config: TrainConfig, clips: Sequence[Clip], parameters: Parameters, extract: Extract) -> Sequence[Clip]:
    """Open the training clips with the cues of a fold. Stills keep the installed cues: nobody speaks in them."""
    if not parameters:
        return clips
    videos = [one for one in choose_items(config, config.data.train) if not one.item.still]
    reopened = iter(open_clips(config, videos, extract, parameters))
    return [clip if clip.still else next(reopened) for clip in clips]
