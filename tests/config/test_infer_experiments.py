"""The published inference configurations by name: all there, all facts in their place, what has none listed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gazenet.config.inference import TRAINED, InferConfig
from gazenet.config.inference_data import DataInputsConfig
from gazenet.config.inference_experiments import FAMILIES, METRICS, READERS, infer_families, infer_names
from gazenet.config.legacy_inference import EXTRACTORS, REASONS
from gazenet.config.load import load_config, published_names
from gazenet.config.picture_names import CAPTURED, EXTRACTOR
from gazenet.cues.registry import get
from gazenet.data.split_selection import expand_tables
from gazenet.errors import UsageError

FACTS: dict[str, Any] = json.loads((Path(__file__).resolve().parents[1] / "data" / "infer_configs.json").read_text())
LISTED: dict[str, Any] = FACTS["configs"]
ABOUT = ("notes", "json_differs_from_class", "default_postproc_properties", "purpose")
"""Told about a configuration, no part of it."""


def jpgs(config: InferConfig) -> bool:
    return config.outputs.published is not None


def tables(config: InferConfig) -> list[str]:
    assert config.data is not None
    return expand_tables(config.data.tables, config.data.subset)


def first(config: InferConfig) -> dict[str, Any]:
    return dict(config.extractors[0].parameters)


def in_table(config: InferConfig, path: str | None) -> bool:
    return path is None or config.data.split is None or Path(path).stem in tables(config)  # type: ignore[union-attr]


def models(config: InferConfig, model: str) -> bool:
    if model == "GASPInference":
        return config.integrator is not None
    return EXTRACTORS[model] in [one.name for one in config.extractors]


def maps(config: InferConfig, stems: list[str] | None) -> bool:
    wanted = [EXTRACTOR[stem] for stem in stems or () if stem != CAPTURED]
    return stems is None or [one.name for one in config.extractors] == wanted


def measured(check: Callable[[Any, Any], bool]) -> Callable[[InferConfig, Any], bool]:
    """A check of the metrics, where a configuration has any."""
    return lambda config, value: config.metrics is None or check(config.metrics, value)


def judged(config: InferConfig, stem: str) -> bool:
    assert config.metrics is not None
    return config.metrics.prediction == EXTRACTOR.get(stem, "") and (stem in EXTRACTOR or stem.endswith("_gasp"))


COMPARED: dict[str, Callable[[InferConfig, Any], bool]] = {
    "input.reader": lambda c, v: c.data is not None and c.data.reader == READERS.get(v, ""),
    "input.process_dataset_videos_only": lambda c, v: c.data is not None and (c.data.split is not None) == v,
    "input.datasplitter_properties.train_csv_file": in_table,
    "input.datasplitter_properties.val_csv_file": in_table,
    "input.datasplitter_properties.test_csv_file": in_table,
    "input.width": lambda c, v: not jpgs(c) or c.outputs.published.size[1] == v,  # type: ignore[union-attr]
    "input.height": lambda c, v: not jpgs(c) or c.outputs.published.size[0] == v,  # type: ignore[union-attr]
    "input.sampling_properties.color_map": lambda c, v: not jpgs(c) or c.outputs.published.truth_colour == v,  # type: ignore[union-attr]
    "inference_properties.color_map": lambda c, v: not jpgs(c) or c.outputs.published.colour == v,  # type: ignore[union-attr]
    "detectors.face_detector": lambda c, v: (v, c.faces.detector) == ("SFDFaceDetection", "s3fd_published"),
    "model.model": models,
    "model.model_properties.audiovisual": lambda c, v: first(c)["sound"] == v,
    "model.model_properties.weights_file": lambda c, v: c.integrator is not None and c.integrator.name == v,
    "model.model_properties.modalities": lambda c, v: len(c.extractors) + 1 == v,
    "model.preproc_properties.inp_img_names_list": maps,
    "output.visualize_images": lambda c, v: c.outputs.report == v,
    "output.write_images": lambda c, v: jpgs(c) == v,
    "output.write_videos": lambda c, v: (c.outputs.overlay, c.outputs.saliency_video) == (v, v),
    "metrics.compute_metrics": lambda c, v: (c.metrics is not None) == v,
    "metrics.metrics": lambda c, v: v == "SaliencyPredictionMetrics",
    "metrics.metrics_list": measured(lambda m, v: list(m.names) == [METRICS[one] for one in v]),
    "metrics.metrics_mappings.pred_salmap": lambda c, v: c.metrics is None or judged(c, v),
    "metrics.metrics_mappings.gt_baseline": measured(lambda m, v: m.baseline == v),
    "metrics.metrics_save_file": measured(lambda m, v: m.file == v),
    "run.device": lambda c, v: c.device == v,
}
"""Published key to what must hold of a config and its published value."""

DECLARED = "an integrator declares its network, its context and its cues with its weights"
WINDOWS = "a clip is read frame by frame and every extractor declares its own window"
SHOWN = "what is shown is in outputs"
TRUTH = "ground truth comes from the reader of the data set"
WITHOUT: dict[str, str] = {
    **{f"{part}.{key}": why for why, keys in REASONS.items() for key in keys for part in ("input", "output", "run")},
    **{f"detectors.{key}": why for why, keys in REASONS.items() for key in keys},
    "model.window": WINDOWS,
    "model.source_frames": WINDOWS,
    "model.postproc_properties": "maps cover the frame and keep its shape",
    "model.model_properties": DECLARED,
    "inference_properties": SHOWN,
    "metrics.metrics_mappings.gt_salmap": TRUTH,
    "metrics.metrics_mappings.gt_fixmap": TRUTH,
    "metrics.metrics_mappings.scores_info": "gates are always written beside the scores",
}
"""Published key (or the beginning of keys) that has no counterpart, and why."""


def leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{key}.{name}" if key else name)
    else:
        yield key, value


def facts(listed: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every published value with its key; those of model entries are called ``model.``."""
    for name, part in listed.items():
        if name == "model_groups":
            for entry in (one for group in part for one in group):
                yield from leaves(entry, "model")
        elif name not in ABOUT:
            yield from leaves(part, name)


