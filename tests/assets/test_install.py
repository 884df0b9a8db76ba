"""Published assets: fetched, unpacked and put in place as a whole or not at all; continued after any end."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import types
from pathlib import Path
from typing import Any

import pytest
from scripted_server import DATA, PAGE, Server, serving
from test_archives import make_zip

from gazenet.assets import asset_store, disk_space, drive, post_fetch_steps
from gazenet.assets import install as install_module
from gazenet.assets.catalogue import Catalogue, CatalogueFile
from gazenet.assets.catalogue_entry import PublishedAsset
from gazenet.assets.fetch import FetchFailure, fetch
from gazenet.assets.locks import lock_path, read_lock
from gazenet.assets.progress_display import LineDisplay
from gazenet.errors import GazenetError, UsageError
from gazenet.files import sha256_file


def asset(server: Server, kind: str = "good", names: tuple[str, ...] = ("w.pt",), **changes: Any) -> PublishedAsset:
    files = [{"save_as": name, "sources": [{"kind": "http", "url": f"{server.base}/{kind}/{name}"}]} for name in names]
    data = {
        "id": "net",
        "kind": "published",
        "files": files,
        "result": list(names),
        "licence": "MIT",
        "source": "test",
    }
    return PublishedAsset.model_validate_json(json.dumps({**data, **changes}))


def get(wanted: PublishedAsset, folder: Path, mirror: str = "") -> list[FetchFailure]:
    return fetch([wanted], lambda asset: asset_store.local_path(asset, folder), mirror=mirror)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def tarball(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_files_are_placed_recorded_and_not_fetched_again(server: Server, tmp_path: Path) -> None:
    wanted, said = asset(server, names=("a.pt", "b.pt")), []
    assert fetch([wanted], lambda item: asset_store.local_path(item, tmp_path), LineDisplay(said.append)) == []
    assert names(tmp_path) == ["net.lock.json", "net/a.pt", "net/b.pt"]
    digest = sha256_file(tmp_path / "net" / "a.pt")[:16]
    assert f"net: a.pt: no published hash; sha256 {digest} recorded" in said
    lock = read_lock(tmp_path / "net")
    assert lock is not None and lock.complete
    assert lock.files["a.pt"].sha256 == lock.kept["a.pt"].sha256 == sha256_file(tmp_path / "net" / "a.pt")
    assert lock.files["b.pt"].address == f"{server.base}/good/b.pt"
    assert get(wanted, tmp_path) == []
    assert sum(server.asked.values()) == 2


def test_a_plain_address_without_a_hash_is_warned_of_by_name(server: Server, tmp_path: Path) -> None:
    said: list[str] = []
    fetch([asset(server)], lambda item: asset_store.local_path(item, tmp_path), LineDisplay(said.append))
    (warning,) = [text for text in said if "warning" in text]
    assert f"{server.base}/good/w.pt is not protected (plain http)" in warning and "w.pt" in warning
    source = {"kind": "http", "url": f"{server.base}/good/w.pt"}
    hashed = {"save_as": "w.pt", "sources": [source], "sha256": sha256_file(tmp_path / "net" / "w.pt")}
    said.clear()
    fetch(
        [asset(server, id="known", files=[hashed])],
        lambda item: asset_store.local_path(item, tmp_path),
        LineDisplay(said.append),
    )
    assert not [text for text in said if "warning" in text]


def test_a_changed_file_is_seen_and_replaced(server: Server, tmp_path: Path) -> None:
    wanted = asset(server)
    get(wanted, tmp_path)
    path = tmp_path / "net" / "w.pt"
    os.utime(path, ns=(1, 1))
    assert asset_store.is_verified(wanted, tmp_path / "net")
    path.write_bytes(DATA[:-1] + b"x")
    assert not asset_store.is_verified(wanted, tmp_path / "net")
    assert asset_store.state(wanted, tmp_path / "net") == "damaged"
    assert get(wanted, tmp_path) == [] and path.read_bytes() == DATA


@pytest.mark.promise("downloads are verified")
def test_another_file_than_the_first_seen_is_refused(server: Server, tmp_path: Path) -> None:
    wanted = asset(server)
    get(wanted, tmp_path)
    (tmp_path / "net" / "w.pt").unlink()
    server.files["w.pt"] = b"\xffreplaced" * 100
    (failure,) = get(wanted, tmp_path)
    assert "w.pt: differs from the first download" in failure.message
    assert f"delete {lock_path(tmp_path / 'net')} and run again" in failure.message
    assert names(tmp_path) == ["net.lock.json"]
    lock_path(tmp_path / "net").unlink()
    assert get(wanted, tmp_path) == []


@pytest.mark.parametrize("kind", ["half", "page", "disguised", "empty", "missing", "endless", "overstate", "chopped"])
def test_nothing_wrong_is_put_in_place(server: Server, tmp_path: Path, kind: str) -> None:
    (failure,) = get(asset(server, kind), tmp_path)
    assert failure.asset_id == "net" and "\n" not in failure.message
    assert not (tmp_path / "net").exists() and not lock_path(tmp_path / "net").exists()


@pytest.mark.parametrize("changes", [{"sha256": "0" * 64}, {"size": 7}])
def test_wrong_hash_or_size_is_not_kept(server: Server, tmp_path: Path, changes: dict[str, Any]) -> None:
    source = {"kind": "http", "url": f"{server.base}/good/w.pt"}
    (failure,) = get(asset(server, files=[{"save_as": "w.pt", "sources": [source], **changes}]), tmp_path)
    assert "not the published file" in failure.message
    assert names(tmp_path) == []


def test_a_cut_checkpoint_of_understated_length_is_noticed(server: Server, tmp_path: Path) -> None:
    server.files["w.pt"] = make_zip({"net/data.pkl": DATA, "net/version": b"3"})
    (failure,) = get(asset(server, "understate"), tmp_path)
    assert "w.pt: is damaged or incomplete" in failure.message
    assert names(tmp_path) == []


STEPS = [
    {"step": "extract", "archive": "a.tar.gz"},
    {"step": "extract", "archive": "in/*.zip", "into": "{stem}"},
    {"step": "delete", "what": "in/*.zip"},
    {"step": "move", "what": "in/*", "into": "."},
    {"step": "delete", "what": "in"},
    {"step": "rename", "what": "clip*", "old": "clip", "new": "clip_"},
]
INNER = {"one": make_zip({"f": b"1"}), "clip7": make_zip({"g": b"2"})}
ARCHIVE = tarball({"in/one.zip": INNER["one"], "in/clip7.zip": INNER["clip7"], "in/plain.txt": b"text"})
PLACED = ["net.lock.json", "net/clip_7/g", "net/one/f", "net/plain.txt", "net/table.mat"]


def archived(server: Server, **changes: Any) -> PublishedAsset:
    server.files["a.tar.gz"] = ARCHIVE
    result = ["one/f", "clip_*/g", "plain.txt", "table.mat"]
    options: dict[str, Any] = {"role": "dataset", "steps": STEPS, "result": result, **changes}
    return asset(server, names=("a.tar.gz", "table.mat"), **options)


def test_steps(server: Server, tmp_path: Path) -> None:
    # Archives found in a folder are unpacked beside themselves, so they end below "in" until it is moved.
    assert get(archived(server), tmp_path) == []
    assert names(tmp_path) == PLACED
    assert (tmp_path / "net" / "clip_7" / "g").read_bytes() == b"2"


def test_files_of_the_user_stay_beside_those_that_are_placed(server: Server, tmp_path: Path) -> None:
    (tmp_path / "net" / "one").mkdir(parents=True)
    (tmp_path / "net" / "README.md").write_text("mine")
    (tmp_path / "net" / "one" / "notes").write_text("mine too")
    assert get(archived(server), tmp_path) == []
    assert names(tmp_path) == sorted([*PLACED, "net/README.md", "net/one/notes"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"result": ["absent/*"]}, "absent/* not among the fetched files: the publication has changed"),
        ({"steps": [*STEPS, {"step": "delete", "what": "gone*"}]}, "no fetched file matches gone*"),
        ({"steps": [{**STEPS[0], "limit_gb": 1e-9}]}, "a.tar.gz: "),
        ({"steps": [{**STEPS[0], "limit_files": 2}]}, "a.tar.gz: more than 2 members"),
    ],
)
def test_an_unexpected_archive_leaves_nothing(
    server: Server, tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    wanted = archived(server, **changes)
    (failure,) = get(wanted, tmp_path)
    assert said in failure.message
    assert not (tmp_path / "net").exists() and not asset_store.is_verified(wanted, tmp_path / "net")


@pytest.mark.parametrize("name", ["../../escaped", "/escaped"])
def test_a_hostile_archive_leaves_nothing(server: Server, tmp_path: Path, name: str) -> None:
    wanted = archived(server)
    server.files["a.tar.gz"] = tarball({"in/plain.txt": b"fine", name: b"evil"})
    (failure,) = get(wanted, tmp_path)
    assert "leads out of its folder" in failure.message
    assert not (tmp_path / "net").exists() and not list(tmp_path.rglob("escaped"))


def test_an_end_at_any_move_is_repaired(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted, real = archived(server), install_module.publish
    for last in range(6):
        folder, done = tmp_path / str(last), 0

        def stop(source: Path, target: Path, last: int = last) -> None:
            nonlocal done
            if done == last:
                raise KeyboardInterrupt
            done += 1
            real(source, target)

        monkeypatch.setattr(install_module, "publish", stop)
        with pytest.raises(KeyboardInterrupt):
            get(wanted, folder)
        assert not asset_store.is_verified(wanted, folder / "net")
        monkeypatch.setattr(install_module, "publish", real)
        assert get(wanted, folder) == []
        assert names(folder) == PLACED
    assert server.asked["/good/a.tar.gz"] <= 8  # once in each folder, and where it had not got its name yet


def test_a_killed_download_resumes(tmp_path: Path) -> None:
    with serving() as server:
        server.files["w.pt"] = DATA * 4
        catalogue = tmp_path / "mine.json"
        entry = asset(server, "slow").model_dump(mode="json")
        catalogue.write_text(json.dumps({"assets": [entry]}))
        argv = [sys.executable, "-m", "gazenet.cli.download_manager", "--catalogue", str(catalogue), "--models", "net"]
        environment = {**os.environ, "GAZENET_ASSETS": str(tmp_path / "assets"), "GASP_CWD": ""}
        part = tmp_path / "assets" / ".net.fetch" / "downloads" / "w.pt.part"
        process = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and (not part.exists() or part.stat().st_size == 0):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        have = part.stat().st_size
        assert 0 < have < len(DATA) * 4 and not (tmp_path / "assets" / "net").exists()
        server.release.set()
        assert subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0
        assert (tmp_path / "assets" / "net" / "w.pt").read_bytes() == DATA * 4
        assert server.ranges == ["", f"bytes={have}-"]
    assert names(tmp_path / "assets") == ["net.lock.json", "net/w.pt"]


def test_mirror_is_tried_first(server: Server, tmp_path: Path) -> None:
    assert get(asset(server, "missing"), tmp_path, f"{server.base}/good/") == []
    assert list(server.asked) == ["/good/net/w.pt"]
    assert get(asset(server, id="other"), tmp_path, f"{server.base}/missing") == []
    assert list(server.asked)[1:] == ["/missing/other/w.pt", "/good/w.pt"]


def test_drive(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "BASE", server.base)
    source = {"kind": "google_drive", "file_id": "drive_file_1"}
    assert get(asset(server, files=[{"save_as": "w.pt", "sources": [source]}]), tmp_path) == []
    assert (tmp_path / "net" / "w.pt").read_bytes() == DATA


def manual(server: Server) -> PublishedAsset:
    source = {"kind": "manual", "url": "https://mega.example/x", "note": "code 5"}
    return asset(server, files=[{"save_as": "w.pt", "sources": [source]}])


def test_by_hand(server: Server, tmp_path: Path) -> None:
    wanted = manual(server)
    (failure,) = get(wanted, tmp_path)
    assert failure.message == (
        f"by hand: open https://mega.example/x in a browser (code 5), save the file as {tmp_path}/net/w.pt and run "
        "this again"
    )
    assert names(tmp_path) == []
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "w.pt").write_bytes(PAGE)
    (failure,) = get(wanted, tmp_path)
    assert failure.message == "w.pt: is a web page instead of the file"
    (tmp_path / "net" / "w.pt").write_bytes(DATA)
    assert get(wanted, tmp_path) == [] and asset_store.is_verified(wanted, tmp_path / "net")
    assert names(tmp_path) == ["net.lock.json", "net/w.pt"]


def test_an_archive_by_hand_is_unpacked(server: Server, tmp_path: Path) -> None:
    file = {"save_as": "a.zip", "sources": [{"kind": "manual", "url": "https://mega.example/x"}]}
    step = {"step": "extract", "archive": "a.zip"}
    wanted = asset(server, files=[file], steps=[step], result=["x"])
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "a.zip").write_bytes(make_zip({"x": b"1"}))
    assert get(wanted, tmp_path) == []
    assert names(tmp_path) == ["net.lock.json", "net/x"]


def test_files_of_a_package(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def package(registry: str, name: str, version: str, folder: Path) -> Path:
        asked.append(f"{registry}:{name}=={version}")
        (folder / "p.whl").write_bytes(make_zip({"p/a": b"aa", "p/b": b"bb"}))
        return folder / "p.whl"

    monkeypatch.setattr(install_module, "download_package", package)
    source = {"kind": "package", "registry": "pypi", "package": "p", "version": "1"}
    files = [{"save_as": name, "sources": [{**source, "member": f"p/{name}"}]} for name in ("a", "b")]
    assert get(asset(server, files=files, result=["a", "b"]), tmp_path) == []
    assert names(tmp_path) == ["net.lock.json", "net/a", "net/b"] and asked == ["pypi:p==1"]


def test_several_come_at_the_same_time_and_failures_stay_apart(server: Server, tmp_path: Path) -> None:
    together = threading.Barrier(3, timeout=5)

    class Meeting(LineDisplay):
        def meter(self, name: str) -> Any:
            together.wait()
            return super().meter(name)

    assets = [asset(server, kind, id=kind) for kind in ("good", "missing", "plain")]
    failures = fetch(assets, lambda item: asset_store.local_path(item, tmp_path), Meeting(lambda text: None))
    assert [failure.asset_id for failure in failures] == ["missing"]
    assert "404 Not Found" in failures[0].message
    assert names(tmp_path) == ["good.lock.json", "good/w.pt", "plain.lock.json", "plain/w.pt"]


def test_no_space_is_seen_before_the_download(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = {"kind": "http", "url": f"{server.base}/good/w.pt"}
    wanted = asset(server, files=[{"save_as": "w.pt", "sources": [source], "size": len(DATA)}])
    monkeypatch.setattr(disk_space.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=10))
    (failure,) = get(wanted, tmp_path)
    assert failure.message == (
        f"{tmp_path}: disk full: {len(DATA)} more bytes are needed, 10 are free; downloaded data is kept: free some "
        "space and run again to continue"
    )
    assert server.asked == {}


def test_convert_needs_ffmpeg_unless_it_is_optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "v.avi").write_bytes(b"x")
    said: list[str] = []
    monkeypatch.setenv("PATH", str(tmp_path))
    step = {"step": "convert", "what": "*.avi", "into": "sound", "ending": ".wav"}
    with pytest.raises(GazenetError, match="ffmpeg is missing: install it"):
        post_fetch_steps.run_steps(
            [post_fetch_steps.ConvertStep.model_validate(step)], tmp_path, tmp_path, said.append
        )
    post_fetch_steps.run_steps(
        [post_fetch_steps.ConvertStep.model_validate({**step, "optional": True})], tmp_path, tmp_path, said.append
    )
    assert said == ["skipped: sound/*.wav (needs ffmpeg; not read by this project)"]
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nfor last; do :; done\necho done > ${last#file:}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    post_fetch_steps.run_steps([post_fetch_steps.ConvertStep.model_validate(step)], tmp_path, tmp_path, said.append)
    assert (tmp_path / "sound" / "v.wav").read_text() == "done\n"
    program.write_text("#!/bin/sh\necho 'no such codec' >&2\nexit 1\n")
    with pytest.raises(GazenetError, match=r"v\.avi: cannot convert to \.wav: no such codec"):
        post_fetch_steps.run_steps(
            [post_fetch_steps.ConvertStep.model_validate(step)], tmp_path, tmp_path, said.append
        )


@pytest.fixture
def installed(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PublishedAsset:
    """An installed catalogue of one asset and one that was never published; nothing is fetched yet."""
    wanted = asset(server)
    gone = {"id": "gone", "kind": "unpublished", "licence": "none", "source": "x", "notes": "train one"}
    data = {"assets": [wanted.model_dump(mode="json"), gone]}
    catalogue = Catalogue({"mine": CatalogueFile.model_validate_json(json.dumps(data))})
    monkeypatch.setattr(asset_store, "installed_catalogue", lambda: catalogue)
    monkeypatch.setenv("GAZENET_ASSETS", str(tmp_path / "assets"))
    monkeypatch.chdir(tmp_path)
    return wanted


def test_asset_path(installed: PublishedAsset, tmp_path: Path) -> None:
    folder = tmp_path / "assets" / "net"
    with pytest.raises(
        UsageError, match=r"^weights 'net' are missing \(.*\); run: gasp_download_manager --models net$"
    ):
        asset_store.asset_path("net")
    with pytest.raises(UsageError, match="weights 'gone': no published checkpoint; train one"):
        asset_store.asset_path("gone")
    fetch([installed])
    assert asset_store.asset_path("NET") == folder
    first = asset_store.asset_digest("net")
    (folder / "w.pt").write_bytes(DATA[::-1])
    with pytest.raises(UsageError, match=r"are damaged .*gasp_download_manager --models net"):
        asset_store.asset_path("net")
    lock_path(folder).unlink()
    assert asset_store.asset_digest("net") != first


def test_the_published_layout_of_a_working_directory_is_found(installed: PublishedAsset, tmp_path: Path) -> None:
    folder = tmp_path / "gazenet" / "models" / "net"
    folder.mkdir(parents=True)
    (folder / "w.pt").write_bytes(PAGE)
    with pytest.raises(UsageError, match="are damaged"):
        asset_store.asset_path("net")
    (folder / "w.pt").write_bytes(DATA)
    assert asset_store.asset_path("net").absolute() == folder
    lock = read_lock(folder)
    assert lock is not None and lock.kept["w.pt"].sha256 == sha256_file(folder / "w.pt")
