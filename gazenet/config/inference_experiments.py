"""The published inference configurations by name: generators, metrics and pictures, from one table.

They make the maps that the released weights were trained on, so extractors, face detector and ground truth are those
of the release (``mode: published``). Source: Abawi, Weber, Wermter, IJCAI 2021, and its released configurations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from gazenet.config.inference import TRAINED
from gazenet.config.inference_data import GROUPED_FRAMES
from gazenet.config.picture_names import CAPTURED, EXTRACTOR, published_stems
from gazenet.config.training_experiments import ablated_maps

FAMILIES = {
    "generators": "write the stage-one maps of a data set in the published layout",
    "metrics": "score a network on a data set; tables in logs/metrics/",
    "visualise": "videos and reports of the published integrators on the test videos",
}
"""Family to what its members do, in published order."""

READERS = {
    "Coutrot1SampleReader": "coutrot1",
    "Coutrot2SampleReader": "coutrot2",
    "DIEMSampleReader": "diem",
    "SumMeETMDSampleReader": "summeetmd",
    "FindWhoSampleReader": "findwho",
    "MVVASampleReader": "mvva",
    "FAIRPlaySampleReader": "fairplay",
    "WTMSimGazeSampleReader": "wtmsimgaze",
    "DataSampleReader": "processed",
}
"""Published reader to the installed one."""
METRICS = {
    "aucj": "auc_judd",
    "aucs": "auc_shuffled",
    "aucb": "auc_borji",
    "nss": "nss",
    "cc": "cc",
    "sim": "sim",
    "kld": "kld",
    "ifg": "information_gain",
}
"""Published name of a metric to the name in configs."""
MEASURED = ("aucj", "aucs", "cc", "nss", "sim")
BASELINE = "datasets/processed/center_bias_bw.jpg"
FACES = {"detector": "s3fd_published", "stride": 1, "score": 0.5, "max_side": 1280, "mesh": False}
"""As the published caches were made: every frame, at its own size, without landmarks."""
SIZE = (500, 500)
"""[height, width] of published pictures."""
MAP_SIZE = 240
"""Twice the input of the published integrators."""

ALL_MODELS = ("dave", "esr9", "gaze360", "videogaze")
AVE, AVE_TEST = ("ave", ("train", "validation", "test")), ("ave", ("test",))


@dataclass(frozen=True)
class InferExperiment:
    """One published inference configuration.

    Attributes:
        name: the published name.
        family: a key of ``FAMILIES``.
        summary: one sentence for lists.
        extractors: in the published order of the models.
        reader: installed data set reader; empty where the user is to name one.
        split: table or family of tables and the parts of it; None: all videos.
        parameters: of the first extractor, beside its mode.
        integrator: its published alias; empty: cue maps only.
        stored: whether the cue maps are stored pictures.
        size: [height, width] of the pictures that are written; None: none are.
        table: file of the scores; empty: nothing is measured.
        judged: the extractor whose maps are measured; empty: the integrator's.
        shown: whether there are videos and a report.
        looked_at: whether there is a report.
    """

    name: str
    family: str
    summary: str
    extractors: tuple[str, ...] = ALL_MODELS
    reader: str = ""
    split: tuple[str, tuple[str, ...]] | None = AVE
    parameters: tuple[tuple[str, bool], ...] = ()
    integrator: str = ""
    stored: bool = False
    size: tuple[int, int] | None = None
    table: str = ""
    judged: str = ""
    shown: bool = False
    looked_at: bool = False


def _generators() -> Iterator[InferExperiment]:
    base = "Stage-one maps of the four published models; name a data set: --set data.reader=NAME"
    yield InferExperiment("InferGeneratorAllModelsBase", "generators", base)
    for name in ("Coutrot1", "Coutrot2", "DIEM"):
        summary = f"Stage-one maps and ground truth of {name}, in the published layout"
        yield InferExperiment(f"InferGeneratorAllModels{name}", "generators", summary, reader=name.lower(), size=SIZE)
    yield InferExperiment(
        "InferGeneratorFindWho",
        "generators",
        "Stage-one maps (no gaze following) and ground truth of all videos of FindWho, 512 x 320",
        extractors=ALL_MODELS[:3],
        reader="findwho",
        split=None,
        size=(320, 512),
        looked_at=True,
    )


def _metrics() -> Iterator[InferExperiment]:
    cues = _extractors(published_stems())
    for name, integrator, summary in (
        ("InferMetricsGASP", "seqdamalstmgmu", "Scores of DAM + LARGMU on the stored maps of the test videos"),
        ("InferMetricsGASPTrain", TRAINED, "Completed by gasp_train --infer_configs: scores of what was trained"),
    ):
        table = "logs/metrics/defaultgazenet.csv"
        yield InferExperiment(
            name, "metrics", summary, cues, "processed", AVE_TEST, integrator=integrator, stored=True, table=table
        )
    for label in ("STAViS", "DAVE"):
        yield from (_with_sound(label), _on_pictures(label, label.lower()))
    yield from (_on_pictures("TASED", "tased"), _on_pictures("UNISAL", "unisals"))


def _with_sound(label: str) -> InferExperiment:
    name = label.lower()
    return InferExperiment(
        f"InferMetrics{label}",
        "metrics",
        f"Scores of {label} with sound; name a data set: --set data.reader=NAME",
        extractors=(name, *ALL_MODELS[1:]),
        parameters=(("sound", True),) if label == "STAViS" else (),
        table=f"logs/metrics/default{name}.csv",
        judged=name,
    )


def _on_pictures(label: str, table: str) -> InferExperiment:
    return InferExperiment(
        f"InferMetrics{label}_VisOnly",
        "metrics",
        f"Scores of {label} without sound, on the pictures of the per-frame cache",
        extractors=(label.lower(),),
        reader="processed",
        parameters=(("sound", False),) if label == "STAViS" else (),
        table=f"logs/metrics/default{table}_vis.csv",
        judged=label.lower(),
    )


def _visualise() -> Iterator[InferExperiment]:
    for variant, integrator, stems, fusion in (
        ("SeqDAMALSTMGMU1x1Conv_10Norm", "seqdamalstmgmu", published_stems(), "DAM + LARGMU, 10 frames"),
        (
            "SeqDAMALSTMGMU1x1Conv_10Norm_110",
            "seqdamalstmgmu_110nofer",
            ablated_maps("110"),
            "DAM + LARGMU, 10 frames, no facial expression",
        ),
        ("DAMGMU1x1Conv", "damgmu", published_stems(), "DAM + GMU, one frame"),
        ("SeqDAMGMUALSTM1x1Conv_10Norm", "seqdamgmualstm", published_stems(), "DAM + ARGMU, 10 frames"),
    ):
        yield InferExperiment(
            f"InferVisualizeGASP{variant}",
            "visualise",
            f"{fusion}: overlay and report on the stored maps of the test videos",
            extractors=_extractors(stems),
            reader="processed",
            split=("test_ave", ()),
            integrator=integrator,
            stored=True,
            shown=True,
            looked_at=True,
        )


def _extractors(stems: tuple[str, ...]) -> tuple[str, ...]:
    """The extractors of stored pictures; the frame itself is always there."""
    return tuple(EXTRACTOR[stem] for stem in stems if stem != CAPTURED)


@cache
def _all() -> dict[str, InferExperiment]:
    families = (_generators, _metrics, _visualise)
    return {experiment.name: experiment for make in families for experiment in make()}


def infer_names() -> list[str]:
    """All 17 published names, family by family."""
    return list(_all())


def find_infer(name: str) -> InferExperiment | None:
    """The configuration of a published name, or None."""
    return _all().get(name)


def infer_families() -> dict[str, list[InferExperiment]]:
    """Family to its members, in published order."""
    return {family: [member for member in _all().values() if member.family == family] for family in FAMILIES}


def config_data(experiment: InferExperiment) -> dict[str, Any]:
    """The data of a config file of a published configuration."""
    fused = bool(experiment.integrator)
    stages = [
        extractor(name, dict(experiment.parameters) if k == 0 else {}) for k, name in enumerate(experiment.extractors)
    ]
    written = published_layout(experiment.size, "jet", "bone") if experiment.size else None
    split, subset = experiment.split or (None, ())
    return {
        "summary": experiment.summary,
        "data": data_inputs(experiment.reader, split, subset, experiment.stored),
        **places(experiment.name),
        "faces": dict(FACES),
        "extractors": stages,
        "integrator": {"name": experiment.integrator} if fused else None,
        "outputs": outputs(fused, shown=experiment.shown, looked_at=experiment.looked_at, written=written),
        "metrics": metrics(MEASURED, experiment.judged, BASELINE, experiment.table) if experiment.table else None,
    }


def places(name: str) -> dict[str, Any]:
    """Folders of results and maps, and the size of the maps."""
    return {"output_dir": f"runs/infer/{name}", "cache_dir": "runs/.cache", "map_size": MAP_SIZE}


def extractor(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an extractor as in the release."""
    return {"name": name, "parameters": {"mode": "published", **parameters}}


