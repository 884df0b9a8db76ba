"""Published experiments: the rule against the published list, field by field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gazenet.config.picture_names import EMBEDDED, embedded_cues, published_stems
from gazenet.config.training_experiments import (
    BASE,
    FAMILIES,
    Experiment,
    Phases,
    experiment_names,
    families,
    find_experiment,
)

PUBLISHED = json.loads((Path(__file__).resolve().parents[1] / "data" / "train_configs.json").read_text())
CONFIGS: dict[str, dict[str, Any]] = PUBLISHED["configs"]
CHECKPOINTS = "gazenet/models/saliency_prediction/gasp/checkpoints"


def experiment_named(name: str) -> Experiment:
    experiment = find_experiment(name)
    assert experiment is not None
    return experiment


def listed(phases: Phases) -> Any:
    """As the list writes it: once where all phases agree."""
    return (
        list(phases.train) if phases.equal else {key: list(getattr(phases, key)) for key in ("train", "val", "test")}
    )


def record(experiment: Experiment) -> dict[str, Any]:
    run_name = experiment.experiment or experiment.model
    unreported = ("GASPExp001_1x1Conv", "GASPExp004_SeqDAMGMUALSTM")
    return {
        "series": experiment.series,
        "model": experiment.model,
        "fusion": experiment.fusion,
        "model_kwargs": dict(experiment.model_kwargs),
        "context": experiment.context,
        "temporal_norm": experiment.temporal_norm,
        "split_files": {key: getattr(experiment.split_files, key) for key in ("train", "val", "test")},
        "input_maps": listed(experiment.input_maps),
        "ground_truth_maps": list(experiment.ground_truth_maps),
        "frames_root": experiment.frames_root,
        "inferer": experiment.inferer,
        "logger": experiment.logger,
        "log_dir": experiment.log_dir,
        "project": experiment.project,
        "experiment": run_name,
        "checkpoint_dir": f"{CHECKPOINTS}/pretrained_{run_name.lower()}",
        "stated_not_in_paper": experiment.name.startswith(unreported),
    }


def test_the_names_are_the_published_ones() -> None:
    assert len(experiment_names()) == 134
    assert set(experiment_names()) == set(CONFIGS)
    ours = [name for name in experiment_names() if name != BASE]
    assert ours == [name for name in CONFIGS if name != BASE]


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != BASE])
def test_every_field_is_as_published(name: str) -> None:
    assert record(experiment_named(name)) == CONFIGS[name]


def test_the_base_is_empty() -> None:
    assert experiment_named(BASE).model == "" and experiment_named(BASE).model_kwargs == {}
    assert experiment_named(BASE).summary.startswith("Empty base")


def test_families_hold_every_experiment_once() -> None:
    grouped = families()
    assert list(grouped) == list(FAMILIES)
    assert {series: len(members) for series, members in grouped.items()} == {
        "GASPExp001": 10,
        "GASPExp002": 96,
        "GASPExp003": 5,
        "GASPExp004": 21,
        "playground": 1,
        "base": 1,
    }


def test_unknown_names_are_none() -> None:
    for name in ("GASPExp002_SeqRGMU1x1Conv_10Norm", "GASPExp002_SeqALSTM1x1Conv_3", "gaspexp001_1x1conv", ""):
        assert find_experiment(name) is None


def test_summaries_tell_the_members_of_a_family_apart() -> None:
    for members in families().values():
        said = [(one.summary, one.name[-4:] if one.series == "GASPExp004" else "") for one in members]
        assert len(set(said)) == len(members)


def test_stems_stand_for_embedded_cues() -> None:
    assert set(PUBLISHED["modality_of_map"]) <= set(EMBEDDED)
    assert embedded_cues(published_stems()) == (
        "active_speaker",
        "saliency",
        "facial_expression",
        "gaze_following",
        "gaze_direction",
    )
    assert embedded_cues(["det_transformed_tased", "smell"]) == ("saliency", "smell")
