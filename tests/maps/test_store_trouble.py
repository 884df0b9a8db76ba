"""The cache in trouble: damage, several runs at once, a full disk, no permission."""

from __future__ import annotations

import errno
import json
import os
import pickle
import resource
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from gazenet import files
from gazenet.errors import CacheError
from gazenet.maps import map_writer as writer_module
from gazenet.maps.map_store import MapKey, MapReader, MapStore
from tests.maps.store_samples import (
    CHUNK,
    FRAMES,
    HEIGHT,
    KEY,
    MAPS,
    RECORDS,
    WIDTH,
    assert_whole,
    done,
    fill,
    folder,
    opened,
    write,
    write_all,
)


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x40
    path.write_bytes(bytes(data))


def _folder(path: Path) -> None:
    path.unlink()
    (path / "with").mkdir(parents=True)


def _edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGES = {
    "map byte": (lambda f: _flip(f / "maps.npy", 128 + 5 * HEIGHT * WIDTH), "chunk 1 fails its checksum"),
    "header byte": (lambda f: _flip(f / "maps.npy", 3), "its header does not match"),
    "truncated": (lambda f: os.truncate(f / "maps.npy", 300), "300 bytes instead of 513"),
    "longer": (lambda f: os.truncate(f / "maps.npy", 600), "600 bytes instead of 513"),
    "maps gone": (lambda f: (f / "maps.npy").unlink(), "No such file"),
    "log gone": (lambda f: (f / "chunks.log").unlink(), "no valid head"),
    "log head": (lambda f: _flip(f / "chunks.log", 20), "no valid head"),
    "log line": (lambda f: _flip(f / "chunks.log", (f / "chunks.log").stat().st_size - 20), "chunk 2 fails"),
    "log a folder": (lambda f: _folder(f / "chunks.log"), "damaged cache entry of gaze_direction: chunks.log is a"),
    "maps a folder": (lambda f: _folder(f / "maps.npy"), "damaged cache entry of gaze_direction: Is a directory"),
    "manifest a folder": (lambda f: _folder(f / "manifest.json"), "unreadable manifest"),
    "manifest text": (lambda f: (f / "manifest.json").write_text("{"), "unreadable manifest"),
    "manifest bytes": (lambda f: (f / "manifest.json").write_bytes(b"\xff\xfe"), "unreadable manifest"),
    "manifest list": (lambda f: (f / "manifest.json").write_text("[]"), "unreadable manifest"),
    "older format": (lambda f: _edit_manifest(f, format=0), "cache format 0; this version of gazenet reads format 1"),
    "newer format": (lambda f: _edit_manifest(f, format=9), "cache format 9"),
    "other key": (lambda f: _edit_manifest(f, key={"extractor": "x"}), "belongs to other maps"),
    "no shape": (lambda f: _edit_manifest(f, shape=[3, "4", 5]), "lacks a valid shape"),
    "no chunk": (lambda f: _edit_manifest(f, chunk=0), "lacks a valid shape"),
    "swapped shape": (lambda f: _edit_manifest(f, shape=[FRAMES, WIDTH, HEIGHT]), "its header does not match"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_told_in_one_line_and_repaired(tmp_path: Path, name: str) -> None:
    store = MapStore(tmp_path)
    fill(store)
    damage, message = DAMAGES[name]
    damage(folder(store))
    with pytest.raises(CacheError, match=message) as caught:
        store.reader(KEY, verify=True)
    assert "\n" not in str(caught.value) and str(folder(store)) in str(caught.value)
    (note,) = fill(store)
    assert note.endswith("; it is made again")
    assert_whole(store)


@pytest.mark.parametrize("name", ["maps.partial", "chunks.log", "lock", ""])
def test_what_stands_in_the_place_of_an_unfinished_entry_is_removed(tmp_path: Path, name: str) -> None:
    store = MapStore(tmp_path)
    place = folder(store) / name
    if name:
        (place / "with").mkdir(parents=True)
    else:
        place.parent.mkdir(parents=True)
        place.write_text("")
    (note,) = fill(store)
    assert str(place) in note and note.endswith("of the cache; it is made again")
    assert_whole(store)


def test_damaged_maps_are_never_handed_out(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    fill(store)
    _flip(folder(store) / "maps.npy", 200)
    for use in (lambda r: r.maps, lambda r: r.records, lambda r: r.part(2)):
        reader = store.reader(KEY)  # opening is quick: size and header only
        assert reader is not None
        with pytest.raises(CacheError, match="chunk 0 fails its checksum"):
            use(reader)


@pytest.mark.parametrize("name", ["maps.partial", "chunks.log"])
def test_a_damaged_unfinished_entry_loses_only_that_chunk(tmp_path: Path, name: str) -> None:
    store = MapStore(tmp_path)
    with opened(store) as writer:
        write_all(writer)
    size = (folder(store) / name).stat().st_size
    _flip(folder(store) / name, size - 3)
    with opened(store) as writer:
        assert done(writer) == {0, 1} and "made again" in writer.notes[0]
        write(writer, 2)
        writer.finish(FRAMES)
    assert_whole(store)


@pytest.mark.parametrize("other", [(WIDTH, HEIGHT, CHUNK), (HEIGHT, WIDTH, 8), (HEIGHT + 1, WIDTH, CHUNK)])
@pytest.mark.parametrize("finished", [False, True])
def test_an_entry_of_another_size_or_chunk_begins_anew(
    tmp_path: Path, other: tuple[int, int, int], finished: bool
) -> None:
    height, width, chunk = other
    store = MapStore(tmp_path)
    with store.writer(KEY, height, width, chunk) as writer:
        writer.write(0, np.full((3, height, width), 9, np.uint8), [{}] * 3)
        if finished:
            writer.finish(3)
    (note,) = fill(store)
    assert ("another map size or chunk" if finished else "begun again") in note
    assert_whole(store)


def test_a_reader_travels_to_other_processes_without_its_maps(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    fill(store)
    reader = store.reader(KEY)
    assert reader is not None and reader.maps.size
    sent = pickle.dumps(reader)
    assert len(sent) < 1000
    copy = pickle.loads(sent)
    assert isinstance(copy, MapReader) and np.array_equal(copy.maps, MAPS)


def test_the_second_run_waits_and_finds_the_work_done(tmp_path: Path) -> None:
    store, entered, seen = MapStore(tmp_path), threading.Event(), []

    def second() -> None:
        entered.wait()
        with store.writer(KEY, HEIGHT, WIDTH, CHUNK, timeout=30) as writer:
            seen.append((writer.complete, writer.notes))

    thread = threading.Thread(target=second)
    thread.start()
    with opened(store) as writer:
        write(writer, 0)
        entered.set()
        thread.join(0.2)
        assert seen == []
        write(writer, 1)
        write(writer, 2)
        writer.finish(FRAMES)
    thread.join(30)
    assert seen == [(True, [])]


def test_waiting_ends_with_the_name_of_the_entry(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    with opened(store):
        with (
            pytest.raises(CacheError, match=r"gaze_direction-1\.2-f+: another run .* more than 0\.1 seconds"),
            store.writer(KEY, HEIGHT, WIDTH, CHUNK, timeout=0.1),
        ):
            pass
        other = MapKey(KEY.source_id, "speech", "1", "a" * 20)
        fill(store, other)  # other entries are free
    fill(store)


def test_a_writer_may_be_left_by_another_thread(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    writer = opened(store)
    writer.__enter__()
    thread = threading.Thread(target=writer.close)
    thread.start()
    thread.join()
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK, timeout=0):
        pass
    writer.close()  # once more does no harm


class _NoLock:
    def __init__(self, path: str, **_: object) -> None:
        pass

    def acquire(self) -> None:
        raise NotImplementedError

    def release(self) -> None:
        pass


@pytest.mark.promise("one writer")
@pytest.mark.parametrize("order", ["first", "second"])
@pytest.mark.parametrize("same", [True, False])
def test_without_locks_the_result_is_right_or_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, same: bool
) -> None:
    monkeypatch.setattr(writer_module, "FileLock", _NoLock)
    store = MapStore(tmp_path)
    values = [MAPS, MAPS if same else 255 - MAPS]
    with opened(store) as one, opened(store) as two:
        assert "no locks" in one.notes[0]
        for index in range(3):
            part = slice(index * CHUNK, (index + 1) * CHUNK)
            for writer, maps in zip((one, two), values, strict=True):
                writer.write(index, maps[part], RECORDS[part])
        for writer in (one, two) if order == "first" else (two, one):
            try:
                writer.finish(FRAMES)
            except CacheError as error:
                assert not same, error
    try:
        reader = store.reader(KEY, verify=True)
    except CacheError:
        assert not same
        reader = None
    if reader is not None:
        assert any(np.array_equal(reader.maps, maps) for maps in values)
    fill(store)
    reader = store.reader(KEY, verify=True)
    assert reader is not None and any(np.array_equal(reader.maps, maps) for maps in values)


def test_a_full_disk_is_told_and_writing_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MapStore(tmp_path)

    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with opened(store) as writer:
        write(writer, 0)
        with monkeypatch.context() as patch:
            patch.setattr(files, "_os_fallocate", full)
            with pytest.raises(CacheError, match="disk full; free some space and run again: finished work is kept"):
                write(writer, 1)
        assert done(writer) == {0}
        for index in (1, 2):
            write(writer, index)
        writer.finish(FRAMES)
    assert_whole(store)


def test_a_file_size_limit_is_an_error_not_a_signal(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with store.writer(KEY, 100, 100, CHUNK) as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
            with pytest.raises(CacheError, match="File too large"):
                writer.write(0, np.ones((4, 100, 100), np.uint8), [{}] * 4)
            assert done(writer) == set()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_in_place_of_the_cache_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("x")
    with pytest.raises(CacheError, match="cache"), MapStore(tmp_path / "cache").writer(KEY, 2, 2):
        pass


def test_a_finished_entry_is_read_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MapStore(tmp_path)
    fill(store)
    (folder(store) / "lock").unlink(missing_ok=True)
    monkeypatch.setattr(writer_module, "FileLock", _NoLock)
    with opened(store) as writer:
        assert writer.complete and writer.notes == []  # the lock that nobody has was never asked for