def data_inputs(
    reader: str, split: str | Sequence[str] | None, subset: Sequence[str] = (), stored: bool = False, **options: Any
) -> dict[str, Any]:
    """Data-set inputs, ground truth as released; ``options``: further ones of the reader."""
    return {
        "reader": reader,
        "options": {"behaviour": "published", **options},
        "split": split if split is None or isinstance(split, str) else list(split),
        "subset": list(subset),
        "maps": "stored" if stored else "computed",
    }


def outputs(fused: bool, shown: bool, looked_at: bool, written: dict[str, Any] | None) -> dict[str, Any]:
    """Files of a run: maps where they are ``fused``, videos, the report, and the layout that is ``written``."""
    return {
        "maps": fused,
        "attention": fused,
        "overlay": shown,
        "saliency_video": shown,
        "report": looked_at,
        "published": written,
    }


def published_layout(size: Sequence[int], colour: str, truth_colour: str) -> dict[str, Any]:
    """Pictures of ``size`` [height, width] in the published layout."""
    return {"root": GROUPED_FRAMES, "size": list(size), "colour": colour, "truth_colour": truth_colour}


def metrics(names: Sequence[str], judged: str, baseline: str | None, table: str | None) -> dict[str, Any]:
    """The published evaluation: its definitions, on maps as large as its pictures; ``names`` as published."""
    return {
        "names": [METRICS[name] for name in names],
        "definitions": "original",
        "prediction": judged,
        "baseline": baseline,
        "grid": max(SIZE),
        "file": table,
    }
