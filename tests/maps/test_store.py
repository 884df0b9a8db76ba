"""The packed cache: what is written is read, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gazenet.errors import CacheError
from gazenet.maps.map_store import MapKey, MapStore, npy_header
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


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    assert store.reader(KEY) is None
    assert fill(store) == []
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
    fill(store)
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
            assert done(writer) == set(before) and writer.notes == []
            for index in now:
                own = maps[index * chunk : (index + 1) * chunk]
                writer.write(index, own, [{"k": index}] * len(own))
            if len(done(writer)) == len(order):
                writer.finish(frames)
    reader = store.reader(KEY, verify=True)
    assert reader is not None and np.array_equal(reader.maps, maps)
    assert [record["k"] for record in reader.records] == [k // chunk for k in range(frames)]


@given(st.tuples(*[st.integers(1, 10**7)] * 3), st.sampled_from(["|u1", "<f2"]))
def test_the_header_always_has_its_size(shape: tuple[int, int, int], dtype: str) -> None:
    assert len(npy_header(shape, dtype)) == 128


def test_an_unfinished_entry_is_resumed(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    with opened(store) as writer:
        write(writer, 0)
        write(writer, 1)
        assert done(writer) == {0, 1} and not writer.complete
    assert store.reader(KEY) is None
    with opened(store) as writer:
        assert done(writer) == {0, 1} and writer.has(1) and not writer.has(2) and writer.notes == []
        maps, records = writer.part(1)
        assert np.array_equal(maps, MAPS[4:8]) and records == RECORDS[4:8]
        maps[:] = 0  # a copy
        write(writer, 2)
        writer.finish(FRAMES)
        assert writer.complete and done(writer) == {0, 1, 2} and not writer.has(3)
        assert np.array_equal(writer.part(2)[0], MAPS[8:])
    assert_whole(store)


def test_a_finished_entry_needs_no_work(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    fill(store)
    before = {path.name: path.stat().st_mtime_ns for path in folder(store).iterdir()}
    with opened(store) as writer:
        assert writer.complete and done(writer) == {0, 1, 2}
        assert writer.finish(FRAMES).records == RECORDS
        with pytest.raises(CacheError, match="finished with 11 maps, not 12"):
            writer.finish(12)
        with pytest.raises(ValueError, match="is finished"):
            write(writer, 0)
    assert {path.name: path.stat().st_mtime_ns for path in folder(store).iterdir()} == before


@pytest.mark.parametrize("what", ["frames", "missing", "none"])
def test_publishing_needs_every_chunk(tmp_path: Path, what: str) -> None:
    with opened(MapStore(tmp_path)) as writer:
        for index in {"frames": (0, 1, 2), "missing": (0, 2), "none": ()}[what]:
            write(writer, index)
        frames = {"frames": FRAMES + 1, "missing": FRAMES, "none": 0}[what]
        message = {"frames": r"\[2\] are missing or short", "missing": r"\[1\]", "none": "no maps"}[what]
        with pytest.raises(CacheError, match=message):
            writer.finish(frames)
    assert MapStore(tmp_path).reader(KEY) is None


def test_chunks_beyond_the_end_are_dropped(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    with opened(store) as writer:
        write_all(writer)
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
    with opened(MapStore(tmp_path)) as writer:
        write(writer, 0)
        with pytest.raises(ValueError, match="chunk 0"):
            writer.write(0, maps, records)
        assert done(writer) == {0} and np.array_equal(writer.part(0)[0], MAPS[:4])


def test_leftovers_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    folder(store).mkdir(parents=True)
    (folder(store) / ".manifest.json.abc.tmp").write_text("x")
    (folder(store) / "maps.npy").write_bytes(b"old")
    (folder(store) / "maps.partial").write_bytes(b"older")
    fill(store)
    assert {path.name for path in folder(store).iterdir()} - {"lock"} == {"maps.npy", "chunks.log", "manifest.json"}
    assert_whole(store)


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


def test_pictures_lie_plane_by_plane(tmp_path: Path) -> None:
    store, planes = MapStore(tmp_path), np.stack([MAPS, MAPS[::-1], 255 - MAPS], axis=1)
    for wanted in ([0], [1, 2]):
        with store.writer(KEY, HEIGHT, WIDTH, CHUNK, planes=3) as writer:
            assert writer.notes == []
            for index in wanted:
                part = slice(index * CHUNK, (index + 1) * CHUNK)
                writer.write(index, planes[part], RECORDS[part])
                assert np.array_equal(writer.part(index)[0], planes[part])
            if wanted != [0]:
                writer.finish(FRAMES)
    reader = store.reader(KEY, verify=True)
    assert reader is not None and reader.shape == planes.shape and np.array_equal(reader.maps, planes)
    assert np.array_equal(np.load(folder(store) / "maps.npy"), planes)
    assert np.array_equal(reader.part(2)[0], planes[8:])


def test_maps_do_not_pass_for_pictures(tmp_path: Path) -> None:
    store = MapStore(tmp_path)
    fill(store)
    with store.writer(KEY, HEIGHT, WIDTH, CHUNK, planes=3) as writer:
        assert not writer.complete and "made again" in writer.notes[0]
        with pytest.raises(ValueError, match="does not fit uint8 maps"):
            write(writer, 0)
