"""Which sinks a config switches on: those of the package and any other installed one, with settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gazenet.config.inference import OutputsConfig
from gazenet.config.load import load_config
from gazenet.errors import PluginError, UsageError
from gazenet.testing.fakes import write_distribution

SOURCE = """
from typing import Literal
from pydantic import BaseModel, ConfigDict, Field
from gazenet.config.sink_spec import SinkSpec

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    every: int = Field(1, ge=1)
    corner: tuple[float, float] = (0.0, 0.0)

SPEC = SinkSpec(name="peaks", files=("peaks.csv",), implementation="peaks_sink:Peaks", settings=Settings)
BARE = SinkSpec(name="bare", files=("bare.txt",), implementation="peaks_sink:Peaks")
"""


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    points = {"peaks": "peaks_spec:SPEC", "bare": "peaks_spec:BARE", "broken": "not_there:SPEC"}
    write_distribution(tmp_path, "peaks", {"gazenet.sinks": points}, {"peaks_spec": SOURCE})


def wanted(*sets: str) -> dict[str, Any]:
    return load_config("infer", "default", sets).outputs.wanted


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("outputs.peaks=true", {"every": 1, "corner": [0.0, 0.0]}),
        ("outputs.peaks={}", {"every": 1, "corner": [0.0, 0.0]}),
        ('outputs.peaks={"every": 3, "corner": [0.5, 1]}', {"every": 3, "corner": [0.5, 1.0]}),
        ("outputs.bare=true", {}),
    ],
)
def test_any_installed_sink_is_a_key(text: str, settings: dict[str, Any]) -> None:
    name = text.partition("=")[0].partition(".")[2]
    assert wanted(text) == {"maps": {}, "overlay": {}, "attention": {}, "report": {}, name: settings}


@pytest.mark.parametrize("value", ["false", "null"])
def test_a_sink_is_switched_off(value: str) -> None:
    assert list(wanted(f"outputs.peaks={value}", "outputs.report=false")) == ["maps", "overlay", "attention"]


def test_settings_survive_the_record() -> None:
    config = load_config("infer", "default", ['outputs.peaks={"every": 2}', "outputs.published=true"])
    again = type(config).model_validate(config.model_dump(mode="json"))
    assert again == config and again.outputs.wanted["peaks"]["every"] == 2
    assert OutputsConfig(published=False).published is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("outputs.peeks=true", "peeks: unknown sink 'peeks'; did you mean 'peaks'? (known: attention, bare, broken"),
        ("outputs.peeks=false", "peeks: unknown sink 'peeks'"),
        ('outputs.peaks={"evry": 2}', "peaks.evry: unknown setting (did you mean 'every'?); settings: every, corner"),
        ('outputs.peaks={"every": "2"}', "peaks.every: Input should be a valid integer, not '2'"),
        ('outputs.peaks={"every": 0}', "peaks.every: Input should be greater than or equal to 1, not '0'"),
        ("outputs.peaks=3", "peaks: write true, false or {settings}, not 3"),
        ('outputs.bare={"every": 2}', "bare: the sink has no settings: write true"),
        ("outputs.maps=3", ".maps: input should be a valid boolean, not 3"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        wanted(text)
    assert "\n" not in str(error.value) and reason in str(error.value)
    assert str(error.value).startswith("--set: outputs")


def test_a_broken_sink_is_named_with_its_package() -> None:
    with pytest.raises(
        PluginError, match=r"^sink 'broken' of peaks 1\.0 cannot be used: cannot import not_there:SPEC"
    ):
        wanted("outputs.broken=true")
