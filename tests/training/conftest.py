"""The recipe of these tests, installed as somebody's package would be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package that offers the recipe ``line`` and a broken one."""
    folder = tmp_path / "site" / "somebodys-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys\nVersion: 1.0\n")
    points = "line = tests.training.line_recipe:SPEC\nbroken = tests.training.no_such:SPEC\n"
    (folder / "entry_points.txt").write_text(f"[gazenet.recipes]\n{points}")
    monkeypatch.syspath_prepend(folder.parent)
    return folder.parent


@pytest.fixture
def write_config(tmp_path: Path) -> Callable[..., Path]:
    """Writes a config of the recipe with output ``<tmp_path>/NAME``; further keys are given."""

    def write(name: str, **keys: object) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"recipe": "line", "output": str(tmp_path / name), **keys}))
        return path

    return write


@pytest.fixture
def command(installed: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts ``gasp_train`` in a process, and where wanted a group, of its own."""

    def start(*argv: str, group: bool = False) -> subprocess.Popen[str]:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(installed), str(ROOT)))}
        line = [sys.executable, "-m", "gazenet.cli.train", *argv]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(line, **pipes, text=True, env=env, cwd=ROOT, start_new_session=group)

    return start
