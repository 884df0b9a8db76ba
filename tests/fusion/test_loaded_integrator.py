"""Integrators with an implementation of their own: loaded by name, streamed or given whole videos, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gazenet.errors import PluginError, UsageError
from gazenet.fusion.gasp_integrator import load_gasp
from gazenet.fusion.integrator_contract import Fused, Integrator, IntegratorSpec
from gazenet.fusion.loaded_integrator import LoadedIntegrator, load_integrator
from gazenet.testing.fakes import write_distribution

CPU = torch.device("cpu")
SPEC = IntegratorSpec(name="mean", cues=("a", "b"), implementation="mean_of_cues:Mean", parameters={"power": 1.0})
SOURCE = """
from gazenet.fusion.integrator_contract import Fused, Integrator, IntegratorSpec

class Mean(Integrator):
    spec = IntegratorSpec(
        name="mean", cues=("a", "b"), implementation="mean_of_cues:Mean", parameters={"power": 1.0, "weights": ""},
        checkpoints=("weights",), whole=WHOLE,
    )

    def __init__(self, power=1.0, weights=""):
        self.power = power

    def fuse(self, maps):
        return Fused((sum(one / 255 for one in maps.values()) / len(maps)) ** self.power)
"""


def no_assets(asset_id: str) -> Path:
    raise UsageError(f"weights {asset_id} are missing")


def maps(frames: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {cue: rng.integers(0, 256, (frames, 6, 8), dtype=np.uint8) for cue in ("a", "b", "unused")}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def write(source: str = SOURCE, whole: bool = False) -> None:
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(__import__("sys").modules, "mean_of_cues", raising=False)
        points = {"gazenet.integrators": {"mean": "mean_of_cues:Mean"}}
        write_distribution(tmp_path, "mean", points, {"mean_of_cues": source.replace("WHOLE", str(whole))})

    return write


@pytest.mark.parametrize("whole", [False, True])
def test_a_strangers_integrator_fuses_by_name(install: Any, whole: bool) -> None:
    install(whole=whole)
    loaded = load_integrator("mean", {"power": 2}, "cpu", no_assets)
    assert loaded.spec.parameters["power"] == 2.0 and loaded.files == ()
    given = maps(5)
    stream = loaded.stream()
    parts = [stream.push({cue: values[:3] for cue, values in given.items()})]
    parts += [stream.push({cue: values[3:] for cue, values in given.items()}), stream.finish()]
    assert [len(part) for part in parts] == ([0, 0, 5] if whole else [3, 2, 0])
    assert [part.start for part in parts] == ([0, 0, 0] if whole else [0, 3, 5])
    saliency = np.concatenate([part.saliency for part in parts if len(part)])
    expected = ((given["a"] / 255 + given["b"] / 255) / 2) ** 2
    np.testing.assert_allclose(saliency, expected, atol=1e-6)
    assert saliency.dtype == np.float32
    assert [part.gates.shape[1] for part in parts] == [0, 0, 0]


def test_a_second_video_begins_at_frame_0(install: Any) -> None:
    install()
    loaded = load_integrator("mean", {}, "cpu", no_assets)
    assert [loaded.stream().push(maps(2)).start for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"powr": 1}, "integrator.parameters: integrator mean: unknown parameter 'powr'; did you mean 'power'?"),
        ({"power": "high"}, "integrator.parameters: integrator mean: parameter 'power' must be float, not 'high'"),
    ],
)
def test_parameters_are_checked(install: Any, parameters: dict[str, object], reason: str) -> None:
    install()
    with pytest.raises(UsageError, match=r"^integrator\.parameters") as error:
        load_integrator("mean", parameters, "cpu", no_assets)
    assert str(error.value).startswith(reason)


def test_a_class_without_a_method_is_named_with_its_package(install: Any) -> None:
    install(SOURCE.replace("def fuse(self, maps)", "def fuse_all(self, maps)").replace("(Integrator)", ""))
    with pytest.raises(PluginError, match=r"^mean: mean_of_cues:Mean of mean 1\.0 has no method load\("):
        load_integrator("mean", {}, "cpu", no_assets)


def test_a_method_that_must_be_written_is_not_inherited(install: Any) -> None:
    install(SOURCE.replace("def fuse(self, maps)", "def fuse_all(self, maps)"))
    with pytest.raises(PluginError, match=r"^mean: mean_of_cues:Mean of mean 1\.0 has no method fuse\(maps\)$"):
        load_integrator("mean", {}, "cpu", no_assets)


def test_only_the_family_is_loaded_for_training_and_export(install: Any) -> None:
    install()
    with pytest.raises(UsageError, match="integrator mean: is not of the GASP family"):
        load_gasp("mean")


class Giving(Integrator):
    """Gives what it is told to."""

    def __init__(self, *results: object) -> None:
        self._results = list(results)

    def fuse(self, maps: Any) -> Any:
        return self._results.pop(0)


ONE = np.ones((1, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (ONE, "gave ndarray, expected Fused or None"),
        (Fused([1]), "saliency is list, expected floats of rank 3"),  # type: ignore[arg-type]
        (Fused(ONE.astype(np.uint8)), r"saliency is uint8 \[1, 2, 2\], expected floats of rank 3"),  # type: ignore[arg-type]
        (Fused(-ONE), "saliency has values below 0"),
        (Fused(ONE, np.ones((1, 3))), r"gates are \[1, 3\], expected \[1, 2\]"),
        (Fused(ONE, np.ones(1)), r"gates is float64 \[1\], expected floats of rank 2"),
    ],
)
def test_wrong_results_are_named(result: object, reason: str) -> None:
    with pytest.raises(PluginError, match=f"^{reason}"):
        LoadedIntegrator(SPEC, Giving(result)).stream().push(maps(1))


def test_results_may_be_late_but_not_in_a_live_run() -> None:
    stream = LoadedIntegrator(SPEC, Giving(None, Fused(torch.ones(2, 2, 2), torch.ones(2, 2)))).stream()
    assert [len(stream.push(maps(1))) for _ in range(2)] == [0, 2]
    live = LoadedIntegrator(SPEC, Giving(None)).stream(live=True)
    with pytest.raises(PluginError, match=r"^gave 0 of 1 maps in a live run"):
        live.push(maps(1))
    with pytest.raises(UsageError, match="sees a whole video at once: it cannot run live"):
        LoadedIntegrator(SPEC.model_copy(update={"whole": True}), Giving()).stream(live=True)


def test_the_embedded_integrator_is_a_guest_like_others() -> None:
    given = {cue: maps(4)["a"] for cue in load_gasp("embedded").spec.cues}
    loaded = load_integrator("embedded", {"smoothing": 1}, "cpu", no_assets)
    assert type(loaded.plugin).__module__ == "gazenet.fusion.gasp_plugin"
    stream = loaded.stream()
    parts = [stream.push(given), stream.finish()]
    gasp = load_gasp("embedded")
    expected = type(gasp)(gasp.network, loaded.spec, CPU, {}).fuse(given)  # type: ignore[arg-type]
    assert np.array_equal(np.concatenate([part.saliency for part in parts]), expected.saliency)
    assert np.array_equal(np.concatenate([part.gates for part in parts]), expected.gates)
    assert len(loaded.stream(live=True).push(given)) == 4
