"""Runs golden vectors: ``python -m gazenet.testing.goldens FOLDER... [--rtol 1e-4]``.

A golden is a pair NAME.json and NAME.npz. The JSON names a network (``config.class``) or function
(``config.function``), its keyword arguments, its inputs as seeds, and its state-dict entries; weights follow from the
keys alone. The npz holds the flattened outputs with a stride. Networks and functions are found in a table of adapters
(:mod:`gazenet.testing.golden_rows`); one that is not in it is a failure, not an omission.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.testing.rounding import Explanation, explain

Outputs = Mapping[str, Any]


class GoldenSkipped(Exception):
    """A golden cannot run here, for a reason that is nobody's fault (published weights that are not there)."""


SELECTORS = ("class", "function", "network", "net", "model", "op", "part")
"""Members of a config that name what is run, the most exact first."""

HANDLED = frozenset({*SELECTORS, "output_scale", "params", "rtol", "upstream_checkpoint", "versions"})
"""Members of a config that no runner has to read: they choose it, are seen to here, or tell where a golden is from."""


@dataclass(frozen=True)
class Golden:
    """One golden: its description and its reference values.

    ``dtype``: in what its networks compute. ``found``: what :func:`difference` has compared, flattened, with the
    strides of the reference.
    """

    path: Path
    meta: Mapping[str, Any]
    dtype: torch.dtype = torch.float32
    found: dict[str, NDArray[np.float64]] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    def reference(self) -> dict[str, NDArray[Any]]:
        with np.load(self.path.with_suffix(".npz"), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def inputs(self) -> dict[str, Tensor]:
        """The input tensors, drawn from their seeds."""
        return {name: draw(**fields).to(self.dtype) for name, fields in self.meta.get("inputs", {}).items()}

    def options(self, *known: str) -> Mapping[str, Any]:
        """The config. Raises ValueError for a member that is neither ``known`` to the runner nor :data:`HANDLED`."""
        config: Mapping[str, Any] = self.meta["config"]
        unknown = sorted(config.keys() - HANDLED - {*known})
        if unknown:
            raise ValueError(f"unknown options: {', '.join(unknown)}")
        return config


@dataclass(frozen=True)
class GoldenVerdict:
    """How one golden went: ``error`` relative to the largest reference magnitude; ``state`` pass, fail or skipped."""

    name: str
    state: str
    error: float | None
    reason: str = ""


def draw(seed: int, shape: Sequence[int], dist: str = "uniform", scale: float = 1.0) -> Tensor:
    """A float32 tensor from NumPy's legacy generator: uniform in 0..1 or standard normal, times ``scale``."""
    rng = np.random.RandomState(seed)
    values = rng.uniform(0.0, 1.0, shape) if dist == "uniform" else rng.standard_normal(shape)
    return torch.from_numpy((scale * values).astype(np.float32))


def filled(key: str, like: Tensor) -> Tensor:
    """The weight of a state-dict entry, a function of its key and shape; counters become zero."""
    if not like.is_floating_point():
        return torch.zeros_like(like)
    rng, shape = np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF), tuple(like.shape)
    if key.endswith("running_var") or (key.endswith("weight") and len(shape) < 2):
        values = rng.uniform(0.5, 1.5, shape)
    elif key.endswith("running_mean"):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) >= 2:
        values = rng.standard_normal(shape) * np.sqrt(2.0 / max(1, int(np.prod(shape[1:]))))
    else:
        values = 0.05 * rng.standard_normal(shape)
    return torch.from_numpy(np.asarray(values, np.float32)).to(like.dtype)


def prepare(network: torch.nn.Module, golden: Golden) -> torch.nn.Module:
    """The network in evaluation mode with the golden's weights, and its ``config.output_scale`` applied.

    Factors on the outputs of named modules keep random weights from saturating deep networks. Raises ValueError where
    keys, shapes or ``config.params`` (the number of parameters) differ.
    """
    state, config = network.state_dict(), golden.meta["config"]
    count = sum(value.numel() for value in network.parameters())
    if count != config.get("params", count):
        raise ValueError(f"{count} parameters, the golden has {config['params']}")
    wanted = {key: list(shape) for key, shape, _ in golden.meta["state"]}
    found = {key: list(value.shape) for key, value in state.items()}
    if wanted != found:
        differing = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
        raise ValueError(f"{len(differing)} state-dict entries differ: {', '.join(differing[:4])}")
    network.load_state_dict({key: filled(key, value) for key, value in state.items()})
    for name, factor in config.get("output_scale", {}).items():
        network.get_submodule(name).register_forward_hook(_scaled_by(factor))
    return network.to(golden.dtype).eval()


def _scaled_by(factor: float) -> Callable[[torch.nn.Module, Any, Tensor], Tensor]:
    return lambda _module, _inputs, output: output * factor


