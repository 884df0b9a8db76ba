"""The installed catalogue, selection by id, group and wildcard, and what a catalogue file may not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gazenet.assets.catalogue import load_catalogue
from gazenet.assets.catalogue_entry import RegistryPackage
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
    embedded = [asset for asset in catalogue if asset.id in catalogue.groups["embedded"]]
    names = {asset.file_name for asset in embedded}
    assert {"centerface.onnx", "face_landmarks.tflite", "expression_weights.bin", "silero_vad.onnx"} <= names
    assert all(isinstance(asset, RegistryPackage) for asset in embedded)
    expression = [catalogue.get("expression_manifest"), catalogue.get("expression_weights")]
    assert len({asset.archive for asset in expression if isinstance(asset, RegistryPackage)}) == 1


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


def test_case_does_not_count_and_aliases_are_names(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.json", package("gasp/One", aliases=["uno", "gsap/one"]), package("two"))
    catalogue = load_catalogue(path)
    assert catalogue.get("GASP/one").id == catalogue.get("Uno").id == "gasp/One"
    assert [asset.id for asset in catalogue.select(["gsap/<...>", "uno"], "model")] == ["gasp/One"]
    with pytest.raises(UsageError, match=r"asset unu: not in the catalogue \(did you mean 'uno'\?\)"):
        catalogue.get("unu")
    with pytest.raises(UsageError, match="--datasets two: unknown: the catalogue holds no datasets"):
        catalogue.select(["two"], "dataset")


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
    with pytest.raises(UsageError, match="two assets have the same id"):
        load_catalogue(write(tmp_path / "bad.json", package("x"), package("y", aliases=["X"])))


def published(asset_id: str = "x", **changes: Any) -> dict[str, Any]:
    file = {"save_as": "a.zip", "sources": [{"kind": "http", "url": "https://host/a.zip"}]}
    rest = {"files": [file], "result": ["*"], "licence": "MIT", "source": "somebody"}
    return {"id": asset_id, "kind": "published", **rest, **changes}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"files": []}, "files: "),
        ({"files": [{"save_as": "../a", "sources": [{"kind": "http", "url": "https://h/a"}]}]}, "save_as: "),
        ({"files": [{"save_as": "a", "sources": [{"kind": "http", "url": "ftp://h/a"}]}]}, "url: "),
        ({"files": [{"save_as": "a", "sources": [{"kind": "google_drive", "file_id": "a/b"}]}]}, "file_id: "),
        ({"files": [{"save_as": "a", "sources": []}]}, "sources: "),
        ({"files": [{"save_as": "a", "sources": [{"kind": "http", "url": "https://h/a"}]}] * 2}, "same save_as"),
        ({"steps": [{"step": "extract", "archive": "b.zip"}]}, "step extract: b.zip is not among the files (a.zip)"),
        ({"steps": [{"step": "extract", "archive": "a.zip", "into": "../up"}]}, "without '..'"),
        ({"steps": [{"step": "move", "what": "/etc/*", "into": "."}]}, "without '..'"),
        ({"steps": [{"step": "run", "command": "rm"}]}, "step"),
        ({"result": ["../../x"]}, "without '..'"),
    ],
)
def test_bad_published_asset_is_refused(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_catalogue(write(tmp_path / "bad.json", published(**changes)))
    assert expected in str(caught.value) and "\n" not in str(caught.value)


MODELS = [
    "emotion_recognition/esr9/checkpoints/pretrained_esr9_orig",
    "gaze_estimation/gaze360/checkpoints/pretrained_gaze360_orig",
    "gaze_following/videogaze/checkpoints/pretrained_videogaze_orig",
    *(f"saliency_prediction/{name}/checkpoints/pretrained_{name}_orig" for name in ("dave", "stavis", "tased")),
    *(f"saliency_prediction/{name}/checkpoints/pretrained_{name}_orig" for name in ("unisal", "avinet")),
    *("damgmu", "seqdamalstmgmu", "seqdamalstmgmu_110nofer", "seqdamalstmgmu_101nogf", "seqdamgmualstm"),
    "saliency_prediction/gasp/checkpoints/pretrained_seqeuncegaspdamencgmualstmconv/SequenceGASPDAMEncGMUALSTMConv/"
    "53ea3d5639d647fc86e3974d6e1d1719",
    "sound_localization/binauraldave/checkpoints/pretrained_binauraldave/BinauralDAVE/1f74ea78527049149e1afb08ec97a61c",
    "sound_localization/binauraldave/checkpoints/pretrained_dave_orig",
    *("stsanet", "stanet", "vinet_all", "tased_authors", "s3fd", "mtcnn", "dlib_face", "st_abn"),
]
DATASETS = [
    *("ave/database1", "ave/database2", "ave/diem", "aveyetracking", "fairplay", "findwho", "mvva"),
    *("stavis_preprocessed", "wtmsimgaze2020", "diem_original", "gaze_following_data", "unisal_data"),
    *(f"processed/Grouped_frames/{name}" for name in ("coutrot1", "coutrot2", "diem")),
    *(f"processed/Annotations/{name}" for name in ("findwho", "mvva", "fairplay")),
]


@pytest.mark.parametrize(("names", "role"), [(MODELS, "model"), (DATASETS, "dataset")])
def test_everything_published_is_in_the_catalogue(names: list[str], role: Any) -> None:
    catalogue = load_catalogue()
    for name in names:
        assert catalogue.get(name).role == role, name
        assert len(catalogue.select([name], role)) == 1


def test_wildcards_of_the_installed_catalogue() -> None:
    catalogue = load_catalogue()
    gasp = catalogue.select(["saliency_prediction/gasp/<...>"], "model")
    assert len(gasp) == 5 and all(asset.id.startswith("saliency_prediction/gasp/") for asset in gasp)
    assert len(catalogue.select(["processed/<...>"], "dataset")) == 6
    assert len(catalogue.select(["<...>diem<...>"], "dataset")) == 3


def test_every_asset_that_a_plugin_names_is_in_the_catalogue() -> None:
    from gazenet.cues.faces.face_specs import FaceModelSpec
    from gazenet.cues.registry import discover

    specs: list[Any] = [entry.spec for entry in discover().usable.values()]
    for group in ("gazenet.face_detectors", "gazenet.face_landmarks"):
        specs += [entry.spec for entry in discover(group, FaceModelSpec).usable.values()]
    named = {asset for spec in specs for asset in spec.assets}
    catalogue = load_catalogue()
    assert len(named) > 15
    for asset in named:
        assert catalogue.get(asset).role == "model"


def test_licence_and_origin_of_every_asset_are_told() -> None:
    from gazenet.assets.catalogue_entry import HttpSource, PublishedAsset

    for asset in load_catalogue():
        assert asset.licence.strip() and asset.source.strip(), asset.id
        for file in asset.files if isinstance(asset, PublishedAsset) else ():
            urls = [source.url for source in file.sources if isinstance(source, HttpSource)]
            assert len(urls) == len(set(urls)) and not any(url.startswith("file:") for url in urls)


def test_what_stands_for_a_hash_is_marked() -> None:
    """Downloads: https and hashes where they are known; the others are marked, and warned of when they are fetched."""
    catalogue = load_catalogue()
    assert catalogue.get("silero_vad").trust == catalogue.get("vgg16").trust == "hash"
    assert catalogue.get("fairplay").trust == "first use"
    assert catalogue.get("findwho").trust == "first use, moving branch"
    assert catalogue.get("stavis_preprocessed").trust == "first use, plain http"
    assert catalogue.get("saliency_prediction/unisal/checkpoints/pretrained_unisal_orig").trust.endswith("branch")
    assert catalogue.get("diem_original").trust == "-"


def test_plain_addresses_are_those_of_hosts_not_known_to_have_https() -> None:
    without = {"antoinecoutrot.magix.net", "cvsp.cs.ntua.gr", "videogazefollow.csail.mit.edu", "gaze360.csail.mit.edu"}
    for asset in load_catalogue():
        for file in getattr(asset, "files", ()):
            addresses = [source.url for source in file.sources if getattr(source, "url", "").startswith("http")]
            for address in addresses:
                assert address.startswith("https://") or address.split("/")[2] in without, address
            plain = [address for address in addresses if address.startswith("http://")]
            assert addresses[len(addresses) - len(plain) :] == plain, "the protected address is asked first"
