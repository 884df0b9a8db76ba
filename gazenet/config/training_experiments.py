"""The published training experiments by name: families x context x temporal norm x ablation, from one rule.

A name says everything: ``GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm`` is DAM in front, then ALSTM and GMU, over windows
of ten frames with temporal norm. Source: Abawi, Weber, Wermter, IJCAI 2021, and its released training configurations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from gazenet.config.picture_names import DIRECTION, EXPRESSION, FOLLOWING, published_stems, saliency_stem

BASE, PLAYGROUND = "TrainerBase", "TrainPlayground001"
FRAMES_ROOT = "datasets/processed/Grouped_frames"
TARGETS = ("transformed_salmap", "transformed_fixmap")
CONTEXTS = tuple(range(2, 17, 2))

STATIC = ("", "ALSTM", "Add", "SE", "GMU", "GMUALSTM", "ALSTMGMU", "DAMALSTMGMU", "DAMGMU", "DAMGMUALSTM")
SEQUENTIAL = ("ALSTM", "ALSTMGMU", "GMUALSTM", "DAMGMUALSTM", "DAMALSTMGMU")
RECURRENT = ("RGMU", "DAMRGMU")
ABLATED = (("DAMGMUALSTM", 8), ("DAMGMUALSTM", 10), ("DAMALSTMGMU", 10))

_PAPER_NAMES = {"": "1x1 conv (concatenation)", "Add": "additive", "GMUALSTM": "AGMU", "ALSTMGMU": "LAGMU"}
_PAPER_NAMES_OVER_TIME = {"ALSTM": "sequential ALSTM", "GMUALSTM": "ARGMU", "ALSTMGMU": "LARGMU"}

FAMILIES = {
    "GASPExp001": "static networks: one frame",
    "GASPExp002": "sequential networks: a window of 2 to 16 frames, with or without temporal norm",
    "GASPExp003": "DAM + LARGMU, 10 frames, temporal norm, with other first-stage saliency",
    "GASPExp004": "cue ablation; the digits say which of gaze direction, gaze following, facial expression is used",
    "playground": "to try the training on",
    "base": "to build upon",
}
"""Series to what it holds, in published order."""


@dataclass(frozen=True)
class Phases:
    """One value for training, validation and test each."""

    train: Any
    val: Any
    test: Any

    @staticmethod
    def same(value: Any) -> Phases:
        """Return one value for all three."""
        return Phases(value, value, value)

    @property
    def equal(self) -> bool:
        """True where the three values are equal."""
        return bool(self.train == self.val == self.test)


def published_splits(table: str) -> Phases:
    """Split files of ``ave`` (train, validation, test) or of a fold such as ``stavis_1`` (its test validates too)."""
    held = "validation" if table == "ave" else "test"
    return Phases(*(f"datasets/processed/{part}_{table}.csv" for part in ("train", held, "test")))


DAVE_MAPS = Phases.same(published_stems())
AVE_SPLITS = published_splits("ave")


@dataclass(frozen=True)
class Experiment:
    """One published experiment. Names of fields are those of the released configurations where they have one.

    Attributes:
        name: the published name.
        series: a key of ``FAMILIES``.
        model: published class of the network; empty for the base.
        fusion: the paper's name of the network, ``DAM + LARGMU``.
        model_kwargs: arguments of network and data module, as published.
        input_maps: stems of the input pictures (tuple), in the order of the modalities.
        split_files: split tables, as published paths.
        project: project name for loggers.
        experiment: name of the run for loggers and in checkpoint folders.
    """

    name: str
    series: str
    model: str
    fusion: str
    model_kwargs: Mapping[str, Any]
    input_maps: Phases = DAVE_MAPS
    split_files: Phases = AVE_SPLITS
    project: str = "gasp_runs"
    experiment: str = ""
    ground_truth_maps: tuple[str, ...] = TARGETS
    frames_root: str = FRAMES_ROOT
    inferer: str = "GASPInference"
    logger: str = "comet"
    log_dir: str = "logs"

    @property
    def context(self) -> int:
        """Frames in a window; 1 for static networks."""
        return int(self.model_kwargs.get("sequence_len", 1))

    @property
    def temporal_norm(self) -> bool | None:
        """None where the network knows no temporal norm."""
        return self.model_kwargs.get("sequence_norm")

    @property
    def summary(self) -> str:
        """One sentence for lists."""
        if not self.model:
            return "Empty base: published data, optimiser and losses; give the network yourself."
        frames = f", {self.context} frames" if self.context > 1 else ""
        norm = ", temporal norm" if self.temporal_norm else ""
        cues = len(self.input_maps.train)
        maps = f", {cues} cues" if cues != len(published_stems()) else ""
        network = next(
            (part for part in ("tased", "unisal", "stavis") if saliency_stem(part) in self.input_maps.test), ""
        )
        other = f", saliency by {network}{'' if self.input_maps.equal else ' in the test'}" if network else ""
        fold = f" (fold {self.name[-1]})" if network == "stavis" else ""
        return f"{self.fusion}{frames}{norm}{maps}{other}{fold}"


def network_class(variant: str, sequential: bool) -> str:
    """Published class name of a variant: ``DAMALSTMGMU`` becomes ``[Sequence]GASPDAMEncALSTMGMUConv``."""
    front = next((part for part in ("DAM", "SE") if variant.startswith(part)), "")
    return f"{'Sequence' if sequential else ''}GASP{front}Enc{variant.removeprefix(front)}Conv"


def paper_name(variant: str, sequential: bool) -> str:
    """The paper's name of a variant: ``DAMALSTMGMU`` is ``DAM + LAGMU``, over time ``DAM + LARGMU``."""
    units = variant.removeprefix("DAM")
    names = _PAPER_NAMES_OVER_TIME if sequential else _PAPER_NAMES
    return ("DAM + " if variant.startswith("DAM") else "") + names.get(units, units)


