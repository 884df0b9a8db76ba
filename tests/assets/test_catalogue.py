"""The installed catalogue, selection by id, group and wildcard, and what a catalogue file may not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gazenet.assets.catalogue import RegistryPackage, load_catalogue
from gazenet.errors import UsageError

HASH = "a" * 64


def package(asset_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": asset_id,
        "kind": "registry_package",
        "registry": "pypi",
        "package": "thing",
        "version": "1.0",
        "member": "thing/weights.onnx",
        "size": 3,
        "sha256": HASH,
        "licence": "MIT",
        "source": "somebody",
        **changes,
    }


def write(path: Path, *assets: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"assets": list(assets)}))
    return path


def test_installed_catalogue_holds_the_embedded_weights() -> None:
    catalogue = load_catalogue()
    assert catalogue.groups["embedded"] == [
        "centerface",
        "face_landmarks",
        "expression_manifest",
        "expression_weights",
        "open_nsfw",
        "silero_vad",
    ]
    names = {asset.file_name for asset in catalogue}
    assert {"centerface.onnx", "face_landmarks.tflite", "expression_weights.bin", "silero_vad.onnx"} <= names
    assert all(isinstance(asset, RegistryPackage) for asset in catalogue)
    expression = [catalogue.get("expression_manifest"), catalogue.get("expression_weights")]
    assert len({asset.archive for asset in expression if isinstance(asset, RegistryPackage)}) == 1


def test_no_address_is_written_into_the_installed_catalogue() -> None:
    import gazenet_configs

    folder = Path(gazenet_configs.__file__).parent / "assets"
    assert "://" not in "".join(path.read_text() for path in folder.glob("*.json"))


def test_selection(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.json", package("gasp/a/one"), package("gasp/two"), package("other", role="dataset"))
    catalogue = load_catalogue(path)

    def ids(*names: str) -> list[str]:
        return [asset.id for asset in catalogue.select(names, "model")]

    assert ids("gasp/two", "gasp/<...>") == ["gasp/two", "gasp/a/one"]
    assert ids("mine") == ["gasp/a/one", "gasp/two"]
    assert ids() == []
    assert [asset.id for asset in catalogue.select(["other"], "dataset")] == ["other"]
    with pytest.raises(UsageError, match=r"--models gasp/tow: unknown \(did you mean 'gasp/two'\?\)"):
        ids("gasp/tow")
    with pytest.raises(UsageError, match="--models other: unknown"):
        ids("other")


def test_installed_catalogue_has_no_dataset() -> None:
    with pytest.raises(UsageError, match="--datasets findwho: unknown: the catalogue holds no datasets"):
        load_catalogue().select(["findwho"], "dataset")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": "../x"}, "id: "),
        ({"id": "a/../../x"}, "an id is a plain name"),
        ({"id": "/etc/x"}, "id: "),
        ({"sha256": "xyz"}, "sha256: "),
        ({"size": 0}, "size: "),
        ({"version": "--upgrade"}, "version: "),
        ({"package": "-r /etc/passwd"}, "package: "),
        ({"kind": "ftp"}, "kind"),
        ({"sha": HASH}, "unknown key (did you mean 'sha256'?)"),
    ],
)
def test_bad_asset_is_refused(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    path = write(tmp_path / "bad.json", package("x", **changes))
    with pytest.raises(UsageError) as caught:
        load_catalogue(path)
    assert str(caught.value).startswith(f"{path}: assets.0") and expected in str(caught.value)


def test_same_id_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two assets have the same id"):
        load_catalogue(write(tmp_path / "bad.json", package("x"), package("x")))
