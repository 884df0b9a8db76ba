"""Cue maps of a training: choose its items, run the extractors for what the cache lacks, open the clips."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gazenet.config.inference import InferConfig
from gazenet.config.load import load_config, suggest
from gazenet.config.picture_names import CAPTURED
from gazenet.config.training import SourceConfig, TrainConfig
from gazenet.cues.colour_pictures import as_pictures
from gazenet.cues.registry import get
from gazenet.data.cue_clip import CueClip
from gazenet.data.dataset import sigma_of
from gazenet.data.density import GaussianWidth
from gazenet.data.source_items import ChosenItem, source_items
from gazenet.errors import UsageError
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.inference.cache.recall import Recalled, recall

Extract = Callable[[InferConfig, Sequence[Path]], Mapping[Path, Recalled]]


def first_stage(config: InferConfig, paths: Sequence[Path]) -> dict[Path, Recalled]:
    """Run the extractors of ``config``, taking from the cache what it has. Raises GazenetError."""
    from gazenet.inference.engine.pipeline import prepare_threads
    from gazenet.inference.engine.stage_graph import build_graph
    from gazenet.inference.engine.video_pass import default_store
    from gazenet.inference.predict import collect
    from gazenet.media.source_id import source_id

    prepare_threads(config)
    graph = build_graph(config)
    store = default_store(config.resolved_cache_dir)
    extracted: dict[Path, Recalled] = {}
    for number, path in enumerate(paths, 1):
        identity = source_id(path)
        cached = recall(graph, identity, store)
        if cached is None:
            print(f"cues {number}/{len(paths)} {path.name}", file=sys.stderr, flush=True)
            result = collect(graph, path, config.resolved_cache_dir)
            # From the cache, memory-mapped: the pictures of many videos need not fit into memory.
            cached = recall(graph, identity, store)
            cached = cached or Recalled(result.cues, result.times, result.faces, result.pictures)
        extracted[path] = cached
    return extracted


def cue_config(config: TrainConfig, parameters: Mapping[str, Mapping[str, Any]] | None = None) -> InferConfig:
    """Return the inference config that makes the cues, without stage two.

    ``parameters`` replaces parameters of extractors, for example the weights of a learned cue that must not have seen
    the video it is tested on. Raises UsageError where the inference config lacks a cue.
    """
    from gazenet.inference.engine.stage_graph import completed

    base = load_config("infer", config.infer_config)
    by_name = {extractor.name: extractor for extractor in base.extractors}
    cues = shown_cues(config)
    missing = [cue for cue in cues.cues if cue not in by_name and cue != CAPTURED]
    if missing:
        raise UsageError(
            f"cues: {', '.join(missing)} is not in the inference config {config.infer_config}"
            f"{suggest(missing[0], by_name)}; it has {', '.join(by_name)}"
        )
    changed = dict(parameters or {})
    extractors = [
        extractor.model_copy(update={"parameters": {**extractor.parameters, **changed.get(extractor.name, {})}})
        for extractor in completed(base, cues).extractors
    ]
    update = {"extractors": tuple(extractors), "integrator": None, "cache_dir": config.cache_dir}
    return base.model_copy(update={**update, "device": config.device})


def check_cues(config: TrainConfig) -> None:
    """Raise UsageError or PluginError naming a cue of the training or its test that nothing installed can make."""
    for cues in (config.cues, config.test_cues or config.cues):
        for extractor in cue_config(config.model_copy(update={"cues": cues})).extractors:
            get(extractor.name)


def shown_cues(config: TrainConfig) -> GaspSpec:
    """Return which extractors make the cues of a config, and how each is shown. Raises UsageError."""
    try:
        declared = GaspSpec(name=config.name, cues=config.cues, rendering=config.rendering, colours=config.colours)
        return declared.on_extractors()
    except ValueError as error:
        raise UsageError(f"cues: {error}") from None


def choose_items(config: TrainConfig, sources: Sequence[SourceConfig]) -> list[ChosenItem]:
    """Return all items that some sources of the config name. Raises UsageError for what is not there."""
    chosen = source_items(sources, config.data.root)
    if config.data.sigma is not None and config.data.sigma_unit == "degrees":
        for entry in chosen:
            if entry.viewing is None:
                raise UsageError(
                    f"data set {sources[entry.source].dataset}: data.sigma is in degrees, so its source needs "
                    "field_of_view (its frames' width)"
                )
    return chosen


def truth_sigma(config: TrainConfig, entry: ChosenItem) -> float:
    """Return the ground-truth sigma in pixels of an item's frames: the config's, else that of its data set."""
    sigma, unit = config.data.sigma, config.data.sigma_unit
    if sigma is None:
        return sigma_of(entry.collection, entry.item)
    return GaussianWidth(sigma, unit, entry.collection.reference_width, entry.viewing).pixels(entry.item.size[1])


def open_clips(
    config: TrainConfig,
    chosen: Sequence[ChosenItem],
    extract: Extract = first_stage,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[CueClip]:
    """Open clips of the chosen items, their cue maps made where the cache lacks them. Raises GazenetError."""
    paths = list(dict.fromkeys(entry.item.path for entry in chosen))
    extracted = extract(cue_config(config, parameters), paths) if paths else {}
    shown = shown_cues(config)
    clips = []
    for entry in chosen:
        cues = extracted[entry.item.path]
        sigma = truth_sigma(config, entry)
        pictures = {name: as_pictures(cues.pictures[name]) for name in shown.pictured}
        maps = {cue: pictures.get(name, cues.maps[name]) for cue, name in zip(config.cues, shown.cues, strict=True)}
        clips.append(CueClip(entry.collection.name, entry.item, maps, cues.times, sigma, entry.source))
    return clips
