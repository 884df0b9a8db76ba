"""The benchmark of the flagship on the made-up cache: the table, the held-out video kept out, an honest verdict."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from made_up_cache import blob_maps, fake_extract, make_config, train

from gazenet.config.inference import InferConfig
from gazenet.inference.cache.recall import Recalled

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(FOLDER)
    spec = importlib.util.spec_from_file_location("flagship_benchmark", FOLDER / "flagship.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module


def test_the_table_and_the_verdict(
    benchmark: ModuleType, data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_config(data_root, tmp_path / "out", trainer__max_epochs=6)
    poor = make_config(data_root, tmp_path / "poor", trainer__max_epochs=1, trainer__learning_rate=1e-9)
    (tmp_path / "mine.json").write_text(config.model_dump_json())
    (tmp_path / "w.safetensors").write_bytes(b"")
    (tmp_path / "folds.json").write_text(json.dumps({"003": {"saliency": {"weights": "w.safetensors"}}}))
    asked: list[tuple[str, ...]] = []

    def extract(infer: InferConfig, paths: Sequence[Path]) -> Mapping[Path, Recalled]:
        given = {one.name: one.parameters for one in infer.extractors}
        assert given["saliency"] == {"weights": str(tmp_path / "w.safetensors")}
        asked.append(tuple(path.stem for path in paths))
        return fake_extract(infer, paths)

    weights, other = (train(one, extract=fake_extract).weights for one in (config, poor))
    argv = ["--root", str(data_root), "--train_config", str(tmp_path / "mine.json"), "--weights", str(weights)]
    argv += ["--others", f"untrained={other}", "--folds", str(tmp_path / "folds.json")]
    argv += ["--output", str(tmp_path / "table.json")]
    assert benchmark.main(argv, extract) == 0
    assert set(asked) == {("003",)}
    table = json.loads((tmp_path / "table.json").read_text())["003"]
    names = ["flagship", "untrained", "centre prior", "cue saliency", "cue active_speaker", "mean of cues"]
    assert list(table) == names
    assert table["flagship"]["cc"]["mean"] > table["untrained"]["cc"]["mean"]
    assert all(set(row) == {"nss", "cc", "sim", "kld", "auc_judd"} for row in table.values())
    gain = table["mean of cues"]["cc"]["flagship_minus_this"]
    assert gain["mean"] == pytest.approx(table["flagship"]["cc"]["mean"] - table["mean of cues"]["cc"]["mean"])
    assert "flagship - mean of cues, nss: " in capsys.readouterr().out


def test_a_flagship_that_learned_nothing_fails(benchmark: ModuleType, data_root: Path, tmp_path: Path) -> None:
    config = make_config(data_root, tmp_path / "out", trainer__max_epochs=1, trainer__learning_rate=1e-9)
    (tmp_path / "mine.json").write_text(config.model_dump_json())
    weights = train(config, extract=fake_extract).weights
    argv = ["--root", str(data_root), "--train_config", str(tmp_path / "mine.json"), "--weights", str(weights)]
    argv += ["--output", str(tmp_path / "table.json")]

    def noise(infer: InferConfig, paths: Sequence[Path]) -> Mapping[Path, Recalled]:
        # The cue the untrained network would repeat says nothing, the other everything.
        return {
            k: Recalled({**v.maps, "saliency": blob_maps(3)["active_speaker"]}, v.times)
            for k, v in fake_extract(infer, paths).items()
        }

    assert benchmark.main(argv, noise) == 1
    table = json.loads((tmp_path / "table.json").read_text())["003"]
    assert table["flagship"]["cc"]["mean"] < table["mean of cues"]["cc"]["mean"]