def _static() -> Iterator[Experiment]:
    for variant in STATIC:
        yield Experiment(
            name=f"GASPExp001_{variant}1x1Conv",
            series="GASPExp001",
            model=network_class(variant, False),
            fusion=paper_name(variant, False),
            model_kwargs={"modalities": 5, "batch_size": 4},
        )


def _sequence(series: str, variant: str, context: int, norm: bool | None, suffix: str = "", **more: Any) -> Experiment:
    """One sequential experiment; ``norm`` None: the network knows none. ``more``: fields that differ from the rest."""
    kwargs: dict[str, Any] = {"modalities": len(more.get("input_maps", DAVE_MAPS).train), "batch_size": 4}
    if norm is None:
        kwargs |= {"in_channels": 3, "sequence_len": context}
    else:
        kwargs |= {"sequence_len": context, "sequence_norm": norm}
    return Experiment(
        name=f"{series}_Seq{variant}1x1Conv_{context}{'Norm' if norm else ''}{suffix}",
        series=series,
        model=network_class(variant, True),
        fusion=paper_name(variant, True),
        model_kwargs=kwargs,
        **more,
    )


def _sequential() -> Iterator[Experiment]:
    for variant, norm, context in product(SEQUENTIAL, (False, True), CONTEXTS):
        yield _sequence("GASPExp002", variant, context, norm)
    for variant, context in product(RECURRENT, CONTEXTS):
        yield _sequence("GASPExp002", variant, context, None)


def _other_saliency() -> Iterator[Experiment]:
    for name in ("TASED", "UNISAL"):
        maps = Phases(published_stems(), published_stems(), published_stems(name.lower()))
        yield _sequence("GASPExp003", "DAMALSTMGMU", 10, True, f"_{name}", input_maps=maps)
    for fold in (1, 2, 3):
        yield _sequence(
            "GASPExp003",
            "DAMALSTMGMU",
            10,
            True,
            f"_STAViS_{fold}",
            input_maps=Phases.same(published_stems("stavis")),
            split_files=published_splits(f"stavis_{fold}"),
        )


def ablated_maps(code: str) -> tuple[str, ...]:
    """Input maps of an ablation code ``abc``: gaze direction if a is 1, gaze following if b, expression if c."""
    used = {DIRECTION: code[0], FOLLOWING: code[1], EXPRESSION: code[2]}
    return tuple(stem for stem in published_stems() if used.get(stem, "1") == "1")


def _ablations() -> Iterator[Experiment]:
    for (variant, context), number in product(ABLATED, range(7)):
        code = f"{number:03b}"
        maps = Phases.same(ablated_maps(code))
        yield _sequence("GASPExp004", variant, context, True, f"_{code}", input_maps=maps)


def _others() -> Iterator[Experiment]:
    model = network_class("ALSTMGMU", True)
    kwargs = {"modalities": 5, "sequence_len": 5, "sequence_norm": False}
    run = f"{model}_TRAINONLY_BADVAL"
    fusion = paper_name("ALSTMGMU", True)
    yield Experiment(PLAYGROUND, "playground", model, fusion, kwargs, project="testing_gasp", experiment=run)
    yield Experiment(BASE, "base", "", "", {})


@cache
def _all() -> dict[str, Experiment]:
    makers = (_static, _sequential, _other_saliency, _ablations, _others)
    return {experiment.name: experiment for make in makers for experiment in make()}


def experiment_names() -> list[str]:
    """All 134 published names, family by family."""
    return list(_all())


def find_experiment(name: str) -> Experiment | None:
    """The experiment of a published name, or None."""
    return _all().get(name)


def families() -> dict[str, list[Experiment]]:
    """Series to its experiments, in published order."""
    return {series: [entry for entry in _all().values() if entry.series == series] for series in FAMILIES}
