"""What the cache tells without decoding; the sound in the forms that extractors want."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gazenet.cues.extractor_spec import AudioSpec, ExtractorSpec, Needs
from gazenet.inference.cache.cache_keys import cue_key, faces_key, frames_key
from gazenet.inference.cache.recall import recall
from gazenet.inference.engine.sound_buffer import SoundBuffer
from gazenet.inference.engine.timing import Timings
from gazenet.maps.map_store import MapKey, MapStore
from tests.clips import make_clip
from tests.inference.toy_graph import Bright, Crowd, Frames, toy_graph, work

SOURCE = "ab" * 16


@pytest.mark.parametrize("count", [1, 8, 29])
def test_a_finished_video_is_recalled_as_it_was_computed(tmp_path: Path, count: int) -> None:
    graph = toy_graph(Bright, Crowd, fuse=False)
    _, chunks = work(graph, Frames(count), tmp_path)
    known = recall(graph, SOURCE, MapStore(tmp_path))
    assert known is not None
    assert known.times.tolist() == [k / 25 for k in range(count)]
    for name in ("bright", "crowd"):
        assert np.array_equal(known.maps[name], np.concatenate([chunk.cues[name] for chunk in chunks]))
    assert list(known.faces) == [faces for chunk in chunks for faces in chunk.faces]


def test_what_is_not_whole_is_not_recalled(tmp_path: Path) -> None:
    graph = toy_graph(Bright, Crowd, fuse=False)
    store = MapStore(tmp_path)
    assert recall(graph, SOURCE, store) is None
    work(toy_graph(Bright, fuse=False), Frames(20), tmp_path)
    assert recall(graph, SOURCE, store) is None
    work(graph, Frames(20), tmp_path)
    assert recall(graph, SOURCE, store) is not None


@pytest.mark.parametrize("which", ["cue", "faces", "frames"])
def test_damage_makes_it_unknown_and_a_new_pass_mends_it(tmp_path: Path, which: str) -> None:
    graph, store = toy_graph(Bright, Crowd, fuse=False), MapStore(tmp_path)
    _, chunks = work(graph, Frames(20), tmp_path)
    keys = {"cue": cue_key(graph.cues[0], SOURCE), "faces": faces_key(graph, SOURCE), "frames": frames_key(SOURCE)}
    damaged = keys[which].folder(tmp_path) / "maps.npy"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert recall(graph, SOURCE, store) is None
    work(graph, Frames(20), tmp_path)
    known = recall(graph, SOURCE, store)
    assert known is not None
    assert np.array_equal(known.maps["bright"], np.concatenate([chunk.cues["bright"] for chunk in chunks]))


def test_entries_are_locked_in_one_order_however_cues_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    real = MapStore.writer

    def writer(self: MapStore, key: MapKey, *args: int, **options: int) -> object:
        taken.append(key.extractor)
        return real(self, key, *args, **options)

    monkeypatch.setattr(MapStore, "writer", writer)
    for number, order in enumerate([(Bright, Crowd), (Crowd, Bright)]):
        work(toy_graph(*order, fuse=False), Frames(3), tmp_path / str(number))
    assert taken == ["bright", "crowd", "faces", "frames"] * 2


def listener(audio: bool | AudioSpec) -> ExtractorSpec:
    return ExtractorSpec(name="ear", summary="ear", cue="speech", implementation="toy:Ear", needs=Needs(audio=audio))


def test_each_form_of_the_sound_is_decoded_once(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", 20, (32, 32), sound=0.8)
    timings, notes = Timings(), []
    sound = SoundBuffer(clip, timings, notes)
    assert sound.wanted_by(listener(audio=False)) is None
    native = sound.wanted_by(listener(audio=True))
    small = sound.wanted_by(listener(audio=AudioSpec(rate=8000, mono=True)))
    assert native is not None and small is not None
    assert small.rate == 8000 and small.samples.shape[0] == 1
    seconds = [wave.samples.shape[1] / wave.rate for wave in (native, small)]
    assert abs(seconds[0] - seconds[1]) < 0.01
    assert sound.wanted_by(listener(audio=True)) is native
    assert notes == []


def test_missing_sound_is_said_once(tmp_path: Path) -> None:
    notes: list[str] = []
    sound = SoundBuffer(None, Timings(), notes)
    assert sound.wanted_by(listener(audio=True)) is None
    assert sound.wanted_by(listener(audio=AudioSpec(mono=True))) is None
    assert notes == ["no sound: cues that listen hear silence"]


def test_a_picture_is_silent_without_a_word() -> None:
    notes: list[str] = []
    sound = SoundBuffer(None, Timings(), notes, expected=False)
    assert sound.wanted_by(listener(audio=True)) is None and notes == []
