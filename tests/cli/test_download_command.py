"""gasp_download_manager: what is chosen, said and returned."""

from __future__ import annotations

import hashlib
import json
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
                "kind": "url",
                "role": role,
                "url": (tmp_path / f"{name}.bin").as_uri(),
                "size": len(data),
                "sha256": hashlib.sha256(data).hexdigest(),
                "licence": "MIT",
                "source": "test",
            }
        )
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"assets": assets}))
    return path


def test_weights_and_data_sets_have_their_own_homes(
    catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    argv = ["--catalogue", str(catalogue), "--working_dir", str(work), "--models", "net", "--datasets", "clips"]
    assert download_manager.main([*argv, "--dry_run"]) == 0
    assert "2 of 2 to be fetched" in capsys.readouterr().out
    assert not (tmp_path / "assets").exists() and list(work.iterdir()) == []
    assert download_manager.main(argv) == 0
    assert (tmp_path / "assets" / "net.bin").read_bytes() == b"net" * 10
    assert (work / "datasets" / "clips.bin").read_bytes() == b"clips" * 10
    assert download_manager.main(argv) == 0
    assert "net: present" in capsys.readouterr().out


def test_a_failure_is_exit_code_1_and_the_rest_is_done(
    catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert download_manager.main(["--catalogue", str(catalogue), "--models", "mine"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("gasp_download_manager: gone: ") and captured.err.count("\n") == 1
    assert "1 of 2 present and verified" in captured.out
    assert (tmp_path / "assets" / "net.bin").exists()


def test_list_tells_what_is_here(catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "net.bin").write_bytes(b"x")
    assert download_manager.main(["--catalogue", str(catalogue), "--list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "damaged" in rows["net"] and "missing" in rows["gone"] and "missing" in rows["clips"]
    assert rows["mine"] == "mine = net clips gone"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "nothing to fetch: name --models"),
        (["--models", "embeded"], "--models embeded: unknown (did you mean 'embedded'?)"),
        (["--datasets", "ave"], "--datasets ave: unknown: the catalogue holds no datasets"),
        (["--catalogue", "absent.json", "--list"], "absent.json: no such file"),
        (["--working_dir", "absent", "--list"], "--working_dir absent: "),
    ],
)
def test_wrong_requests(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert download_manager.main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"gasp_download_manager: {said}") and error.count("\n") == 1
