"""The example package, installed for real, is found, passes the kit and makes maps; so does a freshly written one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "showcase" / "example_extractor"

pytestmark = pytest.mark.slow


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


def test_the_example_is_found_and_conforms(tmp_path: Path) -> None:
    env = install(copied(EXAMPLE, tmp_path / "package"), tmp_path / "site")
    listed = command("plugins", "list", env=env)
    assert "motion" in listed.stdout and "gazenet-example-motion" in listed.stdout
    checked = command("plugins", "check", "motion", env=env)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_its_own_tests_pass(tmp_path: Path) -> None:
    package = copied(EXAMPLE, tmp_path / "package")
    env = install(package, tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_new_package_passes_its_own_test(tmp_path: Path) -> None:
    package = tmp_path / "my_glow"
    assert command("plugins", "new", "my_glow", "--directory", str(package), env=dict(os.environ)).returncode == 0
    env = install(package, tmp_path / "site")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    again = command("plugins", "new", "my_glow", "--directory", str(package), env=dict(os.environ))
    assert again.returncode == 2 and "exists already" in again.stderr
