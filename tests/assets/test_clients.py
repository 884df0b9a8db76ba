"""How the package clients are called, and what is said when they fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gazenet.assets import clients
from gazenet.assets.clients import download_package
from gazenet.errors import GazenetError


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of fake programs that stands in for both PATH and the Python environment."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    return programs


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def test_pip_is_asked_for_one_wheel_and_nothing_else(tmp_path: Path, fake: Path) -> None:
    folder = target(tmp_path)
    script(fake / "python", f'echo "$@" > {tmp_path}/asked; echo w > {folder}/thing-1.0.whl')
    assert download_package("pypi", "thing", "1.0", folder).name == "thing-1.0.whl"
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:3] == ["-m", "pip", "download"] and asked[-1] == "thing==1.0"
    assert {"--no-deps", "--only-binary=:all:", "--no-input"} <= set(asked)


def test_npm_packs_into_the_folder_without_running_scripts(tmp_path: Path, fake: Path) -> None:
    folder = target(tmp_path)
    script(fake / "npm", f'echo "$@" > {tmp_path}/asked; echo t > thing-1.0.tgz')
    assert download_package("npm", "@a/thing", "1.0", folder) == folder / "thing-1.0.tgz"
    assert (tmp_path / "asked").read_text().split() == ["pack", "--ignore-scripts", "--loglevel=error", "@a/thing@1.0"]


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("ERROR: No matching distribution found for thing==1.0", "No matching distribution found for thing==1.0"),
        ("WARNING: Retrying\\nERROR: Could not install: [Errno 28] No space left on device", "No space left"),
        ("", "exit code 7"),
    ],
)
def test_failing_pip_is_one_line_with_its_reason(tmp_path: Path, fake: Path, complaint: str, said: str) -> None:
    script(fake / "python", f'printf "{complaint}" >&2; exit 7')
    with pytest.raises(GazenetError) as caught:
        download_package("pypi", "thing", "1.0", target(tmp_path))
    assert said in str(caught.value) and str(caught.value).startswith("thing 1.0: cannot fetch (")
    assert "\n" not in str(caught.value)


def test_failing_npm_is_one_line_with_its_reason(tmp_path: Path, fake: Path) -> None:
    script(fake / "npm", 'echo "npm error code ECONNREFUSED\nnpm error FetchError: request failed" >&2; exit 1')
    with pytest.raises(GazenetError, match=r"\(FetchError: request failed\): check the network"):
        download_package("npm", "thing", "1.0", target(tmp_path))


def test_missing_clients_are_named_with_the_remedy(
    tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(fake))
    with pytest.raises(GazenetError, match=r"npm is missing.*apt-get install npm"):
        download_package("npm", "thing", "1.0", target(tmp_path))
    monkeypatch.setattr(clients.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(GazenetError, match=r"pip is missing.*ensurepip"):
        download_package("pypi", "thing", "1.0", tmp_path / "target")


def test_npm_of_the_python_environment_is_found(tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin-not-there")
    script(fake / "npm", "echo t > thing-1.0.tgz")
    assert download_package("npm", "thing", "1.0", target(tmp_path)).exists()


def test_no_archive_or_two_are_errors(tmp_path: Path, fake: Path) -> None:
    folder = target(tmp_path)
    script(fake / "python", "exit 0")
    with pytest.raises(GazenetError, match="left 0 archives"):
        download_package("pypi", "thing", "1.0", folder)


def test_hanging_client_is_ended(tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "TIMEOUT_SECONDS", 0.2)
    script(fake / "python", "exec sleep 20")
    with pytest.raises(GazenetError, match=r"not finished after 0\.2 s"):
        download_package("pypi", "thing", "1.0", target(tmp_path))