def difference(golden: Golden, outputs: Outputs) -> float:
    """The largest error of all outputs, each relative to its largest reference magnitude.

    Absolute instead where the golden gives an ``atol``. Raises ValueError for outputs that are missing or misshapen.
    """
    worst, reference = 0.0, golden.reference()
    for key, facts in golden.meta["outputs"].items():
        if key not in outputs or outputs[key] is None:
            raise ValueError(f"output {key} is missing")
        value = np.asarray(outputs[key].detach().cpu() if isinstance(outputs[key], Tensor) else outputs[key])
        if list(value.shape) != list(facts["shape"]):
            raise ValueError(f"output {key} is {list(value.shape)}, the golden {facts['shape']}")
        got = value.ravel()[:: facts["stride"]].astype(np.float64)
        golden.found[key] = got
        error = float(np.abs(got - reference[key]).max(initial=0)) / _scale(golden, reference[key])
        worst = max(worst, error if np.isfinite(error) else float("inf"))
    return worst


def _scale(golden: Golden, want: NDArray[Any]) -> float:
    """To what errors of an output are relative."""
    return 1.0 if "atol" in golden.meta else max(1e-12, float(np.abs(want).max(initial=0)))


def reference_error(found: float, want: float) -> float:
    """The relative error of one number; infinite where it is not finite."""
    error = abs(found - want) / max(abs(want), 1e-12)
    return error if np.isfinite(error) else float("inf")


def find(folders: Sequence[Path]) -> Iterator[Golden]:
    """All goldens below the folders, sorted; JSON files of other kinds are goldens of their own kind too."""
    for folder in folders:
        paths = [folder] if folder.suffix == ".json" else sorted(folder.rglob("*.json"))
        for path in paths:
            yield Golden(path, json.loads(path.read_text(encoding="utf-8")))


def judge(golden: Golden, rtol: float) -> GoldenVerdict:
    """Runs one golden. A tolerance of its own (``rtol``, ``atol``), then one of its kind, stand above the argument.

    An error beyond it passes only where the computation itself says that rounding makes it, on this processor or on
    that of the reference (:mod:`gazenet.testing.rounding`).
    """
    from gazenet.testing.golden_rows import adapter_of

    golden = replace(golden, found={})
    try:
        adapter = adapter_of(golden)
        limit = _limit(golden.meta, rtol if adapter.limit is None else adapter.limit)
        with torch.no_grad():
            error = adapter.load()(golden)
    except GoldenSkipped as reason:
        return GoldenVerdict(golden.name, "skipped", None, str(reason))
    except Exception as fault:
        return GoldenVerdict(golden.name, "fail", None, f"{type(fault).__name__}: {fault}")
    note = adapter.leaves_out and f"left out: {adapter.leaves_out}"
    if error <= limit:
        return GoldenVerdict(golden.name, "pass", error, note)
    explanation = _explanation(golden, adapter.load(), limit)
    reasons = "; ".join(text for text in (f"> {limit:g}", str(explanation or ""), note) if text)
    passed = explanation is not None and not explanation.fault
    return GoldenVerdict(golden.name, "pass" if passed else "fail", error, reasons)


def _explanation(golden: Golden, runner: Callable[[Golden], float], limit: float) -> Explanation | None:
    """What rounding explains of an error. None where there is nothing to repeat in double precision."""
    reference = golden.reference() if golden.found else {}
    if not golden.found or not all(np.isfinite(value).all() for value in golden.found.values()):
        return None

    def compute() -> dict[str, NDArray[np.float64]]:
        doubled = replace(golden, dtype=torch.float64, found={})
        runner(doubled)
        return doubled.found

    scales = {key: _scale(golden, reference[key]) for key in golden.found}
    given = (golden.found, {key: reference[key].astype(np.float64) for key in golden.found})
    try:
        with torch.no_grad():
            return explain(compute, given, scales, limit)
    except Exception as fault:
        return Explanation(f"not comparable in double precision: {type(fault).__name__}: {fault}", 0.0, 0, 0)


def _limit(meta: Mapping[str, Any], otherwise: float) -> float:
    own = (meta.get("rtol"), meta.get("config", {}).get("rtol"), meta.get("atol"), otherwise)
    return float(next(value for value in own if value is not None))


def main(argv: Sequence[str] | None = None) -> int:
    """Prints name, relative error and verdict of every golden; 1 if any failed or none was found."""
    parser = argparse.ArgumentParser(
        prog="python -m gazenet.testing.goldens",
        description="Compare networks and functions with golden vectors.",
        epilog="example: python -m gazenet.testing.goldens tests/data/goldens --rtol 1e-4",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folder (searched below) or .json")
    parser.add_argument("--rtol", type=float, default=1e-4, help="largest relative error (default 1e-4)")
    options = parser.parse_args(argv)
    missing = [str(folder) for folder in options.folders if not folder.exists()]
    if missing:
        print(f"no such folder: {', '.join(missing)}", file=sys.stderr)
        return 2
    counts = {"pass": 0, "fail": 0, "skipped": 0}
    for golden in find(options.folders):
        verdict = judge(golden, options.rtol)
        counts[verdict.state] += 1
        error = "-" if verdict.error is None else f"{verdict.error:.2e}"
        print(f"{verdict.state:8}{error:>10}  {verdict.name}  {verdict.reason}".rstrip(), flush=True)
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    return 1 if counts["fail"] or not sum(counts.values()) else 0


if __name__ == "__main__":
    # As a command this file is loaded twice; adapters raise the Skipped of the second one.
    from gazenet.testing import goldens

    sys.exit(goldens.main())
