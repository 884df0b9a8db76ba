"""What is wrong with the data or the disk of a training: one clear line each, by the command."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up_pictures import FRAMES, tiny, write_cache

from gazenet import files
from gazenet.cli import train

STATIC, SEQUENCE = "GASPExp001_GMU1x1Conv", "GASPExp002_SeqGMUALSTM1x1Conv_4"
HEAD = "video_id,fps,scene_type,dataset"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache") / "frames", {"diem": ["one", "two"]})


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return shutil.copytree(whole, tmp_path / "frames")


def run(root: Path, *argv: str, name: str = STATIC, **changes: Any) -> int:
    """``gasp_train`` on the cache, one epoch, in the folder beside it."""
    config = tiny(name, root, root.parent / "out", trainer__max_epochs=1, **changes)
    path = root.parent / "config.json"
    path.write_text(config.model_dump_json())
    return train.main(["--train_config_file", str(path), *argv])


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    error = capsys.readouterr().err
    assert error.startswith("gasp_train: ") and error.count("\n") == 1, error
    for word in words:
        assert word in error


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("video_id,fps,scene_type\none,25,Social\n", ("line", "column dataset is missing")),
        (f"{HEAD}\none,25,Social,hollywood\n", ("line 2", "dataset 'hollywood' has no reader; known: coutrot1")),
        (f"{HEAD}\n", ("lists no video",)),
        (f"{HEAD}\none,25,Other,diem\n", ("no video is left",)),
    ],
)
def test_splits(root: Path, table: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    path = root.parent / "split.csv"
    path.write_text(table)
    sources = json.dumps([{"dataset": "*", "split": str(path)}])
    assert run(root, "--set", f"data.train={sources}") == 2
    refused(capsys, str(path), *words)
    assert not (root.parent / "out").exists()


def test_unknown_data_set(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "--set", 'data.train=[{"dataset":"dien"}]') == 2
    refused(capsys, "dien: no such folder of videos")


def test_maps_that_nothing_made_name_their_extractor(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (root / "diem" / "two").rglob("det_transformed_dave_1.jpg"):
        path.unlink()
    assert run(root) == 1
    refused(capsys, "diem/two: no frame has det_transformed_dave", "run the first stage with the extractor dave")


def test_a_cue_about_people_may_be_absent_in_a_video_but_not_in_all(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (root / "diem" / "two").rglob("det_transformed_gaze360_1.jpg"):
        path.unlink()
    assert run(root) == 0
    capsys.readouterr()
    for path in (root / "diem" / "one").rglob("det_transformed_gaze360_1.jpg"):
        path.unlink()
    assert run(root) == 2
    refused(capsys, "no frame of any video has det_transformed_gaze360_1.jpg", "the extractor gaze360")


def test_a_context_longer_than_the_video_repeats_its_end(root: Path) -> None:
    assert run(root, "--set", f"network.sequence_len={3 * FRAMES}", name=SEQUENCE) == 0
    assert (root.parent / "out" / "integrator.safetensors").exists()


def test_resuming_another_class_or_context_names_both(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, name=SEQUENCE) == 0
    for other, words in (
        ("GASPExp002_SeqGMUALSTM1x1Conv_6", "network.sequence_len (4 there, 6 here)"),
        (STATIC, 'network.class ("SequenceGASPEncGMUALSTMConv" there, "GASPEncGMUConv" here)'),
    ):
        capsys.readouterr()
        assert run(root, "--resume", name=other) == 2
        refused(capsys, "--resume: ", words, "use the same values or another output")


def test_a_loss_that_is_not_finite_ends_the_run_and_keeps_its_batch(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root, "--set", "trainer.learning_rate=1e30", "trainer.max_epochs=3") == 1
    kept = root.parent / "out" / "diverged_batch.pt"
    refused(capsys, "training diverged at step 1", str(kept))
    assert torch.load(kept, weights_only=True)["maps"].shape[1:] == (15, 16, 16)


def test_a_full_disk_keeps_the_checkpoint_before(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    last = root.parent / "out" / "last.ckpt"
    real = files._os_write

    def full(handle: int, data: Any) -> int:
        if last.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(files, "_os_write", full)
    assert run(root, "--set", "trainer.max_epochs=2") == 1
    refused(capsys, "No space left on device: make room, then --resume continues", "out/")
    monkeypatch.undo()
    assert torch.load(last, weights_only=False)["epoch"] == 0
    assert run(root, "--set", "trainer.max_epochs=2", "--resume") == 0
