"""Help, lists and refusals are quick because nothing heavy is imported for them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

HEAVY = ("torch", "lightning", "cv2", "av", "pandas", "onnxruntime", "scipy", "matplotlib", "torchmetrics")
PROBE = """
import sys
from importlib import import_module
try:
    code = import_module(sys.argv[1]).main(sys.argv[2:])
except SystemExit as end:
    code = end.code
print("HEAVY", [name for name in {heavy!r} if name in sys.modules])
sys.exit(code)
"""
MODULES = {
    point.name: point.module for point in entry_points(group="console_scripts") if point.module.startswith("gazenet.")
}
COMMANDS = [(name, ["--help"]) for name in sorted(MODULES)] + [
    ("gasp_infer", ["--list"]),
    ("gasp_train", ["--list"]),
    ("gasp_download_manager", ["--list"]),
    ("gasp_download_manager", ["--models", "embedded", "--dry_run"]),
    ("gasp_scripts", ["--list"]),
    ("gasp_infer", ["--infre_config", "x"]),
    ("gasp_infer", ["--set", "faces.scor=1"]),
    ("gasp_infer", ["--infer_config", "nope"]),
]


@pytest.mark.parametrize(("command", "arguments"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_nothing_heavy_is_imported(command: str, arguments: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(heavy=HEAVY), MODULES[command], *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "GAZENET_ASSETS": str(tmp_path / "none")},
        check=False,
    )
    assert done.stdout.rstrip().endswith("HEAVY []"), done.stdout + done.stderr
    expected = 0 if arguments[0] in ("--help", "--list", "--models") else 2
    assert done.returncode == expected, done.stderr
    if expected:
        assert done.stderr.startswith(f"{command}: ") and done.stderr.count("\n") == 1
    if arguments == ["--help"]:
        assert f"usage: {command}" in done.stdout and "example" in done.stdout
    assert list(tmp_path.iterdir()) == []
