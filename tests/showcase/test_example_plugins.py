"""The example package, installed for real, is found, passes the kit and makes maps; so does a freshly written one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from gazenet.media.encode import VideoWriter
from gazenet.testing.synthetic import SyntheticVideo

EXAMPLE = Path(__file__).parents[2] / "showcase" / "example_plugins"

# Installs packages and starts commands one after the other.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def install(package: Path, target: Path) -> dict[str, str]:
    """Installs a package into a folder; returns an environment that sees it."""
    pytest.importorskip("setuptools")
    options = ["-q", "--no-deps", "--no-build-isolation", "--target", str(target)]
    command = [sys.executable, "-m", "pip", "install", *options, str(package)]
    subprocess.run(command, check=True, capture_output=True)
    return {**os.environ, "PYTHONPATH": str(target)}


def copied(source: Path, target: Path) -> Path:
    """A copy, so that building leaves nothing in the repository."""
    import shutil

    return Path(shutil.copytree(source, target, ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__")))


def command(name: str, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    module = [sys.executable, "-m", f"gazenet.cli.{name}", *arguments]
    return subprocess.run(module, env=env, capture_output=True, text=True, check=False)


NAMES = {"extractor": "motion", "integrator": "centred_motion", "sink": "peaks", "reader": "clips"}


def clip(path: Path) -> Path:
    """A short video in which a disc moves to the right."""
    video = SyntheticVideo(frames=12, size=(90, 160), sound=False)
    with VideoWriter(path, 160, 90, Fraction(25)) as writer:
        for k in range(12):
            writer.write(video.image(k), k / 25)
    return path


def test_all_four_are_listed_checked_and_used_by_name(tmp_path: Path) -> None:
    env = install(copied(EXAMPLE, tmp_path / "package"), tmp_path / "site")
    listed = command("plugins", "list", env=env).stdout.splitlines()
    for noun, name in NAMES.items():
        (line,) = [line for line in listed if line.endswith("gazenet-example 0.1.0") and f" {name} " in line]
        assert line.startswith(noun) and " 0.1.0" in line
    checked = command("plugins", "check", *NAMES.values(), env=env)
    assert checked.returncode == 0, checked.stdout + checked.stderr

    data = tmp_path / "data"
    data.mkdir()
    clip(data / "disc.mp4")
    (data / "disc.csv").write_text("".join(f"{k / 25},{300 + 10 * k},180\n" for k in range(12)))
    config = {
        "data": {"reader": "clips", "root": str(data)},
        "extractors": [{"name": "motion", "parameters": {"threshold": 0.1}}],
        "integrator": {"name": "centred_motion", "parameters": {"spread": 0.5}},
        "outputs": {"peaks": {"every": 5}, "overlay": False},
        "metrics": {"names": ["nss", "cc"]},
        "faces": {"mesh": False},
        "output_dir": str(tmp_path / "out"),
    }
    file = tmp_path / "mine.json"
    file.write_text(json.dumps(config))
    planned = command("infer", "--infer_config_file", str(file), "--dry_run", env=env)
    assert "peaks.csv" in planned.stdout and "integrator centred_motion" in planned.stdout, planned.stderr
    done = command("infer", "--infer_config_file", str(file), env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = (tmp_path / "out" / "disc" / "peaks.csv").read_text().splitlines()
    assert rows[0] == "frame,x,y" and [row.partition(",")[0] for row in rows[1:]] == ["0", "5", "10"]
    assert (tmp_path / "out" / "disc" / "report.html").exists() and (tmp_path / "out" / "evaluation.csv").exists()
    gates = (tmp_path / "out" / "disc" / "attention.csv").read_text().splitlines()
    assert "gate_motion" in gates[0]
    wrong = command("infer", "--infer_config_file", str(file), "--set", 'outputs.peaks={"evry": 1}', env=env)
    assert wrong.returncode == 2
    assert "peaks.evry: unknown setting (did you mean 'every'?); settings: every" in wrong.stderr


def test_its_own_tests_pass(tmp_path: Path) -> None:
    package = copied(EXAMPLE, tmp_path / "package")
    env = install(package, tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("noun", list(NAMES))
def test_a_new_package_passes_its_own_test(tmp_path: Path, noun: str) -> None:
    package = tmp_path / "my_glow"
    new = ("plugins", "new", "my_glow", "--kind", noun, "--directory", str(package))
    assert command(*new, env=dict(os.environ)).returncode == 0
    env = install(package, tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    again = command(*new, env=dict(os.environ))
    assert again.returncode == 2 and "exists already" in again.stderr
