"""The packed cache: what is written is read, and what is damaged is told and made again."""

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
from hypothesis import given, settings
from hypothesis import strategies as st

from gazenet import files
from gazenet.errors import CacheError
from gazenet.maps import writer as writer_module
from gazenet.maps.store import MapKey, MapReader, MapStore, MapWriter, npy_header

KEY = MapKey("0123456789abcdef", "gaze_direction", "1.2", "f" * 40)
FRAMES, HEIGHT, WIDTH, CHUNK = 11, 5, 7, 4
MAPS = np.random.default_rng(0).integers(0, 256, (FRAMES, HEIGHT, WIDTH), dtype=np.uint8)
RECORDS = [{"frame": k, "faces": [{"yaw": 0.1 * k, "name": "ж"}] * (k % 3)} for k in range(FRAMES)]


def _write(writer: MapWriter, index: int) -> None:
    part = slice(index * CHUNK, (index + 1) * CHUNK)
    writer.write(index, MAPS[part], RECORDS[part])


def _fill(store: MapStore, key: MapKey = KEY) -> list[str]:
    with store.writer(key, HEIGHT, WIDTH, CHUNK) as writer:
        for index in range(3):
            if not writer.has(index):
                _write(writer, index)
        writer.finish(FRAMES)
        return writer.notes


def _folder(store: MapStore) -> Path:
    return KEY.folder(store.root)


def _assert_whole(store: MapStore) -> None:
    reader = store.reader(KEY)
    assert reader is not None and np.array_equal(reader.maps, MAPS) and reader.records == RECORDS


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    assert store.reader(KEY) is None
    assert _fill(store) == []
    reader = store.reader(KEY)
    assert reader is not None and len(reader) == FRAMES and reader.shape == MAPS.shape
    assert np.array_equal(reader.maps, MAPS) and isinstance(reader.maps, np.memmap)
    assert reader.records == RECORDS
    maps, records = reader.part(2)
    assert np.array_equal(maps, MAPS[8:]) and records == RECORDS[8:]
    with pytest.raises(IndexError, match="there are 3"):
        reader.part(3)
    with pytest.raises(ValueError, match="read-only"):
        reader.maps[0] = 0


