"""The checks that every integrator must pass, each a function that raises AssertionError with a clear text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from gazenet.assets import asset_path
from gazenet.fusion.gasp_integrator import FusedChunk
from gazenet.fusion.integrator_contract import CueStack, IntegratorSpec
from gazenet.fusion.loaded_integrator import LoadedIntegrator, load_entry
from gazenet.plugin_registry import PluginEntry
from gazenet.testing.declaration_checks import declares_what_it_is

IntegratorEntry = PluginEntry[IntegratorSpec]
TOLERANCE = 1e-4
"""Relative to the largest value: other chunks round differently."""


def cue_maps(spec: IntegratorSpec, frames: int, size: tuple[int, int] = (36, 64), seed: int = 0) -> CueStack:
    """Made-up maps uint8 ``[frames, h, w]`` per cue, pictures ``[frames, 120, 120, 3]`` where those are wanted."""
    rng = np.random.default_rng(seed)
    shapes = {cue: (frames, 120, 120, 3) if cue in spec.pictured else (frames, *size) for cue in spec.cues}
    return {cue: rng.integers(0, 256, shape, dtype=np.uint8) for cue, shape in shapes.items()}


def _loaded(entry: IntegratorEntry) -> LoadedIntegrator:
    return load_entry(entry, {}, torch.device("cpu"), asset_path)


def fused(loaded: LoadedIntegrator, maps: CueStack, chunk: int = 8) -> FusedChunk:
    """A whole video, chunk by chunk."""
    stream, frames = loaded.stream(), len(next(iter(maps.values())))
    slices = [slice(start, start + chunk) for start in range(0, frames, chunk)]
    parts = [stream.push({cue: values[part] for cue, values in maps.items()}) for part in slices]
    parts = [part for part in [*parts, stream.finish()] if len(part)]
    starts = [part.start for part in parts]
    assert starts == list(np.cumsum([0, *map(len, parts[:-1])])), f"chunks begin at frames {starts}"
    return FusedChunk(0, np.concatenate([p.saliency for p in parts]), np.concatenate([p.gates for p in parts]))


def gives_one_map_per_frame(entry: IntegratorEntry) -> None:
    """Assert that it gives as many finite maps as frames, also of a single frame and of maps of odd sizes."""
    loaded = _loaded(entry)
    for frames, size in ((20, (36, 64)), (1, (36, 64)), (3, (35, 61))):
        result = fused(loaded, cue_maps(loaded.spec, frames, size))
        assert len(result) == frames, f"{len(result)} maps of {frames} frames"
        assert np.isfinite(result.saliency).all(), "saliency holds values that are not finite"
        assert np.isfinite(result.gates).all(), "gates hold values that are not finite"


def works_on_blank_maps(entry: IntegratorEntry) -> None:
    """Cues that say nothing give finite maps."""
    loaded = _loaded(entry)
    blank = {cue: np.zeros_like(values) for cue, values in cue_maps(loaded.spec, 4).items()}
    assert np.isfinite(fused(loaded, blank).saliency).all(), "saliency holds values that are not finite"


def does_not_depend_on_chunks(entry: IntegratorEntry) -> None:
    """A video in chunks of another size gives the same maps."""
    loaded = _loaded(entry)
    maps = cue_maps(loaded.spec, 20)
    _assert_close(fused(loaded, maps, 3), fused(loaded, maps, 20), "in chunks of 3 and of 20 frames")


def survives_a_second_video(entry: IntegratorEntry) -> None:
    """Assert that nothing of one video leaks into the next: ``begin`` starts anew, also after an unfinished video."""
    loaded = _loaded(entry)
    maps = cue_maps(loaded.spec, 12)
    alone = fused(loaded, maps)
    loaded.stream().push(cue_maps(loaded.spec, 5, seed=1))
    _assert_close(fused(loaded, maps), alone, "after another video and without")


def leaves_its_input_alone(entry: IntegratorEntry) -> None:
    """Maps are not written to: sinks look at them too."""
    loaded = _loaded(entry)
    maps = cue_maps(loaded.spec, 4)
    before = {cue: values.copy() for cue, values in maps.items()}
    fused(loaded, maps)
    for cue, values in maps.items():
        assert np.array_equal(values, before[cue]), f"maps of {cue} were changed"


def follows_a_live_run(entry: IntegratorEntry) -> None:
    """Live, every frame gets its map at once; declarations of whole videos are no use there."""
    loaded = _loaded(entry)
    if loaded.spec.whole:
        return
    stream, maps = loaded.stream(live=True), cue_maps(loaded.spec, 4)
    for k in range(4):
        assert len(stream.push({cue: values[k : k + 1] for cue, values in maps.items()})) == 1


def _assert_close(first: FusedChunk, second: FusedChunk, difference: str) -> None:
    assert first.saliency.shape == second.saliency.shape, f"maps {difference} differ in shape"
    largest = float(np.abs(second.saliency).max(initial=1e-12))
    error = float(np.abs(first.saliency - second.saliency).max(initial=0)) / largest
    assert error <= TOLERANCE, f"maps {difference} differ by up to {error:.2g} of the largest value"


INTEGRATOR_CHECKS: Sequence[Callable[[IntegratorEntry], None]] = (
    declares_what_it_is,
    gives_one_map_per_frame,
    works_on_blank_maps,
    does_not_depend_on_chunks,
    survives_a_second_video,
    leaves_its_input_alone,
    follows_a_live_run,
)
