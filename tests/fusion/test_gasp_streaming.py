"""A stream equals window by window, whatever arrives in which chunks."""

from __future__ import annotations

import copy
from functools import cache

import numpy as np
import pytest
import torch
from fusion_samples import CUES, cue_maps, integrator, small

from gazenet.errors import UsageError
from gazenet.fusion import gasp_integrator as module
from gazenet.fusion.gasp import gate_scores
from gazenet.fusion.gasp_integrator import FusedChunk, GaspIntegrator
from gazenet.fusion.network_input import network_input
from gazenet.testing.rounding import UNIT

T = 4
FAMILIES = {
    "static": {"order": ("gmu",)},
    "static dam": {"order": ("gmu", "alstm"), "front": "dam"},
    "no gates": {"order": ("alstm",), "sequential": True, "sequence_len": T},
    "largmu": {"order": ("alstm", "gmu"), "front": "dam", "sequential": True, "sequence_len": T},
    "largmu norm": {"order": ("alstm", "gmu"), "sequential": True, "sequence_len": T, "sequence_norm": True},
    "argmu": {"order": ("gmu", "alstm"), "front": "dam", "sequential": True, "sequence_len": T},
    "argmu norm": {"order": ("gmu", "alstm"), "sequential": True, "sequence_len": T, "sequence_norm": True},
    "rgmu": {"order": ("rgmu",), "sequential": True, "sequence_len": T},
    "density": {"order": ("gmu",), "head": "density", "own_encoders": True},
}


def window_by_window(
    subject: GaspIntegrator, maps: dict[str, np.ndarray], dtype: torch.dtype = torch.float32
) -> FusedChunk:
    """One forward pass of the complete network per frame, its window padded on the left with the first frame."""
    config, network = subject.network.config, copy.deepcopy(subject.network).to(dtype)
    frames = network_input(maps, subject.spec, subject.device).to(dtype)
    saliency, gates = [], []
    for k in range(len(frames)):
        picked = [max(0, k - back) for back in reversed(range(config.sequence_len))]
        x = frames[picked][None] if config.sequential else frames[k : k + 1]
        with torch.no_grad():
            logits, _, state = network(x)
        value = (logits if config.head == "density" else torch.sigmoid(logits))[0, 0]
        if config.head == "density":
            density = value.exp() ** subject.spec.sharpness
            saliency.append(density / density.sum())
        else:
            saliency.append((value / value.max()) ** subject.spec.sharpness)
        scores = gate_scores(state, config.modalities)
        gates.append(np.zeros(0) if scores is None else scores[0].numpy())
    return FusedChunk(0, torch.stack(saliency).numpy(), np.stack(gates))


def in_chunks(subject: GaspIntegrator, maps: dict[str, np.ndarray], sizes: list[int]) -> list[FusedChunk]:
    stream, start, found = subject.stream(), 0, []
    for size in sizes:
        found.append(stream.push({cue: value[start : start + size] for cue, value in maps.items()}))
        start += size
    return [*found, stream.finish()]


@cache
def tolerances(family: str) -> tuple[float, float]:
    """Of maps, in shares of their maximum, and of gates: eight times what float32 loses in the plain computation.

    Two ways to add up lose about as much as each other; measured in double precision on the frames of these tests.
    """
    subject, maps = integrator(small(**FAMILIES[family])), cue_maps(3 * T + 1)
    plain, exact = (window_by_window(subject, maps, dtype) for dtype in (torch.float32, torch.float64))
    top = float(exact.saliency.max())
    lost = np.abs(plain.saliency - exact.saliency).max() / top, np.abs(plain.gates - exact.gates).max(initial=0)
    return 8 * max(UNIT, float(lost[0])), 8 * max(UNIT, float(lost[1]))


def same(found: FusedChunk, want: FusedChunk, family: str) -> None:
    assert found.saliency.shape == want.saliency.shape
    assert found.saliency.dtype == np.float32
    of_maps, of_gates = tolerances(family)
    np.testing.assert_allclose(found.saliency, want.saliency, rtol=0, atol=of_maps * float(want.saliency.max()))
    np.testing.assert_allclose(found.gates, want.gates, rtol=0, atol=of_gates)


@pytest.mark.parametrize("family", FAMILIES)
def test_tolerances_are_narrow(family: str) -> None:
    """A weight that is wrong by a hundredth is beyond them."""
    subject, maps = integrator(small(**FAMILIES[family])), cue_maps(T)
    want, wrong = subject.fuse(maps), copy.deepcopy(subject.network)
    with torch.no_grad():
        max(wrong.parameters(), key=lambda value: value.numel())[0] *= 1.01
    found = window_by_window(GaspIntegrator(wrong, subject.spec, subject.device, {}), maps)
    assert max(tolerances(family)) < 1e-4
    with pytest.raises(AssertionError):
        same(FusedChunk(0, found.saliency.astype(np.float32), found.gates), want, family)