def reason(key: str) -> str | None:
    """Why a key has no counterpart, by its longest beginning that is listed."""
    parts = key.split(".")
    return next((WITHOUT[at] for k in range(len(parts), 0, -1) if (at := ".".join(parts[:k])) in WITHOUT), None)


@pytest.mark.parametrize("name", LISTED)
def test_every_fact_is_compared_or_has_a_reason(name: str) -> None:
    config = load_config("infer", name)
    for key, value in facts(LISTED[name]):
        if key in COMPARED:
            assert COMPARED[key](config, value), f"{key} = {value}"
        elif value != {}:
            assert reason(key), f"{key} = {value} is neither compared nor listed"


def test_nothing_is_listed_that_is_not_published() -> None:
    every = {key for listed in LISTED.values() for key, _ in facts(listed)}
    assert set(COMPARED) <= every
    assert set(FACTS["absent_in_all"]["keys"]) <= {key for keys in REASONS.values() for key in keys}


def test_all_names_in_published_order_and_families() -> None:
    assert infer_names() == published_names("infer") == list(LISTED)
    assert list(infer_families()) == list(FAMILIES)
    assert [len(members) for members in infer_families().values()] == [5, 8, 4]
    with pytest.raises(UsageError, match=r"no such config \(did you mean 'InferMetricsGASP'"):
        load_config("infer", "InferMetricGASP")
    with pytest.raises(UsageError, match=r"InferPlayground001: no such config.* and 17 published configs"):
        load_config("infer", FACTS["default_config"]["value"])


@pytest.mark.parametrize("name", LISTED)
def test_what_is_named_is_installed_and_takes_its_parameters(name: str) -> None:
    config = load_config("infer", name)
    assert config.summary and config.output_dir == f"runs/infer/{name}"
    for extractor in config.extractors:
        assert get(extractor.name).spec.with_parameters(extractor.parameters)["mode"] == "published"
    if config.integrator is not None and config.integrator.name != TRAINED:
        from gazenet.fusion.gasp_spec import GaspSpec

        spec = get(config.integrator.name, "gazenet.integrators", GaspSpec).spec
        cues = {EXTRACTOR.get(cue, cue) for cue in spec.cues} - {CAPTURED}
        assert cues == {one.name for one in config.extractors}
    assert config.data is not None and config.data.options == {"behaviour": "published"}


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (['data={"subset": ["test"]}'], "data: subset: needs a split"),
        (['data={"reader": "diem", "maps": "stored"}'], "data: maps: stored pictures are what the reader 'processed'"),
        (["data.split="], "data.split: name a table"),
        (["data.split=[]"], "data.split: name a table"),
        (["data.spilt=x"], "data.spilt: unknown key (did you mean 'split'?)"),
        (['metrics={"prediction": "dave"}'], "metrics.prediction: dave is none of the extractors"),
        (["metrics={}", "integrator=null"], "metrics: without an integrator, metrics.prediction names"),
        (["metrics={}", "outputs.maps=false"], "metrics: need outputs.maps and outputs.attention"),
        (['metrics={"names": ["auc_uniform"], "definitions": "original"}'], "auc_uniform was not in the published"),
        (['outputs.published={"size": [4, 500]}'], "size must be [height, width], each from 8 to 4096"),
    ],
)
def test_what_cannot_be_is_refused(sets: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config("infer", "default", sets)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_a_split_of_ones_own_takes_the_place_of_a_family() -> None:
    config = load_config("infer", "InferGeneratorAllModelsDIEM", ["data.split=mine.csv"])
    assert config.data is not None and config.data.tables == ("mine.csv",)
    assert expand_tables(config.data.tables, config.data.subset) == ["mine.csv"]
    assert DataInputsConfig(split=("a.csv", "ave")).tables == ("a.csv", "ave")
