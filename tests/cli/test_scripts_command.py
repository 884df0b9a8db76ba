"""gasp_scripts: each chore, and that the committed schemas are those of the models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gazenet.cli import scripts, train
from gazenet.config.load import config_names, load_config
from gazenet.config.training_experiments import experiment_names
from gazenet.training.recipe_loading import find_recipe

FLAGSHIP = "GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm"
ROOT = Path(__file__).resolve().parents[2]


def test_committed_schemas_are_current() -> None:
    schemas = scripts.all_schemas()
    assert sorted(schemas) == ["catalogue.json", "infer.json", "train.json"]
    for name, text in schemas.items():
        committed = (ROOT / "configs" / "schema" / name).read_text(encoding="utf-8")
        assert committed == text, "run: gasp_scripts --scripts generate_schemas"


def test_schemas_describe_every_key_and_refuse_others() -> None:
    schema = json.loads(scripts.all_schemas()["infer.json"])
    assert schema["additionalProperties"] is False and "$schema" in schema["properties"]
    assert schema["required"] == ["extractors"]
    assert set(json.loads((ROOT / "configs/infer/default.json").read_text())) <= set(schema["properties"])


def test_generate_schemas_writes_them(tmp_path: Path) -> None:
    assert scripts.main(["--working_dir", str(tmp_path), "--scripts", "generate_schemas"]) == 0
    written = {path.name: path.read_text() for path in (tmp_path / "configs" / "schema").iterdir()}
    assert written == {**scripts.all_schemas(), **scripts.recipe_schemas()}
    recipe = json.loads(written["train_stanet.json"])
    assert recipe["properties"]["recipe"]["const"] == "stanet"
    assert "sta_epochs" in recipe["$defs"]["StanetFit"]["properties"]


def test_generated_configs_are_complete_and_changed_ones_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--working_dir", str(tmp_path), "--scripts", "generate_config_files"]
    assert scripts.main(argv) == 0
    path = tmp_path / "gazenet/configs/infer_configs/default.json"
    assert load_config("infer", path) == load_config("infer", "default")
    assert json.loads(path.read_text())["chunk"] == 32
    path.write_text('{"mine": 1}')
    assert scripts.main(argv) == 0
    assert path.read_text() == '{"mine": 1}'
    assert "kept: " in capsys.readouterr().out


def test_every_experiment_is_written_and_loads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scripts.main(["--working_dir", str(tmp_path), "--scripts", "generate_config_files"]) == 0
    folder = tmp_path / "gazenet" / "configs" / "train_configs"
    names = {path.stem for path in folder.iterdir()}
    assert names == {*config_names("train"), *experiment_names()}
    for name in sorted(names):
        assert find_recipe(folder / f"{name}.json").config() == find_recipe(name).config(), name
    path = folder / f"{FLAGSHIP}.json"
    capsys.readouterr()
    shown = []
    for argv in (["--train_config_file", str(path)], ["--train_config", FLAGSHIP]):
        assert train.main([*argv, "--dry_run"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_named_configs_alone_are_written(tmp_path: Path) -> None:
    argv = ["--working_dir", str(tmp_path), "--scripts", "generate_config_files", "--configs", FLAGSHIP, "default"]
    assert scripts.main(argv) == 0
    written = sorted(str(path.relative_to(tmp_path / "gazenet" / "configs")) for path in tmp_path.rglob("*.json"))
    assert written == ["infer_configs/default.json", f"train_configs/{FLAGSHIP}.json"]


def test_clean_temp_empties_temp_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "temp" / "deep").mkdir(parents=True)
    (tmp_path / "temp" / "deep" / "file").write_text("x")
    (tmp_path / "other").write_text("x")
    for _ in range(2):
        assert scripts.main(["--working_dir", str(tmp_path), "--scripts", "clean_temp"]) == 0
        assert list((tmp_path / "temp").iterdir()) == []
    assert (tmp_path / "other").exists()


def test_clean_temp_leaves_a_link_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    (tmp_path / "temp").symlink_to(precious)
    assert scripts.main(["--working_dir", str(tmp_path), "--scripts", "clean_temp"]) == 2
    assert (precious / "file").exists()
    assert "is a link" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "--scripts is missing; known: clean_temp, generate_config_files, generate_schemas"),
        (
            ["--scripts", "generate_config_files", "--configs", "defualt"],
            "--configs defualt: no such config (did you mean",
        ),
        (["--scripts", "clean_temp", "--configs", "default"], "--configs is for generate_config_files"),
        (["--scripts", "clean_tmp"], "--scripts clean_tmp: unknown (did you mean 'clean_temp'?)"),
        (["--scripts", "clean_temp", "get_from_stavis"], "--scripts get_from_stavis: unknown"),
    ],
)
def test_unknown_names_end_before_anything_is_done(
    argv: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripts.main(["--working_dir", str(tmp_path), *argv]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gasp_scripts: {said}") and error.count("\n") == 1
    assert "--configs" in argv or "known: clean_temp, " in error
    assert list(tmp_path.iterdir()) == []
