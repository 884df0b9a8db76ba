"""DeepLab saliency judged as published, in the project and as a file that is handed in: the same bytes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from gazenet.cli import export
from gazenet.errors import UsageError
from gazenet_plugins.deeplab_saliency import evaluator, standalone
from gazenet_plugins.deeplab_saliency.checkpoint import container, load_saliency
from gazenet_plugins.deeplab_saliency.network import SIZE, DeepLabSaliency
from gazenet_plugins.deeplab_saliency.variant import Variant

WINDOWED = Variant(trunk="resnet50_thin", skips=True, frames=2, spacing=2)
SIZES = {"one/0001.png": SIZE, "one/0002.png": (50, 61), "one/0003.png": SIZE, "two/images/a.jpg": (72, 128)}
ALONE = """
import runpy, sys
sys.modules.update(gazenet=None, gazenet_plugins=None)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def checkpoint_of(folder: Path, variant: Variant) -> Path:
    """Random weights; a window's frames count alike, so that a wrong frame shows."""
    torch.manual_seed(0)
    network = DeepLabSaliency(variant=variant)
    if network.window is not None:
        torch.nn.init.constant_(network.window.mix.weight, 0.5)
    torch.save(container(network.state_dict(), variant), folder / "weights.pth")
    return folder / "weights.pth"


@pytest.fixture(scope="module")
def windowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint_of(tmp_path_factory.mktemp("deeplab"), WINDOWED)


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Two videos; the frames of the first are of unequal sizes."""
    rng = np.random.default_rng(0)
    for name, size in SIZES.items():
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        coarse = rng.integers(0, 256, (9, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "in" / name), cv2.resize(coarse, size[::-1]))
    (tmp_path / "in" / "one" / "notes.txt").write_text("no picture")
    (tmp_path / "in" / "readme.txt").write_text("no folder")
    return tmp_path / "in"


def maps_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_frame_gets_a_map_of_its_size(windowed: Path, frames: Path, tmp_path: Path) -> None:
    arguments = [str(frames), str(tmp_path / "out"), "--weights", str(windowed), "--device", "cpu"]
    assert evaluator.main(arguments) == 0
    assert sorted(maps_of(tmp_path / "out")) == ["one/0001.png", "one/0002.png", "one/0003.png", "two/a.png"]
    for name, size in SIZES.items():
        path = tmp_path / "out" / name.replace("images/", "")
        written = cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_UNCHANGED)
        assert written.shape == size and written.dtype == np.uint8 and written.max() == 255


@pytest.mark.slow
def test_before_a_video_begins_its_first_frame_is_repeated(windowed: Path) -> None:
    made, network = evaluator.SaliencyEvaluator(windowed, "cpu"), load_saliency(windowed)
    rng = np.random.default_rng(1)
    video = [rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8) for _ in range(4)]
    found = list(made.predict(iter(video)))
    assert len(found) == len(video)
    for last, first in ((0, 0), (1, 0), (2, 0), (3, 1)):
        window = torch.from_numpy(np.stack([video[first], video[last]])).permute(0, 3, 1, 2)[None]
        with torch.inference_mode():
            maps = network(evaluator.normalised(window))[0, 0]
        wanted = (maps / maps.max() * 255).numpy()
        assert np.abs(found[last] - wanted).max() < 0.51, last


def compared(weights: Path, frames: Path, folder: Path) -> None:
    """The file, run where gazenet cannot be imported, against the evaluator of the project."""
    arguments = ["deeplab_saliency", "--format", "standalone", "--weights", str(weights)]
    assert export.main([*arguments, "--output", str(folder / "handed_in")]) == 0
    assert sorted(maps_of(folder / "handed_in")) == ["saliency.pth", "saliency.py"]
    call = [sys.executable, "-I", "-c", ALONE, str(folder / "handed_in" / "saliency.py")]
    done = subprocess.run(
        [*call, str(frames), str(folder / "theirs"), "--device", "cpu"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    evaluator.SaliencyEvaluator(weights, "cpu").evaluate(frames, folder / "ours")
    assert maps_of(folder / "theirs") == maps_of(folder / "ours")
    assert len(maps_of(folder / "ours")) == len(SIZES)


@pytest.mark.slow
def test_the_file_handed_in_writes_the_same_bytes_without_gazenet(
    windowed: Path, frames: Path, tmp_path: Path
) -> None:
    compared(windowed, frames, tmp_path)
    text = (tmp_path / "handed_in" / "saliency.py").read_text()
    tree = ast.parse(text)
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    named = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes]
    roots = {name.partition(".")[0] for name in named} - set(sys.stdlib_module_names)
    assert roots == {"torch", "numpy", "cv2", "PIL"}
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    assert {"DeepLabSaliency", "SaliencyEvaluator"} <= classes and "Variant" not in classes


def test_weights_beside_the_file_that_are_none_are_named(windowed: Path, tmp_path: Path) -> None:
    assert all(not module.training for module in standalone.load_saliency(packed(windowed, tmp_path)).modules())
    (tmp_path / "text.pth").write_text("no weights")
    torch.save({"variant": {"rooms": 3}, "state_dict": {}}, tmp_path / "other.pth")
    for name, said in (("none", "no such file"), ("text", "holds other weights"), ("other", "holds other weights")):
        with pytest.raises(UsageError, match=rf"{name}\.pth: {said}"):
            standalone.load_saliency(tmp_path / f"{name}.pth")


def packed(weights: Path, folder: Path) -> Path:
    """The weights as they lie beside the file."""
    (name, content), *_ = standalone.standalone(load_saliency(weights)).beside.items()
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.slow
def test_the_published_network_handed_in_writes_the_same_bytes(frames: Path, tmp_path: Path) -> None:
    compared(checkpoint_of(tmp_path, Variant()), frames, tmp_path)


def test_the_weights_beside_the_file_are_a_checkpoint_like_any_other(windowed: Path, tmp_path: Path) -> None:
    arguments = ["deeplab_saliency", "--format", "standalone", "--weights", str(windowed), "--output", str(tmp_path)]
    assert export.main(arguments) == 0
    found, given = load_saliency(tmp_path / "saliency.pth"), load_saliency(windowed)
    assert found.variant == given.variant == WINDOWED
    assert all(torch.equal(value, given.state_dict()[key]) for key, value in found.state_dict().items())


def test_what_is_missing_is_said(
    windowed: Path, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(folder: Path, weights: Path = windowed) -> str:
        assert evaluator.main([str(folder), str(tmp_path / "out"), "--weights", str(weights)]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "no.pth: no such file" in told(frames, tmp_path / "no.pth")
    assert evaluator.main([str(frames), str(tmp_path / "out"), "--weights", str(windowed), "--device", "cuda:99"]) == 2
    assert "device cuda:99: not there; use cpu" in capsys.readouterr().err
    assert "nowhere: no such folder" in told(tmp_path / "nowhere")
    assert "one: has no folder" in told(frames / "one")
    (frames / "two" / "images" / "a.png").touch()
    assert "two: 2 pictures are named a" in told(frames)
    (frames / "three").mkdir()
    assert "three: a video without frames" in told(frames)
