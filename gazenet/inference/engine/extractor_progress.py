"""How far the extractors of one video have come, and in which order they take their turns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gazenet.inference.engine.stage_graph import CueStage
from gazenet.maps.map_store import MapWriter


@dataclass
class CueState:
    """How far one extractor has come in the video."""

    cue: CueStage
    writer: MapWriter
    pictures: MapWriter | None = None
    cached: int = 0
    next_block: int = 0
    next_take: int = 0
    failed: bool = False

    @property
    def writers(self) -> list[MapWriter]:
        return [self.writer, *([self.pictures] if self.pictures else [])]

    @property
    def complete(self) -> bool:
        """Whether the cache has all of it."""
        return all(writer.complete for writer in self.writers)


def waves(states: list[CueState]) -> list[list[CueState]]:
    """Extractors that can run beside each other; first those that need neither faces nor maps (there may be none)."""
    depth: dict[str, int] = {}
    for state in states:
        needs = state.cue.spec.needs
        floor = 1 if needs.faces or needs.face_crops else 0
        depth[state.cue.name] = max([floor, *(depth[name] + 1 for name in needs.maps)])
    return [[s for s in states if depth[s.cue.name] == k] for k in range(max(depth.values(), default=0) + 1)]


def wait_for_all(calls: Iterable[Callable[[], object]]) -> None:
    """Calls all of them, the ones after an error as well, and raises the first error."""
    failure: BaseException | None = None
    for call in calls:
        try:
            call()
        except BaseException as error:
            failure = failure or error
    if failure is not None:
        raise failure
