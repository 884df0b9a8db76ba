"""A run refuses to write over what it reads, before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gazenet.cli import infer
from gazenet.config.inference import InferConfig
from gazenet.errors import UsageError
from gazenet.inference.engine.engine_protocol import RunInput
from gazenet.inference.inputs.output_targets import check_targets
from tests.clips import make_clip

FILES = ("saliency.npy", "overlay.mp4")


def config(**more: Any) -> InferConfig:
    return InferConfig.model_validate({"extractors": [{"name": "odd"}], **more})


@pytest.mark.parametrize("name", ["overlay.mp4", "saliency.npy", "run.json", ".lock", ".owner", ".x.tmp.mp4"])
def test_an_input_among_the_results(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "col" / "clip"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"video")
    with pytest.raises(UsageError, match=r"output_dir: .* would replace the input"):
        check_targets(config(), [RunInput(0, folder / name, folder)], FILES, tmp_path / "col")
    check_targets(config(), [RunInput(0, folder / name, tmp_path / "col" / "other")], FILES, tmp_path / "col")


def test_tables_baselines_weights_and_logs(tmp_path: Path) -> None:
    for name in ("split.csv", "baseline.png", "weights.pt", "clip.mp4"):
        (tmp_path / name).write_bytes(b"data")
    read = {
        "data": {"reader": "diem", "split": [str(tmp_path / "split.csv")]},
        "extractors": [{"name": "odd", "parameters": {"weights": str(tmp_path / "weights.pt")}}],
    }
    item, out = RunInput(0, tmp_path / "clip.mp4", tmp_path / "out" / "clip"), tmp_path / "out"
    for name in ("split.csv", "baseline.png"):
        scored = {"metrics": {"file": str(tmp_path / name), "baseline": str(tmp_path / "baseline.png")}}
        with pytest.raises(UsageError, match=rf"metrics.file: .*{name} would replace"):
            check_targets(config(**read, **scored), [item], FILES, out)
    for name in ("weights.pt", "clip.mp4"):
        with pytest.raises(UsageError, match=f"--progress_log_file: .*{name} would replace"):
            check_targets(config(**read), [item], FILES, out, tmp_path / name)
    check_targets(config(**read), [item], FILES, out, tmp_path / "log.txt")


def test_pictures_of_every_frame(tmp_path: Path) -> None:
    root = tmp_path / "frames"
    picture = root / "videos" / "captured_1" / "1" / "captured_1.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"picture")
    wanted = config(outputs={"published": {"root": str(root)}})
    with pytest.raises(UsageError, match=r"outputs.published.root: .* would replace the input"):
        check_targets(wanted, [RunInput(0, picture, tmp_path / "out" / "captured_1")], FILES, tmp_path / "out")
    check_targets(wanted, [RunInput(0, picture, tmp_path / "out" / "else")], FILES, tmp_path / "out")
    video = root / "videos" / "captured_1"  # a folder of frames gets pictures beside those that it has
    check_targets(wanted, [RunInput(0, video, tmp_path / "out" / "captured_1")], FILES, tmp_path / "out")


def test_the_command_leaves_the_input_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], embedded_weights: None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "col" / "overlay").mkdir(parents=True)
    clip = make_clip(tmp_path / "col" / "overlay" / "overlay.mp4", 3)
    before = clip.read_bytes()
    assert infer.main(["--input", "col/overlay/overlay.mp4", "--output_dir", "col"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines == [
        "gasp_infer: output_dir: col/overlay/overlay.mp4 would replace the input col/overlay/overlay.mp4: choose "
        "another place for the results, or move the input"
    ]
    assert clip.read_bytes() == before and sorted(path.name for path in clip.parent.iterdir()) == ["overlay.mp4"]
    (tmp_path / "mine.json").write_text('{"extractors": [{"name": "captured"}], "integrator": null}')
    argv = ["--infer_config_file", "mine.json", "--input", str(clip), "--progress_log_file", "mine.json"]
    assert infer.main(argv) == 2 and "would replace the input mine.json" in capsys.readouterr().err
