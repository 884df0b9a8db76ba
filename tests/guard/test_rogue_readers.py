"""Readers of data sets and recipes that misbehave in every way: one line names them, and what they had to do."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazenet.config.load import load_config
from gazenet.cues.registry import PluginEntry
from gazenet.data import dataset
from gazenet.data.fixations import FrameFixations
from gazenet.data.guarded_reader import GuardedItem
from gazenet.data.reader_spec import ReaderSpec
from gazenet.errors import GazenetError, PluginError
from gazenet.inference import scored_run
from gazenet.inference.engine.stage_graph import StageGraph
from gazenet.inference.results import RunResult
from gazenet.training.recipe_config import RecipeConfig
from gazenet.training.recipe_run import RecipeResult, RecipeRun, train_recipe
from gazenet.training.recipe_spec import RecipeSpec
from tests.guard.rogues import ACTS, STATE, Endless, never
from tests.guard.test_rogue_plugins import BESIDE, as_before, nothing  # noqa: F401
from tests.inference.test_scored_run import WithGates, results

TIMES = np.arange(3) / 25
OWN_WORDS = ("a UsageError of the project", "a PluginError that names somebody else", "a MediaError", "a CacheError")


def looks(frames: int = 3) -> FrameFixations:
    return FrameFixations((24, 32), [np.ones((1, 2))] * frames, np.ones(frames, np.int64))


class Film:
    """An item that does something first."""

    name, path, still, size = "one", Path("one.mp4"), False, (24, 32)
    do: Callable[[], object] = staticmethod(nothing)
    give: Callable[[], Any] = staticmethod(looks)

    def fixations(self, times: np.ndarray) -> Any:
        self.do()
        return self.give()


class Films:
    """A reader; ``stage`` says where it does something."""

    name, sigma, reference_width = "films", 10.0, 320
    stage = ""
    do: Callable[[], object] = staticmethod(nothing)
    listed: Callable[[], Any] = staticmethod(lambda: [Film()])

    def __init__(self, root: Path) -> None:
        self._at("opening")

    def items(self) -> Any:
        self._at("items")
        return self.listed()

    def sigma_of(self, item: Any) -> float:
        self._at("sigma")
        return 7.0

    def _at(self, stage: str) -> None:
        if stage == self.stage:
            self.do()


def install(monkeypatch: pytest.MonkeyPatch, **members: Any) -> None:
    reader = type("Films", (Films,), {k: staticmethod(v) if callable(v) else v for k, v in members.items()})
    spec = ReaderSpec(name="films", implementation="films:Films")
    monkeypatch.setattr(dataset, "installed_datasets", lambda: ["films"])
    monkeypatch.setattr(dataset, "get", lambda name, *kind: PluginEntry(name, spec, "films 1.0", lambda: reader))


def named(caught: pytest.ExceptionInfo[GazenetError], *parts: str) -> None:
    text = str(caught.value)
    assert text.isprintable() and len(text) < 900
    for part in parts:
        assert part in text


@pytest.mark.parametrize("way", BESIDE)
def test_readers_that_give_fixations(way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    film = type("Film", (Film,), {"do": staticmethod(ACTS[way].does)})
    install(monkeypatch, listed=lambda: [film()])
    (item,) = dataset.open_dataset("films", tmp_path).items()
    if not ACTS[way].fails:
        assert len(item.fixations(TIMES)) == 3
        return
    with pytest.raises(GazenetError) as caught:
        item.fixations(TIMES)
    named(caught, *([] if way in OWN_WORDS else ["data set films: item one, its fixations: "]))


@pytest.mark.parametrize("way", ["sys.exit(0)", "a BaseException of its own", "an exception whose text raises"])
@pytest.mark.parametrize(("stage", "said"), [("opening", "opening"), ("items", "its items"), ("sigma", "its sigma")])
def test_readers_at_every_stage(
    stage: str, said: str, way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, stage=stage, do=ACTS[way].does)
    with pytest.raises(PluginError) as caught:
        collection = dataset.open_dataset("films", tmp_path)
        (item,) = collection.items()
        dataset.sigma_of(collection, item)
    named(caught, "data set films: ", said)


FIXATIONS: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "a list": lambda: [np.ones((1, 2))] * 3,
    "a generator that never yields": never,
    "too few frames": lambda: looks(2),
    "too many frames": lambda: looks(4),
    "points of three numbers": lambda: FrameFixations((24, 32), [np.ones((1, 3))] * 3, np.ones(3, np.int64)),
    "points as lists": lambda: FrameFixations((24, 32), [[[1, 2]]] * 3, np.ones(3, np.int64)),  # type: ignore[list-item]
    "observers of other frames": lambda: FrameFixations((24, 32), [np.ones((1, 2))] * 3, np.ones(2, np.int64)),
}


@pytest.mark.parametrize("gift", FIXATIONS)
def test_what_readers_give(gift: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    film = type("Film", (Film,), {"give": staticmethod(FIXATIONS[gift])})
    install(monkeypatch, listed=lambda: [film()])
    (item,) = dataset.open_dataset("films", tmp_path).items()
    with pytest.raises(PluginError) as caught:
        item.fixations(TIMES)
    named(caught, "data set films: item one, its fixations: ")


@pytest.mark.parametrize("listed", [lambda: None, never, Endless, lambda: 3, lambda: [object()], lambda: ["one"]])
def test_items_that_are_none(listed: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch, listed=listed)
    with pytest.raises((PluginError, AttributeError)):
        dataset.open_dataset("films", tmp_path).items()


def test_a_video_that_its_reader_cannot_judge_leaves_the_others_their_scores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = results(tmp_path, "first", "second", "third")
    looked = [type("Film", (type(known.item),), {"path": Path(f"{known.name}.mp4")}) for known, _ in films]
    chosen, done = [], []
    for k, ((known, one), kind) in enumerate(zip(films, looked, strict=True)):
        item = kind(known.name, 0.0)
        if k == 1:
            item.fixations = ACTS["sys.exit(0)"].does
        chosen.append(replace(known, item=GuardedItem(item, "data set films")))
        done.append(replace(one, path=item.path))
    config = load_config("infer", "default", ["metrics={}", f"output_dir={tmp_path}"])
    monkeypatch.setattr(scored_run, "prepare", lambda *given: StageGraph(config, None, "", (), (), WithGates()))
    monkeypatch.setattr(scored_run, "run_graph", lambda *given: RunResult(list(done), []))
    result, evaluation = scored_run.run_collection(config, chosen, tmp_path)
    assert result.exit_code == 1 and evaluation is not None
    assert evaluation.videos == ["first", "third"]
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert told.startswith("error: second.mp4: data set films: item second, its fixations: ") and "not scored" in told


def test_an_item_can_be_sent_to_another_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch)
    (item,) = dataset.open_dataset("films", tmp_path).items()
    again = pickle.loads(pickle.dumps(item))
    assert again.name == "one" and len(again.fixations(TIMES)) == 3


# Recipes


class RogueConfig(RecipeConfig):
    recipe: str = "rogue"


class Lesson:
    """A recipe that does something first."""

    do: Callable[[], object] = staticmethod(nothing)
    give: Callable[[Path], Any] = staticmethod(lambda weights: RecipeResult(weights, {"loss": 1.0}))

    def __init__(self, config: RogueConfig) -> None:
        """Nothing to check."""

    def train(self, run: RecipeRun) -> Any:
        self.do()
        weights = run.folder / "weights.pth"
        weights.write_bytes(b"weights")
        return self.give(weights)


def teach(folder: Path, **members: Callable[..., Any]) -> RecipeResult | None:
    lesson = type("Lesson", (Lesson,), {name: staticmethod(value) for name, value in members.items()})
    spec = RecipeSpec(name="rogue", summary="r", config=RogueConfig, implementation="rogues:Lesson")
    config = RogueConfig.model_validate({"output": str(folder / "out")})
    return train_recipe(PluginEntry("rogue", spec, "tests", lambda: lesson), config)


@pytest.mark.parametrize("way", [one for one in BESIDE if one.values[0] not in STATE])
def test_recipes(way: str, tmp_path: Path) -> None:
    if not ACTS[way].fails:
        assert teach(tmp_path, do=ACTS[way].does) is not None
        return
    with pytest.raises(GazenetError) as caught:
        teach(tmp_path, do=ACTS[way].does)
    named(caught, *([] if way in OWN_WORDS else ["recipe rogue: training: "]))
    assert not (tmp_path / "out" / "result.json").exists()


@pytest.mark.parametrize("way", [one for one in BESIDE if one.values[0] in STATE])
def test_a_training_of_hours_is_not_lost_to_what_can_be_put_back(
    way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the environment, which the libraries of a training set for themselves, nothing is put back.
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("GAZENET_ROGUE", "")
    assert teach(tmp_path, do=ACTS[way].does) is not None
    noted = "note: recipe rogue: training: changed" in capsys.readouterr().err
    assert noted == (way != "the environment changed")


RESULTS: dict[str, Callable[[Path], Any]] = {
    "nothing": lambda weights: None,
    "a path alone": lambda weights: weights,
    "weights that are not there": lambda weights: RecipeResult(weights.with_name("other.pth")),
    "a text for a path": lambda weights: RecipeResult(str(weights)),  # type: ignore[arg-type]
    "values that are not JSON": lambda weights: RecipeResult(weights, {"loss": object()}),
    "a generator that never yields": lambda weights: never(),
}


@pytest.mark.parametrize("gift", RESULTS)
def test_what_recipes_give(gift: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError) as caught:
        teach(tmp_path, give=RESULTS[gift])
    named(caught, "recipe rogue: ")
