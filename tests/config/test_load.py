"""Configs by name and by file, changes from the command line, and the words of every complaint."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gazenet.config.inference import InferConfig
from gazenet.config.load import config_names, config_summaries, load_config
from gazenet.config.overrides import apply, parse_set
from gazenet.errors import UsageError


def refused(*sets: str, name: str | Path = "default") -> str:
    with pytest.raises(UsageError) as caught:
        load_config("infer", name, sets)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_default_is_installed_and_has_five_cues() -> None:
    config = load_config("infer", "default")
    assert [e.name for e in config.extractors] == [
        "saliency",
        "gaze_direction",
        "gaze_following",
        "facial_expression",
        "active_speaker",
    ]
    assert config.integrator is not None and config.integrator.name == "embedded"
    assert "default" in config_names("infer")
    assert config_summaries("infer")["default"] == config.summary != ""


def test_resolved_config_loads_again_unchanged(tmp_path: Path) -> None:
    config = load_config("infer", "default", ['inputs=["a.mp4"]', "extractors.2.parameters.gain=2"])
    path = tmp_path / "again.json"
    path.write_text(config.model_dump_json())
    assert load_config("infer", path) == config


def test_set_values_are_json_or_text() -> None:
    config = load_config("infer", "default", ["extractors.0.stride=4", "output_dir=o ut=1", "integrator=null"])
    assert config.extractors[0].stride == 4 and config.extractors[1].stride is None
    assert config.output_dir == "o ut=1"
    assert config.integrator is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("extractor=1", "--set: extractor: unknown key (did you mean 'extractors'?)"),
        ("faces.scor=1", "--set: faces.scor: unknown key (did you mean 'score'?); known here: detector,"),
        ("extractors.1.nme=x", "--set: extractors.1.nme: unknown key (did you mean 'name'?); known here: backend,"),
        ("faces.score=high", '--set: faces.score: input should be a valid number, not "high"'),
        ('map_size="96"', '--set: map_size: input should be a valid integer, not "96"'),
        ("threads=1.5", "not 1.5"),
        ("outputs.maps=1", "--set: outputs.maps: input should be a valid boolean, not 1"),
        ("faces.score=1.5", "less than or equal to 1"),
        ("device=cuda", "--set: device: write 'cpu' or 'cuda:N'"),
        ("on_error=ignore", "'fail' or 'skip'"),
        ("extractors=[]", "--set: extractors: needs at least 1 entries"),
        ("extractors.0.name=gaze_direction", "gaze_direction is listed more than once"),
        ("extractors.9.stride=1", "'9' is not a position in a list of 5: use 0 to 4"),
        ("extractors.x.stride=1", "'x' is not a position"),
        ("seed.deep=1", "seed is 0, it has no key 'deep'"),
        ("seed", "write key.path=value"),
        ("=1", "write key.path=value"),
        ("a..b=1", "write key.path=value"),
        ("summary=eval(1)", "configs hold data, not code"),
        ("output_dir=", "non-empty"),
        ("output_dir=2024", 'valid string (in double quotes: "2024"), not 2024'),
    ],
)
def test_bad_set_is_refused(change: str, expected: str) -> None:
    assert expected in refused(change)


def test_bad_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"extractors": [{"name": "saliency"}], "mapsize": 3, "chunk": 0}))
    message = refused(name=path)
    assert message.startswith(f"{path}: ") and "(and 1 more)" in message
    path.write_text(json.dumps({"extractors": [{"name": "saliency"}], "cache_dir": "eval(os.getcwd())"}))
    assert refused(name=path).startswith(f"{path}: cache_dir: 'eval('")
    path.write_text("[]")
    assert "top level must be an object" in refused(name=path)
    path.write_bytes(b'{"summary": "\xff"}')
    assert "byte 13 is not UTF-8" in refused(name=path)
    path.write_bytes(b" " * 4_000_001)
    assert "not a config" in refused(name=path)


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "is a folder" in refused(name=tmp_path)
    assert "no such file" in refused(name=tmp_path / "absent.json")
    assert "no such config (did you mean 'default'?)" in refused(name="defualt")
    assert "no such file" in refused(name="./defualt.json")


def test_missing_key_can_come_from_set(tmp_path: Path) -> None:
    path = tmp_path / "part.json"
    path.write_text('{"$schema": "x", "chunk": 8}')
    assert refused(name=path) == f"{path}: extractors: is required: add it"
    config = load_config("infer", path, ['extractors=[{"name": "saliency"}]'])
    assert config.chunk == 8 and config.extractors[0].name == "saliency"


def test_only_a_leading_variable_of_a_path_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIPS", "/clips")
    monkeypatch.delenv("NOWHERE", raising=False)
    config = load_config(
        "infer", "default", ["output_dir=$CLIPS/o", "cache_dir=a/$CLIPS/b", 'inputs=["~/x"]', "summary=$CLIPS/"]
    )
    assert config.output_dir == "/clips/o"
    assert config.cache_dir == "a/$CLIPS/b"
    assert config.inputs == (os.path.expanduser("~/x"),)
    assert config.summary == "$CLIPS/"
    assert "NOWHERE is not set" in refused("output_dir=$NOWHERE/x")
    path = load_config("infer", "default", ["integrator.name=$CLIPS/net.safetensors"]).integrator
    assert path is not None and path.name == "/clips/net.safetensors"


def test_cache_dir_follows_output_dir() -> None:
    assert load_config("infer", "default", ["output_dir=o"]).resolved_cache_dir == os.path.join("o", ".cache")
    assert load_config("infer", "default", ["cache_dir=c"]).resolved_cache_dir == "c"


def test_apply_leaves_its_input_alone() -> None:
    data = {"a": [{"b": 1}]}
    assert apply(data, parse_set("a.0.b=2")) == {"a": [{"b": 2}]}
    assert apply(data, parse_set("c.d.e=[1]"))["c"] == {"d": {"e": [1]}}
    assert data == {"a": [{"b": 1}]}


def test_config_is_immutable() -> None:
    config = InferConfig(extractors=[{"name": "saliency"}])
    with pytest.raises(ValueError, match="frozen"):
        config.chunk = 3


def test_names_that_are_not_utf_8_come_through_as_they_are() -> None:
    name, deep = os.fsdecode(b"out\xfe/\xc3\xa4"), os.fsdecode(b"w\x80")
    sets = [f"output_dir={json.dumps(name)}", f"cache_dir={name}"]
    sets.append(f"integrator.parameters={json.dumps({'weights': deep})}")
    config = load_config("infer", "default", [*sets, "outputs.report=false"])
    assert (config.output_dir, config.cache_dir, config.outputs.report) == (name, name, False)
    assert config.integrator is not None and config.integrator.parameters == {"weights": deep}
    assert config.model_dump()["extractors"] == load_config("infer", "default").model_dump()["extractors"]