def test_the_files_are_as_promised(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    _fill(store)
    folder = tmp_path / "01" / "0123456789abcdef" / f"gaze_direction-1.2-{'f' * 16}"
    assert {path.name for path in folder.iterdir()} - {"lock"} == {"maps.npy", "chunks.log", "manifest.json"}
    assert np.array_equal(np.load(folder / "maps.npy"), MAPS)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["key"]["fingerprint"] == "f" * 40 and manifest["shape"] == [FRAMES, HEIGHT, WIDTH]
    assert manifest["statistics"]["mean"] == pytest.approx(MAPS.mean())
    assert (manifest["statistics"]["min"], manifest["statistics"]["max"]) == (MAPS.min(), MAPS.max())


def test_black_maps_are_counted(tmp_path: Path) -> None:
    with MapStore(tmp_path).writer(KEY, 2, 2, 4) as writer:
        writer.write(0, np.array([np.zeros((2, 2)), np.ones((2, 2)), np.zeros((2, 2))], np.uint8), [{}] * 3)
        assert writer.finish(3).manifest["statistics"] == {"min": 0, "max": 1, "mean": 1 / 3, "black_maps": 2}


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 20), chunk=st.integers(1, 9), size=st.tuples(*[st.integers(1, 4)] * 2), data=st.data())
def test_any_shape_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, frames: int, chunk: int, size: tuple[int, int], data: st.DataObject
) -> None:
    store, (height, width) = MapStore(tmp_path_factory.mktemp("store")), size
    maps = np.random.default_rng(frames).integers(0, 256, (frames, height, width), dtype=np.uint8)
    order = data.draw(st.permutations(range(-(-frames // chunk))))
    stop = data.draw(st.integers(0, len(order)))
    for before, now in (([], order[:stop]), (order[:stop], order[stop:])):
        with store.writer(KEY, height, width, chunk) as writer:
            assert writer.done == set(before) and writer.notes == []
            for index in now:
                own = maps[index * chunk : (index + 1) * chunk]
                writer.write(index, own, [{"k": index}] * len(own))
            if len(writer.done) == len(order):
                writer.finish(frames)
    reader = store.reader(KEY, verify=True)
    assert reader is not None and np.array_equal(reader.maps, maps)
    assert [record["k"] for record in reader.records] == [k // chunk for k in range(frames)]


@given(st.tuples(*[st.integers(1, 10**7)] * 3), st.sampled_from(["|u1", "<f2"]))
def test_the_header_always_has_its_size(shape: tuple[int, int, int], dtype: str) -> None:
    assert len(npy_header(shape, dtype)) == 128


def test_an_unfinished_entry_is_resumed(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        _write(writer, 0)
        _write(writer, 1)
        assert writer.done == {0, 1} and not writer.complete
    assert store.reader(KEY) is None
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        assert writer.done == {0, 1} and writer.has(1) and not writer.has(2) and writer.notes == []
        maps, records = writer.part(1)
        assert np.array_equal(maps, MAPS[4:8]) and records == RECORDS[4:8]
        maps[:] = 0  # a copy
        _write(writer, 2)
        writer.finish(FRAMES)
        assert writer.complete and writer.done == {0, 1, 2} and not writer.has(3)
        assert np.array_equal(writer.part(2)[0], MAPS[8:])
    _assert_whole(store)


def test_a_finished_entry_needs_no_work(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    _fill(store)
    before = {path.name: path.stat().st_mtime_ns for path in _folder(store).iterdir()}
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        assert writer.complete and writer.done == {0, 1, 2}
        assert writer.finish(FRAMES).records == RECORDS
        with pytest.raises(CacheError, match="finished with 11 maps, not 12"):
            writer.finish(12)
        with pytest.raises(ValueError, match="is finished"):
            _write(writer, 0)
    assert {path.name: path.stat().st_mtime_ns for path in _folder(store).iterdir()} == before


@pytest.mark.parametrize("what", ["frames", "missing", "none"])
def test_publishing_needs_every_chunk(tmp_path: Path, what: str) -> None:
    with MapStore(tmp_path).writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        for index in {"frames": (0, 1, 2), "missing": (0, 2), "none": ()}[what]:
            _write(writer, index)
        frames = {"frames": FRAMES + 1, "missing": FRAMES, "none": 0}[what]
        message = {"frames": r"\[2\] are missing or short", "missing": r"\[1\]", "none": "no maps"}[what]
        with pytest.raises(CacheError, match=message):
            writer.finish(frames)
    assert MapStore(tmp_path).reader(KEY) is None


def test_chunks_beyond_the_end_are_dropped(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        for index in range(3):
            _write(writer, index)
        writer.finish(8)
    reader = store.reader(KEY, verify=True)
    assert reader is not None and np.array_equal(reader.maps, MAPS[:8]) and reader.records == RECORDS[:8]


@pytest.mark.parametrize(
    ("maps", "records"),
    [
        (MAPS[:2].astype(np.float32), RECORDS[:2]),
        (MAPS[:2, :4], RECORDS[:2]),
        (MAPS[0], RECORDS[:1]),
        (MAPS[:0], []),
        (MAPS[:5], RECORDS[:5]),
        (MAPS[:2], RECORDS[:1]),
        (MAPS[:1], [{"x": float("nan")}]),
        (MAPS[:1], [{"x": np.float32(1)}]),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(tmp_path: Path, maps: np.ndarray, records: list) -> None:
    with MapStore(tmp_path).writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        _write(writer, 0)
        with pytest.raises(ValueError, match="chunk 0"):
            writer.write(0, maps, records)
        assert writer.done == {0} and np.array_equal(writer.part(0)[0], MAPS[:4])


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x40
    path.write_bytes(bytes(data))


def _edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGES = {
    "map byte": (lambda f: _flip(f / "maps.npy", 128 + 5 * HEIGHT * WIDTH), "chunk 1 fails its checksum"),
    "header byte": (lambda f: _flip(f / "maps.npy", 3), "its header does not fit"),
    "truncated": (lambda f: os.truncate(f / "maps.npy", 300), "300 bytes instead of 513"),
    "longer": (lambda f: os.truncate(f / "maps.npy", 600), "600 bytes instead of 513"),
    "maps gone": (lambda f: (f / "maps.npy").unlink(), "No such file"),
    "log gone": (lambda f: (f / "chunks.log").unlink(), "no valid head"),
    "log head": (lambda f: _flip(f / "chunks.log", 20), "no valid head"),
    "log line": (lambda f: _flip(f / "chunks.log", (f / "chunks.log").stat().st_size - 20), "chunk 2 fails"),
    "manifest text": (lambda f: (f / "manifest.json").write_text("{"), "unreadable manifest"),
    "manifest bytes": (lambda f: (f / "manifest.json").write_bytes(b"\xff\xfe"), "unreadable manifest"),
    "manifest list": (lambda f: (f / "manifest.json").write_text("[]"), "unreadable manifest"),
    "older format": (lambda f: _edit_manifest(f, format=0), "cache format 0; this version of gazenet reads format 1"),
    "newer format": (lambda f: _edit_manifest(f, format=9), "cache format 9"),
    "other key": (lambda f: _edit_manifest(f, key={"extractor": "x"}), "belongs to other maps"),
    "no shape": (lambda f: _edit_manifest(f, shape=[3, "4", 5]), "lacks a valid shape"),
    "no chunk": (lambda f: _edit_manifest(f, chunk=0), "lacks a valid shape"),
    "swapped shape": (lambda f: _edit_manifest(f, shape=[FRAMES, WIDTH, HEIGHT]), "its header does not fit"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_told_in_one_line_and_repaired(tmp_path: Path, name: str) -> None:
    store = MapStore(tmp_path)
    _fill(store)
    damage, message = DAMAGES[name]
    damage(_folder(store))
    with pytest.raises(CacheError, match=message) as caught:
        store.reader(KEY, verify=True)
    assert "\n" not in str(caught.value) and str(_folder(store)) in str(caught.value)
    (note,) = _fill(store)
    assert note.endswith("; it is made again")
    _assert_whole(store)


def test_damaged_maps_are_never_handed_out(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    _fill(store)
    _flip(_folder(store) / "maps.npy", 200)
    for use in (lambda r: r.maps, lambda r: r.records, lambda r: r.part(2)):
        reader = store.reader(KEY)  # opening is quick: size and header only
        assert reader is not None
        with pytest.raises(CacheError, match="chunk 0 fails its checksum"):
            use(reader)


@pytest.mark.parametrize("name", ["maps.partial", "chunks.log"])
def test_a_damaged_unfinished_entry_loses_only_that_chunk(tmp_path: Path, name: str) -> None:
    store = MapStore(tmp_path)
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        for index in range(3):
            _write(writer, index)
    size = (_folder(store) / name).stat().st_size
    _flip(_folder(store) / name, size - 3)
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        assert writer.done == {0, 1} and "made again" in writer.notes[0]
        _write(writer, 2)
        writer.finish(FRAMES)
    _assert_whole(store)


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
    (note,) = _fill(store)
    assert ("another map size or chunk" if finished else "begun again") in note
    _assert_whole(store)


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    _folder(store).mkdir(parents=True)
    (_folder(store) / ".manifest.json.abc.tmp").write_text("x")
    (_folder(store) / "maps.npy").write_bytes(b"old")
    (_folder(store) / "maps.partial").write_bytes(b"older")
    _fill(store)
    assert {path.name for path in _folder(store).iterdir()} - {"lock"} == {"maps.npy", "chunks.log", "manifest.json"}
    _assert_whole(store)


def test_a_reader_travels_to_other_processes_without_its_maps(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    _fill(store)
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
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        _write(writer, 0)
        entered.set()
        thread.join(0.2)
        assert seen == []
        _write(writer, 1)
        _write(writer, 2)
        writer.finish(FRAMES)
    thread.join(30)
    assert seen == [(True, [])]


def test_waiting_ends_with_the_name_of_the_entry(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK):
        with (
            pytest.raises(CacheError, match=r"gaze_direction-1\.2-f+: another run .* more than 0\.1 seconds"),
            store.writer(KEY, HEIGHT, WIDTH, CHUNK, timeout=0.1),
        ):
            pass
        other = MapKey(KEY.source_id, "speech", "1", "a" * 20)
        _fill(store, other)  # other entries are free
    _fill(store)


def test_a_writer_may_be_left_by_another_thread(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    writer = store.writer(KEY, HEIGHT, WIDTH, CHUNK)
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


@pytest.mark.parametrize("order", ["first", "second"])
@pytest.mark.parametrize("same", [True, False])
def test_without_locks_the_result_is_right_or_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, same: bool
) -> None:
    monkeypatch.setattr(writer_module, "FileLock", _NoLock)
    store = MapStore(tmp_path)
    values = [MAPS, MAPS if same else 255 - MAPS]
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as one, store.writer(KEY, HEIGHT, WIDTH, CHUNK) as two:
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
    _fill(store)
    reader = store.reader(KEY, verify=True)
    assert reader is not None and any(np.array_equal(reader.maps, maps) for maps in values)


def test_a_full_disk_is_told_and_writing_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MapStore(tmp_path)

    def full(descriptor: int, offset: int, length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        _write(writer, 0)
        with monkeypatch.context() as patch:
            patch.setattr(files, "_os_fallocate", full)
            with pytest.raises(CacheError, match="disk full; free some space and run again, what is done is kept"):
                _write(writer, 1)
        assert writer.done == {0}
        for index in (1, 2):
            _write(writer, index)
        writer.finish(FRAMES)
    _assert_whole(store)


def test_a_file_size_limit_is_an_error_not_a_signal(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with store.writer(KEY, 100, 100, CHUNK) as writer:
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, old[1]))
            with pytest.raises(CacheError, match="File too large"):
                writer.write(0, np.ones((4, 100, 100), np.uint8), [{}] * 4)
            assert writer.done == set()
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
    _fill(store)
    (_folder(store) / "lock").unlink(missing_ok=True)
    monkeypatch.setattr(writer_module, "FileLock", _NoLock)
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK) as writer:
        assert writer.complete and writer.notes == []  # the lock that nobody has was never asked for


@pytest.mark.parametrize("source", ["", "..", "a/b", "x" * 129, "a b"])
def test_a_source_id_cannot_lead_elsewhere(source: str) -> None:
    with pytest.raises(ValueError, match="source id"):
        MapKey(source, "x", "1", "f")


def test_names_become_safe_folders(tmp_path: Path) -> None:
    key = MapKey("ab", "../../evil name" + "x" * 300, "1/2", "f" * 64)
    folder = key.folder(tmp_path)
    assert folder.parent == tmp_path / "ab" / "ab" and len(folder.name) < 200
    with MapStore(tmp_path).writer(key, 1, 1) as writer:
        writer.write(0, np.zeros((1, 1, 1), np.uint8), [{}])
        writer.finish(1)
    assert MapStore(tmp_path).reader(key) is not None


def test_sizes_below_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MapStore(tmp_path).writer(KEY, 0, 4)
    with pytest.raises(ValueError, match="empty part"):
        MapKey("a", "b", "", "d")
