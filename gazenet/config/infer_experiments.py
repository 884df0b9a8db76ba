"""The published inference configurations by name: generators, metrics and pictures, from one table.

They make the maps that the released weights were trained on, so extractors, face detector and ground truth are those
of the release (``mode: published``). Source: Abawi, Weber, Wermter, IJCAI 2021, and its released configurations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gazenet.config.experiments import ablated_maps
from gazenet.config.infer import TRAINED
from gazenet.config.infer_data import GROUPED_FRAMES
from gazenet.config.stems import CAPTURED, EXTRACTOR, five

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
"""Published name of a metric to ours."""
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
    cues = _extractors(five())
    for name, integrator, summary in (
        ("InferMetricsGASP", "seqdamalstmgmu", "Scores of DAM + LARGMU on the stored maps of the test videos"),
        ("InferMetricsGASPTrain", TRAINED, "Completed by gasp_train --infer_configs: scores of what was trained"),
    ):
        table = "logs/metrics/defaultgazenet.csv"
        yield InferExperiment(
            name, "metrics", summary, cues, "processed", AVE_TEST, integrator=integrator, stored=True, table=table
        )
    for label, first, sound in (("STAViS", "stavis", True), ("DAVE", "dave", False)):
        yield InferExperiment(
            f"InferMetrics{label}",
            "metrics",
            f"Scores of {label} with sound; name a data set: --set data.reader=NAME",
            extractors=(first, *ALL_MODELS[1:]),
            parameters=(("sound", True),) if sound else (),
            table=f"logs/metrics/default{first}.csv",
            judged=first,
        )
    for label, table in (("STAViS", "stavis"), ("DAVE", "dave"), ("TASED", "tased"), ("UNISAL", "unisals")):
        yield InferExperiment(
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
        ("SeqDAMALSTMGMU1x1Conv_10Norm", "seqdamalstmgmu", five(), "DAM + LARGMU, 10 frames"),
        (
            "SeqDAMALSTMGMU1x1Conv_10Norm_110",
            "seqdamalstmgmu_110nofer",
            ablated_maps("110"),
            "DAM + LARGMU, 10 frames, no facial expression",
        ),
        ("DAMGMU1x1Conv", "damgmu", five(), "DAM + GMU, one frame"),
        ("SeqDAMGMUALSTM1x1Conv_10Norm", "seqdamgmualstm", five(), "DAM + ARGMU, 10 frames"),
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
    """The extractors that make stored pictures."""
    return tuple(EXTRACTOR[stem] for stem in stems)


@cache
def _all() -> dict[str, InferExperiment]:
    return {one.name: one for make in (_generators, _metrics, _visualise) for one in make()}


def infer_names() -> list[str]:
    """All 17 published names, family by family."""
    return list(_all())


def find_infer(name: str) -> InferExperiment | None:
    """The configuration of a published name, or None."""
    return _all().get(name)


def infer_families() -> dict[str, list[InferExperiment]]:
    """Family to its members, in published order."""
    return {family: [one for one in _all().values() if one.family == family] for family in FAMILIES}


def config_data(one: InferExperiment) -> dict[str, Any]:
    """What a config file of a published configuration would hold."""
    fused = bool(one.integrator)
    data: dict[str, Any] = {
        "summary": one.summary,
        "data": data_inputs(one.reader, one.split, one.stored),
        "output_dir": f"runs/infer/{one.name}",
        "cache_dir": "runs/.cache",
        "map_size": MAP_SIZE,
        "faces": dict(FACES),
        "extractors": [
            extractor(name, dict(one.parameters) if k == 0 else {}) for k, name in enumerate(one.extractors)
        ],
        "integrator": {"name": one.integrator} if fused else None,
        "outputs": {
            "maps": fused,
            "attention": fused,
            "overlay": one.shown,
            "saliency_video": one.shown,
            "report": one.looked_at,
        },
    }
    if one.size is not None:
        data["outputs"]["published"] = {
            "root": GROUPED_FRAMES,
            "size": list(one.size),
            "colour": "jet",
            "truth_colour": "bone",
        }
    if one.table:
        data["metrics"] = metrics(MEASURED, one.judged, BASELINE, one.table)
    return data


def extractor(name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """An extractor as the release ran it; the frame itself has no other form."""
    mode = {} if name == EXTRACTOR[CAPTURED] else {"mode": "published"}
    return {"name": name, "parameters": {**mode, **parameters}}


def data_inputs(reader: str, split: tuple[str, tuple[str, ...]] | None, stored: bool) -> dict[str, Any]:
    """Data-set inputs, ground truth as released."""
    return {
        "reader": reader,
        "options": {"behaviour": "published"},
        "split": split[0] if split else None,
        "subset": list(split[1]) if split else [],
        "maps": "stored" if stored else "computed",
    }


def metrics(names: tuple[str, ...], judged: str, baseline: str | None, table: str) -> dict[str, Any]:
    """The published evaluation: its definitions, on maps as large as its pictures; ``names`` as published."""
    return {
        "names": [METRICS[name] for name in names],
        "definitions": "original",
        "prediction": judged,
        "baseline": baseline,
        "grid": max(SIZE),
        "file": table,
    }
