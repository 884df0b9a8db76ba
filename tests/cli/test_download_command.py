"""gasp_download_manager: what is chosen, said and returned."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from gazenet.cli import download_manager


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of two files that lie in a folder and one that lies nowhere; the asset folder is empty."""
    monkeypatch.setenv("GAZENET_ASSETS", str(tmp_path / "assets"))
    monkeypatch.chdir(tmp_path)
    assets = []
    for name, role in (("net", "model"), ("clips", "dataset"), ("gone", "model")):
        data = name.encode() * 10
        if name != "gone":
            (tmp_path / f"{name}.bin").write_bytes(data)
        assets.append(
            {
                "id": name,
                "kind": "published",
                "role": role,
                "files": [
                    {
                        "save_as": f"{name}.bin",
                        "sources": [{"kind": "http", "url": (tmp_path / f"{name}.bin").as_uri()}],
                        "size": len(data),
                        "sha256": hashlib.sha256(data).hexdigest(),
                    }
                ],
                "result": [f"{name}.bin"],
                "licence": "MIT",
                "source": "test",
            }
        )
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"assets": assets}))
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_weights_and_data_sets_have_their_own_homes(
    catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--catalogue", str(catalogue), "--models", "net", "--datasets", "cl<...>"]
    assert download_manager.main([*argv, "--dry_run"]) == 0
    assert "2 of 2 to be fetched" in capsys.readouterr().out
    assert files(tmp_path) == ["clips.bin", "mine.json", "net.bin"]
    assert download_manager.main(argv) == 0
    assert (tmp_path / "assets" / "net" / "net.bin").read_bytes() == b"net" * 10
    assert (tmp_path / "datasets" / "clips" / "clips.bin").read_bytes() == b"clips" * 10
    said = capsys.readouterr().out
    assert f"2 of 2 present and verified in {tmp_path}/assets and {tmp_path}/datasets" in said
    assert download_manager.main(argv) == 0
    assert "net: present" in capsys.readouterr().out
    assert not (tmp_path / "temp").exists()


def test_a_named_working_directory_is_laid_out_and_holds_everything(
    catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    argv = ["--catalogue", str(catalogue), "--working_dir", str(work)]
    assert download_manager.main([*argv, "--models", "net", "--dry_run"]) == 0
    assert list(work.iterdir()) == []
    assert download_manager.main([*argv, "--models", "net", "--datasets", "clips"]) == 0
    paths = files(work)
    assert {"gazenet/models/net/net.bin", "datasets/clips/clips.bin", "datasets/processed/train_ave.csv"} <= set(paths)
    assert "gazenet/configs/infer_configs/default.json" in paths
    assert (work / "logs" / "metrics").is_dir() and (work / "temp").is_dir()
    assert not any(name.endswith(".py") for name in paths) and not (tmp_path / "assets").exists()


def test_what_the_user_edited_is_kept_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--working_dir", str(tmp_path)]
    assert download_manager.main(argv) == 0
    assert "kept" not in capsys.readouterr().out
    edited = tmp_path / "datasets" / "processed" / "train_ave.csv"
    edited.write_text("mine")
    (tmp_path / "datasets" / "processed" / "test_ave.csv").unlink()
    assert download_manager.main(argv) == 0
    assert edited.read_text() == "mine" and (tmp_path / "datasets" / "processed" / "test_ave.csv").exists()
    said = capsys.readouterr().out
    assert "not overwritten" in said and "datasets/processed/train_ave.csv (1 files)" in said


def test_a_failure_is_exit_code_1_and_the_rest_is_done(
    catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download_manager.main(["--catalogue", str(catalogue), "--models", "mine"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("gasp_download_manager: gone: ") and captured.err.count("\n") == 1
    assert "1 of 2 present and verified" in captured.out
    assert (tmp_path / "assets" / "net" / "net.bin").exists() and not (tmp_path / "assets" / "gone").exists()


def test_list_tells_what_is_here(catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert download_manager.main(["--catalogue", str(catalogue), "--models", "net"]) == 0
    (tmp_path / "assets" / "net" / "net.bin").write_bytes(b"x")
    capsys.readouterr()
    assert download_manager.main(["--catalogue", str(catalogue), "--list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "damaged" in rows["net"] and "missing" in rows["gone"] and "missing" in rows["clips"]
    assert rows["mine"] == "mine = net clips gone"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "nothing to fetch: name --models"),
        (["--models", "embeded"], "--models embeded: unknown (did you mean 'embedded'?)"),
        (["--datasets", "ave"], "--datasets ave: unknown; known: datasets, processed and "),
        (["--datasets", "findwo"], "--datasets findwo: unknown (did you mean 'findwho'?)"),
        (["--catalogue", "absent.json", "--list"], "/absent.json: no such file"),
        (["--working_dir", "absent", "--list"], "--working_dir absent: "),
    ],
)
def test_wrong_requests(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert download_manager.main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gasp_download_manager: {said}") and error.count("\n") == 1


def test_bars_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gazenet.assets import progress_display

    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with progress_display.display() as shown:
        meter = shown.meter("w[1].pt")
        meter(5, 10)
        shown.say("net: [fetching]")
        bars = shown.progress.tasks  # type: ignore[union-attr]
        assert [(task.completed, task.total, task.visible) for task in bars] == [(5, 10, True)]
        meter(10, 10)
        assert not bars[0].visible
