"""Files at addresses: resumed, tried again, from mirrors; whatever a server does, no wrong file passes."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

import pytest
from scripted_server import DATA, PAGE, Server

from gazenet.assets import disk_space, http
from gazenet.assets import download as module
from gazenet.assets.download import ExpectedFile, download
from gazenet.assets.drive import confirmed_address
from gazenet.errors import GazenetError


def right(path: Path) -> None:
    """The check of a file whose hash is known."""
    if hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(DATA).digest():
        raise GazenetError("not the published file")


HASHED = ExpectedFile(size=len(DATA), hashed=True, check=right)
UNKNOWN = ExpectedFile()


def begun(part: Path, address: str, data: bytes = DATA[:1000], tag: str = "") -> Path:
    """A part that an earlier run left."""
    part.write_bytes(data)
    tag = tag or f'"{hashlib.md5(DATA).hexdigest()}"'
    state = {"address_sha256": hashlib.sha256(address.encode()).hexdigest(), "validator": tag, "total": len(DATA)}
    part.with_name(part.name + ".json").write_text(json.dumps(state))
    return part


@pytest.mark.promise("downloads are verified")
@pytest.mark.parametrize("wanted", [HASHED, UNKNOWN], ids=["known", "unknown"])
@pytest.mark.parametrize("kind", ["good", "plain", "cut", "stall", "busy", "moved", "unranged", "chunked"])
def test_faults_that_pass_end_with_the_right_file(
    server: Server, tmp_path: Path, kind: str, wanted: ExpectedFile
) -> None:
    part = tmp_path / "x.part"
    assert download([f"{server.base}/{kind}/x"], part, wanted) == f"{server.base}/{kind}/x"
    assert part.read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["x.part"]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("half", f"the connection ended {len(DATA) // 2} bytes early"),
        ("overstate", "the connection ended 10 bytes early"),
        ("endless", "does not send the length of the file"),
        ("chopped", "IncompleteRead"),
        ("page", "sends a web page instead of the file"),
        ("disguised", "sends a web page instead of the file"),
        ("empty", "sends an empty file"),
        ("missing", "404 Not Found"),
        ("loop", "302 The HTTP server returned a redirect error"),
        ("redirect", "302 Found - Redirection to url 'file:///etc/passwd' is not allowed"),
    ],
)
def test_faults_that_stay_are_told(server: Server, tmp_path: Path, kind: str, reason: str) -> None:
    with pytest.raises(GazenetError) as caught:
        download([f"{server.base}/{kind}/x"], tmp_path / "x.part", UNKNOWN)
    assert f"/{kind}/x: {reason}" in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).endswith("check the network and run again to continue")


@pytest.mark.parametrize("kind", ["understate", "overstate", "page", "disguised"])
def test_wrong_lengths_are_refused_when_the_size_is_known(server: Server, tmp_path: Path, kind: str) -> None:
    part = tmp_path / "x.part"
    with pytest.raises(GazenetError, match=r"the catalogue has 256000|web page"):
        download([f"{server.base}/{kind}/x"], part, HASHED)
    assert not part.exists()


def test_wrong_content_is_thrown_away_and_the_next_address_asked(server: Server, tmp_path: Path) -> None:
    server.files["bad"] = bytes(len(DATA))
    part = tmp_path / "x.part"
    good = f"{server.base}/good/x"
    assert download([f"{server.base}/good/bad", good], part, HASHED) == good
    assert part.read_bytes() == DATA


@pytest.mark.parametrize("kind", ["good", "plain", "shifted", "unranged"])
def test_a_part_is_continued_or_begun_again(server: Server, tmp_path: Path, kind: str) -> None:
    address = f"{server.base}/{kind}/x"
    part = begun(tmp_path / "x.part", address)
    download([address], part, UNKNOWN)
    assert part.read_bytes() == DATA
    assert server.ranges[0] == "bytes=1000-"
    assert len(server.ranges) == (1 if kind in ("good", "plain") else 2)


def test_a_finished_part_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    address = f"{server.base}/good/x"
    download([address], begun(tmp_path / "x.part", address, DATA), UNKNOWN)
    assert server.ranges == []


def test_a_part_too_long_is_begun_again(server: Server, tmp_path: Path) -> None:
    address = f"{server.base}/good/x"
    part = begun(tmp_path / "x.part", address, DATA + b"more")
    download([address], part, UNKNOWN)
    assert part.read_bytes() == DATA


def test_without_a_hash_a_part_of_another_address_is_not_continued(server: Server, tmp_path: Path) -> None:
    part = begun(tmp_path / "x.part", "http://other/x", b"other" * 100)
    download([f"{server.base}/good/x"], part, UNKNOWN)
    assert server.ranges == [""] and part.read_bytes() == DATA
    part.write_bytes(DATA[:500])
    server.ranges.clear()
    download([f"{server.base}/good/x"], part, HASHED)
    assert server.ranges == ["bytes=500-"] and part.read_bytes() == DATA


def test_two_addresses_that_differ_in_their_query_are_told_apart(server: Server, tmp_path: Path) -> None:
    address = f"{server.base}/uc?export=download&id=drive_file_1"
    part = begun(tmp_path / "x.part", address.replace("file_1", "file_0"), b"other" * 100)
    download([address], part, UNKNOWN)
    assert set(server.ranges) == {""} and part.read_bytes() == DATA


def test_what_is_kept_of_a_part_gives_no_credential_away(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    with pytest.raises(GazenetError):
        download([f"{server.base}/half/x?token=s3cret"], part, UNKNOWN)
    assert "s3cret" not in part.with_name("x.part.json").read_text()


def test_a_file_that_changes_on_the_server_is_never_mixed(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    download([f"{server.base}/changing/x"], part, UNKNOWN)
    assert set(part.read_bytes()) == {2} and part.stat().st_size == len(DATA)
    download([f"{server.base}/careless/x"], part.with_name("y.part"), UNKNOWN)
    assert set(part.with_name("y.part").read_bytes()) == {ord("B")}


def test_broken_connection_keeps_what_came_for_the_next_address(server: Server, tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    addresses = [f"{server.base}/{kind}/x" for kind in ("half", "missing", "good")]
    download(addresses, part, HASHED)
    assert part.read_bytes() == DATA
    assert server.ranges[-1] == f"bytes={len(DATA) // 2}-"
    assert server.asked["/half/x"] == module.TRIES + 1 and server.asked["/missing/x"] == 1


def test_pauses_grow_and_follow_the_server(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            pauses.append(timeout or 0)
            return False

    monkeypatch.setattr(module, "PAUSE_SECONDS", 1.0)
    with pytest.raises(GazenetError, match="Connection refused"):
        download(["http://127.0.0.1:9/x"], tmp_path / "x", UNKNOWN, stop=Waiting())
    assert pauses == [1, 2, 4, 8]
    assert [http._seconds(text) for text in ("7", "900", "Wed, 21 Oct", "")] == [7, 60, 0, 0]


def test_stop_ends_it_and_keeps_the_part(server: Server, tmp_path: Path) -> None:
    stop, part = threading.Event(), tmp_path / "x.part"
    seen: list[tuple[int, int | None]] = []

    def meter(done: int, total: int | None) -> None:
        seen.append((done, total))
        stop.set()

    server.files["long"] = DATA * 8
    with pytest.raises(GazenetError, match="interrupted; run again to continue"):
        download([f"{server.base}/good/long"], part, UNKNOWN, meter, stop)
    assert seen == [(part.stat().st_size, 8 * len(DATA))] and 0 < seen[0][0] < 8 * len(DATA)
    download([f"{server.base}/good/long"], part, UNKNOWN)
    assert part.read_bytes() == DATA * 8 and server.ranges[-1] == f"bytes={seen[0][0]}-"


def test_a_file_that_does_not_fit_is_not_begun(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(disk_space.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(GazenetError, match=r"disk full \(x\): 256000 more bytes are needed, 1000 are free"):
        download([f"{server.base}/good/x"], tmp_path / "x.part", UNKNOWN)
    assert not (tmp_path / "x.part").exists()


def test_drive_is_confirmed_and_continued(server: Server, tmp_path: Path) -> None:
    address = f"{server.base}/uc?export=download&id=drive_file_1"
    part = begun(tmp_path / "x.part", address)
    download([address], part, UNKNOWN)
    assert part.read_bytes() == DATA and set(server.ranges) == {"bytes=1000-"}
    with pytest.raises(GazenetError, match="web page instead of the file, even after the confirmation"):
        download([f"{server.base}/uc?export=download&id=drive_file_2"], tmp_path / "y.part", UNKNOWN)


FORM = '<form id="{}" action="{}"><input type="hidden" name="id" value="1">'


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (PAGE.decode(), None),
        ('<a href="/uc?confirm=AbC&amp;id=1">', "https://drive.google.com/uc?confirm=AbC&id=1"),
        (
            FORM.format("download-form", "https://drive.usercontent.google.com/download"),
            "https://drive.usercontent.google.com/download?id=1",
        ),
        (FORM.format("download-form", "https://evil.example/download"), None),
        (FORM.format("download-form", "http://drive.google.com/d"), None),
        (FORM.format("other", "/download"), None),
    ],
)
def test_confirmation_pages(page: str, expected: str | None) -> None:
    assert confirmed_address(page, "https://drive.google.com/uc?id=1") == expected


def test_a_redirect_away_from_https_is_refused() -> None:
    from urllib.request import Request

    refuse = http._Redirects().redirect_request
    with pytest.raises(http.AddressRefused, match="not protected"):
        refuse(Request("https://a/x"), None, 302, "", {}, "http://a/x")
    assert refuse(Request("https://a/x"), None, 302, "", {}, "https://b/x").full_url == "https://b/x"
