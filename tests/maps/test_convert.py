"""Between the packed cache and the published layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gazenet.errors import CacheError
from gazenet.maps.colours import colourise, names, table
from gazenet.maps.convert import colour_of, decolourise, from_published, to_published
from gazenet.maps.frame_folders import FrameFolderReader, FrameFolderWriter
from gazenet.maps.map_reader import MapReader
from gazenet.maps.map_store import MapKey, MapStore

FRAMES, SIZE = 7, (60, 80)


def _blobs() -> np.ndarray:
    """Smooth maps over the complete range uint8 ``[7, 60, 80]``."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    centres = [(10 + 6 * k, 12 + 9 * k) for k in range(FRAMES)]
    return np.stack(
        [255 * np.exp(-((y - b) ** 2 + (x - a) ** 2) / 400) for b, a in centres]
    ).round().astype(np.uint8)  # fmt: skip


def _packed(root: Path, name: str, maps: np.ndarray) -> MapReader:
    with MapStore(root).writer(MapKey("ab", name, "1", "f"), *maps.shape[1:], chunk=3) as writer:
        for index in range(-(-len(maps) // 3)):
            part = maps[index * 3 : index * 3 + 3]
            writer.write(index, part, [{}] * len(part))
        return writer.finish(len(maps))


@pytest.mark.parametrize("name", ["jet", "bone", "hot", "viridis", "inferno", "grey"])
def test_every_value_comes_back_from_its_colour(name: str) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None]
    found = decolourise(colourise(ramp, name), name).astype(int)[0]
    # Where a colour map stands still, neighbours cannot be told apart; what matters is the colour.
    error = np.abs(table(name)[found].astype(int) - table(name)[ramp[0]]).max()
    assert error <= 8 and np.abs(found - ramp[0]).max() <= 4


@pytest.mark.parametrize("name", names())
def test_black_is_nothing_also_in_maps_without_black(name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 3, (9, 9, 3), dtype=np.uint8)
    assert (decolourise(noise, name) <= 3).all()


@pytest.mark.parametrize("colour", ["jet", "bone"])
def test_out_and_back_costs_little(tmp_path: Path, colour: str) -> None:
    maps = _blobs()
    picture = "det_transformed_dave"
    out = FrameFolderWriter(tmp_path / "pub", "own", "clip", size=(240, 320))
    assert to_published({picture: _packed(tmp_path / "a", "dave", maps)}, out, {picture: colour}) == FRAMES
    reader = FrameFolderReader(tmp_path / "pub", "own", "clip")
    with MapStore(tmp_path / "b").writer(MapKey("ab", "dave", "1", "f"), *SIZE, chunk=4) as writer:
        back = from_published(reader, picture, writer, colour)
    error = np.abs(back.maps.astype(int) - maps)
    assert error.mean() < 2 and np.percentile(error, 99.5) <= 16
    assert back.records == [{"source": k} for k in range(FRAMES)]


def test_pictures_are_coloured_before_they_are_stretched(tmp_path: Path) -> None:
    maps = np.array([[[0, 255], [255, 0]]] * 2, np.uint8)
    to_published({"p": _packed(tmp_path / "a", "x", maps)}, FrameFolderWriter(tmp_path, "d", "v", size=(64, 64)), {})
    image = FrameFolderReader(tmp_path, "d", "v").read("p")[0]
    # Half-way between dark blue and dark red there is purple; half-way up the scale there would be green.
    assert image[2:6, 30:34, 1].max() < 40


def test_missing_pictures_repeat_across_chunks_and_say_so(tmp_path: Path) -> None:
    out = FrameFolderWriter(tmp_path, "d", "v", size=None)
    for index in range(6):
        out.write(index, "captured", np.full((8, 8), 9, np.uint8))
        if index in (1, 5):
            out.write(index, "det_transformed_esr9", colourise(np.full((8, 8), 40 * index, np.uint8), "jet"))
    reader = FrameFolderReader(tmp_path, "d", "v")
    with MapStore(tmp_path / "c").writer(MapKey("ab", "esr9", "1", "f"), 8, 8, chunk=2) as writer:
        back = from_published(reader, "det_transformed_esr9", writer)
    assert [record["source"] for record in back.records] == [None, 1, 1, 1, 1, 5]
    assert np.abs(back.maps[:, 4, 4].astype(int) - [0, 40, 40, 40, 40, 200]).max() <= 4


def test_an_interrupted_conversion_goes_on(tmp_path: Path) -> None:
    picture = "transformed_salmap"
    out = FrameFolderWriter(tmp_path, "d", "v", size=None)
    to_published({picture: _packed(tmp_path / "a", "x", _blobs())}, out, {})
    last = tmp_path / "d" / "v" / "7" / f"{picture}_1.jpg"
    whole = last.read_bytes()
    last.write_bytes(whole[:200])
    store, key = MapStore(tmp_path / "b"), MapKey("ab", "x", "1", "f")
    reader = FrameFolderReader(tmp_path, "d", "v")
    with pytest.raises(CacheError, match="JPEG"), store.writer(key, *SIZE, chunk=3) as writer:
        from_published(reader, picture, writer)
    assert store.reader(key) is None
    last.write_bytes(whole)
    with store.writer(key, *SIZE, chunk=3) as writer:
        assert writer.done == {0, 1}
        assert len(from_published(reader, picture, writer)) == FRAMES


def test_colours_of_published_pictures() -> None:
    assert colour_of("det_transformed_gaze360") == "jet" and colour_of("transformed_salmap_p3") == "bone"
    assert colour_of("transformed_fixmap") == "grey" and colour_of("captured") is None
    assert colour_of("det_source_esr9") is None


def test_pictures_without_a_colour_map_are_refused(tmp_path: Path) -> None:
    FrameFolderWriter(tmp_path, "d", "v", size=None).write(0, "captured", np.ones((4, 4), np.uint8))
    with MapStore(tmp_path / "b").writer(MapKey("ab", "x", "1", "f"), 4, 4) as writer:
        reader = FrameFolderReader(tmp_path, "d", "v")
        with pytest.raises(CacheError, match="captured is no coloured map"):
            from_published(reader, "captured", writer)
        assert from_published(reader, "captured", writer, "grey").maps.shape == (1, 4, 4)


def test_cues_of_one_video_have_one_length(tmp_path: Path) -> None:
    readers = {"a": _packed(tmp_path / "1", "a", _blobs()), "b": _packed(tmp_path / "1", "b", _blobs()[:3])}
    with pytest.raises(CacheError, match="not of one length"):
        to_published(readers, FrameFolderWriter(tmp_path, "d", "v"), {})
    assert not (tmp_path / "d").exists()
