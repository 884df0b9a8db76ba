"""Fetching: verified, atomic, idempotent, one download per archive, one line per failure."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest
from test_archives import make_zip

from gazenet.assets import asset_store
from gazenet.assets import fetch as module
from gazenet.assets.catalogue import load_catalogue
from gazenet.assets.catalogue_entry import Asset, RegistryPackage
from gazenet.assets.fetch import Home, fetch
from gazenet.assets.progress_display import LineDisplay
from gazenet.errors import GazenetError, UsageError

FILES = {"p/one.bin": b"first weights", "p/two.json": b"{}"}


def asset(name: str, member: str, data: bytes, package: str = "p") -> RegistryPackage:
    return RegistryPackage(
        id=name,
        kind="registry_package",
        registry="pypi",
        package=package,
        version="1.0",
        member=member,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        licence="MIT",
        source="test",
    )


FIRST, SECOND = asset("one", "p/one.bin", FILES["p/one.bin"]), asset("two", "p/two.json", FILES["p/two.json"])


class Registry:
    """Stands in for the package clients; counts what is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, registry: str, package: str, version: str, folder: Path) -> Path:
        self.asked.append(f"{registry}:{package}=={version}")
        if package == "gone":
            raise GazenetError("gone 1.0: cannot be fetched")
        path = folder / f"{package}.whl"
        path.write_bytes(make_zip(FILES))
        return path


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    monkeypatch.setattr(module, "download_package", registry)
    return registry


def within(folder: Path) -> Home:
    """Assets belong into ``folder``."""

    def home(asset: Asset) -> Path:
        return asset_store.local_path(asset, folder)

    return home


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_archive_serves_all_its_assets_and_is_not_fetched_again(tmp_path: Path, registry: Registry) -> None:
    folder = tmp_path / "deep" / "assets"
    said: list[str] = []
    assert fetch([FIRST, SECOND], within(folder), LineDisplay(said.append)) == []
    assert registry.asked == ["pypi:p==1.0"]
    assert (folder / "one.bin").read_bytes() == FILES["p/one.bin"]
    assert names(folder) == ["one.bin", "one.bin.verified", "two.json", "two.json.verified"]
    assert fetch([FIRST, SECOND], within(folder), LineDisplay(said.append)) == []
    assert len(registry.asked) == 1
    assert said[-2:] == ["one: present", "two: present"]


def test_damaged_file_is_replaced(tmp_path: Path, registry: Registry) -> None:
    fetch([FIRST], within(tmp_path))
    (tmp_path / "one.bin").write_bytes(b"broken weight")
    assert fetch([FIRST], within(tmp_path)) == []
    assert (tmp_path / "one.bin").read_bytes() == FILES["p/one.bin"]


def test_wrong_content_is_never_published(tmp_path: Path, registry: Registry) -> None:
    wrong_hash = FIRST.model_copy(update={"sha256": "0" * 64})
    wrong_size = FIRST.model_copy(update={"size": 3})
    for bad in (wrong_hash, wrong_size):
        (failure,) = fetch([bad], within(tmp_path))
        assert failure.asset_id == "one" and "not the published file" in failure.message
        assert names(tmp_path) == []


def test_failures_do_not_hold_up_the_others(tmp_path: Path, registry: Registry) -> None:
    gone = asset("gone", "x", b"x", package="gone")
    failures = fetch([gone, FIRST, SECOND.model_copy(update={"member": "absent"})], within(tmp_path))
    assert {failure.asset_id for failure in failures} == {"gone", "two"}
    assert names(tmp_path) == ["one.bin", "one.bin.verified"]


def test_disk_full_is_said(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(module, "write_bytes", full)
    (failure,) = fetch([FIRST], within(tmp_path))
    assert failure.message.startswith(f"{tmp_path}: disk full: ") and "are free" in failure.message
    assert names(tmp_path) == []


def test_asset_folder_that_cannot_be_made(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "file").write_text("")
    (failure,) = fetch([FIRST], within(tmp_path / "file" / "assets"))
    assert "file" in failure.message and "\n" not in failure.message


def test_asset_path_checks_once_and_tells_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silero = asset_store.installed_catalogue().get("silero_vad")
    monkeypatch.setenv("GAZENET_ASSETS", str(tmp_path))
    with pytest.raises(UsageError, match=r"'silero_vad' are missing .*gasp_download_manager --models silero_vad"):
        asset_store.asset_path("silero_vad")
    with pytest.raises(UsageError, match="did you mean 'silero_vad'"):
        asset_store.asset_path("silero_vda")
    path = tmp_path / silero.file_name
    path.write_bytes(bytes(silero.size))
    with pytest.raises(UsageError, match="damaged"):
        asset_store.asset_path("silero_vad")
    hashed: list[Path] = []

    def hash_once(file: Path) -> str:
        hashed.append(file)
        return silero.sha256

    monkeypatch.setattr(asset_store, "sha256_file", hash_once)
    assert asset_store.asset_path("silero_vad") == path == asset_store.asset_path("silero_vad")
    assert len(hashed) == 1
    path.write_bytes(bytes(silero.size - 1) + b"1")
    assert asset_store.asset_path("silero_vad") == path
    assert len(hashed) == 2


def test_read_only_folder_works_without_a_stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: object) -> None:
        raise PermissionError(errno.EACCES, "denied", str(path))

    monkeypatch.setattr(asset_store, "write_json", refuse)
    path = tmp_path / "one.bin"
    path.write_bytes(FILES["p/one.bin"])
    assert asset_store.is_verified(FIRST, path) and asset_store.is_verified(FIRST, path)
    assert names(tmp_path) == ["one.bin"]


@pytest.mark.network
def test_embedded_weights_come_from_their_registries(tmp_path: Path) -> None:
    assets = load_catalogue().select(["embedded"], "model")
    assert fetch(assets, within(tmp_path)) == []
    assert (
        sum(asset_store.is_verified(asset, asset_store.local_path(asset, tmp_path)) for asset in assets)
        == len(assets)
        == 6
    )
