"""Every check of integrators, sinks and readers finds the fault it is for, and sound plugins pass them all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gazenet.config.sink_spec import SinkSpec
from gazenet.data.dataset import Dataset
from gazenet.data.fixations import FrameFixations
from gazenet.data.reader_spec import ReaderSpec
from gazenet.fusion.integrator_contract import Fused, Integrator, IntegratorSpec
from gazenet.inference.sinks.sink import Sink
from gazenet.plugin_registry import PluginEntry
from gazenet.testing.conformance import check


def faults(cls: type, spec: Any, root: Path | None = None) -> set[str]:
    entry = PluginEntry(spec.name, spec, "made up 0", lambda: cls)
    return {verdict.check for verdict in check(entry, root) if not verdict.passed}


class Mean(Integrator):
    """An integrator without fault; the others differ from it in one thing each."""

    def begin(self, live: bool) -> None:
        self.live, self.count = live, 0

    def fuse(self, maps: Any) -> Fused | None:
        self.count += len(maps["a"])
        return Fused((maps["a"] / 510 + maps["b"] / 510).astype(np.float32))


class Short(Mean):
    def fuse(self, maps: Any) -> Fused | None:
        return Fused(super().fuse(maps).saliency[:-1])  # type: ignore[union-attr]


class Divides(Mean):
    def fuse(self, maps: Any) -> Fused | None:
        saliency = super().fuse(maps).saliency  # type: ignore[union-attr]
        with np.errstate(invalid="ignore"):
            return Fused(saliency / saliency.max())


class Counts(Mean):
    def begin(self, live: bool) -> None:
        self.count = getattr(self, "count", 0)

    def fuse(self, maps: Any) -> Fused | None:
        return Fused(super().fuse(maps).saliency + self.count)  # type: ignore[union-attr]


class Scribbles(Mean):
    def fuse(self, maps: Any) -> Fused | None:
        maps["a"][:] = 0
        return super().fuse(maps)


class Late(Mean):
    def begin(self, live: bool) -> None:
        self.waiting: list[np.ndarray] = []

    def fuse(self, maps: Any) -> Fused | None:
        self.waiting += list((maps["a"] / 255).astype(np.float32))
        done, self.waiting = self.waiting[:-1], self.waiting[-1:]
        return Fused(np.stack(done)) if done else None

    def finish(self) -> Fused | None:
        return Fused(np.stack(self.waiting)) if self.waiting else None


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (Mean, set()),
        (Short, {"gives_one_map_per_frame", "follows_a_live_run", "does_not_depend_on_chunks"}),
        (Divides, {"works_on_blank_maps", "does_not_depend_on_chunks"}),
        (Counts, {"does_not_depend_on_chunks", "survives_a_second_video"}),
        (Scribbles, {"leaves_its_input_alone"}),
        (Late, {"follows_a_live_run"}),
    ],
)
def test_faults_of_integrators(cls: type, found: set[str]) -> None:
    spec = IntegratorSpec(name="mean", summary="x", cues=("a", "b"), implementation="a:B")
    assert faults(cls, spec) == found


def test_an_integrator_of_whole_videos_passes() -> None:
    spec = IntegratorSpec(name="mean", summary="x", cues=("a", "b"), implementation="a:B", whole=True)
    assert faults(Divides, spec) == {"works_on_blank_maps"}
    assert faults(Mean, spec) == set()


class Lines(Sink):
    """A sink without fault."""

    def open(self, context: Any) -> None:
        self.path, self.lines = context.folder / "lines.txt", 0

    def write(self, chunk: Any) -> None:
        self.lines += len(chunk)

    def close(self, summary: Any) -> None:
        self.path.write_text(str(self.lines))


class Early(Lines):
    def write(self, chunk: Any) -> None:
        self.path.write_text("")


class LeavesMore(Lines):
    def close(self, summary: Any) -> None:
        super().close(summary)
        self.path.with_name("more.txt").touch()


class Forgets(Lines):
    def close(self, summary: Any) -> None:
        pass


class NeedsMaps(Lines):
    def write(self, chunk: Any) -> None:
        chunk.saliency[len(chunk) - 1].max()


class Paints(Lines):
    def write(self, chunk: Any) -> None:
        chunk.images[0][:] = 0


WRITES = {"writes_its_files_at_the_end", "works_on_one_frame", "works_without_an_integrator"}


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (Lines, set()),
        (Early, {*WRITES, "takes_back_what_it_began"}),
        (LeavesMore, WRITES),
        (Forgets, WRITES),
        (NeedsMaps, {"works_without_an_integrator"}),
        (Paints, {*WRITES, "takes_back_what_it_began"}),
    ],
)
def test_faults_of_sinks(cls: type, found: set[str]) -> None:
    spec = SinkSpec(name="lines", summary="x", files=("lines.txt",), implementation="a:B", saliency=False)
    assert faults(cls, spec) == found


class Picture:
    """An item that somebody looked at in the middle."""

    still, size = False, (20, 40)
    point = (20.0, 10.0)

    def __init__(self, path: Path, name: str = "") -> None:
        self.path, self.name = path, name or path.name

    def fixations(self, times: Any) -> FrameFixations:
        return FrameFixations(self.size, [np.array([self.point])] * len(times), np.ones(len(times), np.int64))


class Folder(Dataset):
    """A reader without fault."""

    name, sigma, reference_width = "folder", 5.0, 640
    kind: Any = Picture

    def __init__(self, root: Path) -> None:
        self.root = root

    def items(self) -> Any:
        return [self.kind(path) for path in sorted(self.root.iterdir())]


class Outside(Folder):
    kind = type("Outside", (Picture,), {"point": (40.0, 3.0)})


class SameName(Folder):
    kind = staticmethod(lambda path: Picture(path, "same"))


class Gone(Folder):
    kind = staticmethod(lambda path: Picture(path.with_suffix(".gone")))


class FailsWhereNothingIs(Folder):
    def items(self) -> Any:
        return super().items() if any(self.root.iterdir()) else 1 / 0


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (Folder, set()),
        (Outside, {"gives_fixations_of_every_frame"}),
        (SameName, {"lists_items_of_different_names"}),
        (Gone, {"lists_items_of_different_names"}),
        (FailsWhereNothingIs, {"refuses_an_empty_folder_in_one_line"}),
    ],
)
def test_faults_of_readers(cls: type, found: set[str], tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()
    spec = ReaderSpec(name="folder", summary="x", implementation="a:B")
    assert faults(cls, spec, tmp_path) == found
    assert faults(cls, spec) <= {"refuses_an_empty_folder_in_one_line"}