@pytest.mark.parametrize("frames", [1, T - 1, T, 3 * T + 1], ids=lambda n: f"{n} frames")
@pytest.mark.parametrize("family", FAMILIES)
def test_whole_video_equals_window_by_window(family: str, frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 5)
    monkeypatch.setattr(module, "WINDOWS", 2)
    subject = integrator(small(**FAMILIES[family]))
    maps = cue_maps(frames)
    found = subject.fuse(maps)
    same(found, window_by_window(subject, maps), family)
    assert found.gates.shape[1] == (0 if family == "no gates" else 3)
    # Maps that vary must give results that vary: equality of constants would prove nothing.
    assert frames == 1 or np.abs(np.diff(found.saliency, axis=0)).max() > 1e-3 * found.saliency.max()


@pytest.mark.parametrize("smoothing", [0, 3])
@pytest.mark.parametrize("family", FAMILIES)
def test_chunks_do_not_matter(family: str, smoothing: int) -> None:
    subject = integrator(small(**FAMILIES[family]), smoothing)
    maps = cue_maps(13)
    whole = subject.fuse(maps)
    for sizes in ([1] * 13, [2, 6, 5], [0, 12, 1]):
        parts = [part for part in in_chunks(subject, maps, sizes) if len(part)]
        assert [part.start for part in parts] == [sum(len(p) for p in parts[:k]) for k in range(len(parts))]
        joined = FusedChunk(0, np.concatenate([p.saliency for p in parts]), np.concatenate([p.gates for p in parts]))
        same(joined, whole, family)


@pytest.mark.parametrize("smoothing", [0, 2])
@pytest.mark.parametrize("family", ["largmu", "argmu norm", "density"])
def test_some_frames_equal_those_of_the_whole(family: str, smoothing: int) -> None:
    subject = integrator(small(**FAMILIES[family]), smoothing)
    maps = cue_maps(15)
    whole = subject.fuse(maps)
    for start, stop in ((0, 1), (0, 15), (1, 6), (7, 9), (14, 15), (5, 5)):
        found = subject.fuse(maps, start, stop)
        assert found.start == start
        if stop > start:
            same(found, FusedChunk(start, whole.saliency[start:stop], whole.gates[start:stop]), family)
        assert len(found) == stop - start
    with pytest.raises(ValueError, match="frames 3 to 2 of 15"):
        subject.fuse(maps, 3, 2)


@pytest.mark.parametrize("family", ["largmu", "rgmu", "density"])
def test_a_reset_stream_remembers_nothing(family: str) -> None:
    subject = integrator(small(**FAMILIES[family]), smoothing=2)
    stream = subject.stream()
    stream.push(cue_maps(6, seed=1))
    stream.reset()
    maps = cue_maps(6, seed=2)
    parts = [stream.push(maps), stream.finish()]
    want = subject.fuse(maps)
    joined = FusedChunk(0, np.concatenate([p.saliency for p in parts]), np.concatenate([p.gates for p in parts]))
    same(joined, want, family)
    assert parts[0].start == 0


def test_what_belongs_to_a_frame_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = integrator(small(**FAMILIES["argmu"]))
    seen: list[int] = []
    for part in (subject.network.dam, subject.network.enc_list[0], subject.network.gmu):
        part.register_forward_hook(lambda _m, inputs, _o: seen.append(len(inputs[0])))
    in_chunks(subject, cue_maps(9), [4, 5])
    assert sum(seen) == 3 * 9


def test_history_does_not_grow() -> None:
    subject = integrator(small(**FAMILIES["largmu"]), smoothing=2)
    stream = subject.stream()
    for _ in range(5):
        stream.push(cue_maps(7))
        assert len(stream._history) == T - 1
        assert len(stream._waiting) <= 2 * 2
        kept = stream._history[0].untyped_storage().nbytes()
        assert kept == (T - 1) * stream._history[0].numel() * 4


def test_smoothing_averages_logarithms_of_neighbours() -> None:
    sharp = integrator(small(**FAMILIES["density"]))
    soft = integrator(small(**FAMILIES["density"]), smoothing=1, sharpness=2.0)
    maps = cue_maps(4)
    single = np.log(sharp.fuse(maps).saliency.astype(np.float64))
    for k in range(4):
        want = np.exp(2.0 * single[max(0, k - 1) : k + 2].mean(0))
        np.testing.assert_allclose(soft.fuse(maps).saliency[k], want / want.sum(), rtol=1e-4)


def test_ranges() -> None:
    density = integrator(small(**FAMILIES["density"])).fuse(cue_maps(3)).saliency
    np.testing.assert_allclose(density.sum((1, 2)), 1, rtol=1e-5)
    peaked = integrator(small(**FAMILIES["largmu"])).fuse(cue_maps(3)).saliency
    np.testing.assert_allclose(peaked.max((1, 2)), 1)
    assert peaked.min() >= 0


def test_no_frames_give_no_frames() -> None:
    for family in ("static", "largmu"):
        assert len(integrator(small(**FAMILIES[family])).fuse(cue_maps(0))) == 0


def test_absent_and_uneven_cues_are_named() -> None:
    subject, maps = integrator(small()), cue_maps(3)
    with pytest.raises(UsageError, match="small needs maps of second, third"):
        subject.fuse({"first": maps["first"]})
    with pytest.raises(UsageError, match="cues differ in frames"):
        subject.stream().push({**maps, CUES[1]: maps[CUES[1]][:2]})
