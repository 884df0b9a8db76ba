"""Run golden vectors: ``python -m gazenet.testing.goldens FOLDER... [--rtol 1e-4] [--rows MODULE]``.

A golden is a pair NAME.json and NAME.npz. The JSON names a network (``config.class``) or function
(``config.function``), its keyword arguments, its inputs as seeds, and its state-dict entries; weights follow from the
keys alone. The npz holds the flattened outputs with a stride. What runs a golden is looked up in a module of rows: its
function ``runner_of(golden)`` returns a :class:`GoldenRunner` and raises LookupError for a golden without a row, which
is a failure. The rows of the bundled networks are in the repository (``tests/goldens``), not in the package.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gazenet.cues.registry import import_object
from gazenet.errors import UsageError
from gazenet.testing.rounding import Explanation, explain

Outputs = Mapping[str, Any]

ROWS = "tests.goldens.rows"
"""The module of rows that a clone of the repository holds."""


class GoldenSkipped(Exception):
    """The golden cannot run on this machine, for instance because published weights are absent."""


SELECTORS = ("class", "function", "network", "net", "model", "op", "part")
"""Members of a config that name what is run, the most exact first."""

HANDLED = frozenset({*SELECTORS, "output_scale", "params", "rtol", "upstream_checkpoint", "versions"})
"""Members of a config that no runner reads: they select it, are applied here, or document where a golden is from."""


@dataclass(frozen=True)
class Golden:
    """One golden: its description and its reference values.

    ``dtype``: the precision in which its networks compute. ``compared``: the outputs that :func:`difference` has seen,
    flattened, with the strides of the reference.
    """

    path: Path
    meta: Mapping[str, Any]
    dtype: torch.dtype = torch.float32
    compared: dict[str, NDArray[np.float64]] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        """Folder and file name, without the extension."""
        return f"{self.path.parent.name}/{self.path.stem}"

    def reference(self) -> dict[str, NDArray[Any]]:
        """Return the reference values, flattened, by the name of the output."""
        with np.load(self.path.with_suffix(".npz"), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def inputs(self) -> dict[str, Tensor]:
        """Return the input tensors, drawn from their seeds."""
        return {name: draw(**fields).to(self.dtype) for name, fields in self.meta.get("inputs", {}).items()}

    def options(self, *names: str) -> Mapping[str, Any]:
        """Return the config. Raises ValueError for a member that is neither in ``names`` nor :data:`HANDLED`."""
        config: Mapping[str, Any] = self.meta["config"]
        unknown = sorted(config.keys() - HANDLED - {*names})
        if unknown:
            raise ValueError(f"unknown options: {', '.join(unknown)}")
        return config


@dataclass(frozen=True)
class GoldenRunner:
    """The function that runs goldens of a kind and returns their error.

    ``limit``: the largest error of goldens that name none themselves; None: that of the command.
    """

    run: Callable[[Golden], float]
    limit: float | None = None


@dataclass(frozen=True)
class GoldenVerdict:
    """The result of one golden.

    ``error``: relative to the largest reference magnitude. ``state``: pass, fail or skipped.
    """

    name: str
    state: str
    error: float | None
    reason: str = ""


def draw(seed: int, shape: Sequence[int], dist: str = "uniform", scale: float = 1.0) -> Tensor:
    """Draw a float32 tensor from NumPy's legacy generator: uniform in 0..1 or standard normal, times ``scale``."""
    rng = np.random.RandomState(seed)
    values = rng.uniform(0.0, 1.0, shape) if dist == "uniform" else rng.standard_normal(shape)
    return torch.from_numpy((scale * values).astype(np.float32))


def filled(key: str, like: Tensor) -> Tensor:
    """Return the weight of a state-dict entry, a function of its key and shape; counters become zero."""
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


def filled_state(network: torch.nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """Return a state dict of the network with :func:`filled` weights, ``prefix`` before every key."""
    return {f"{prefix}{key}": filled(key, value) for key, value in network.state_dict().items()}


def prepare(network: torch.nn.Module, golden: Golden) -> torch.nn.Module:
    """Return the network in evaluation mode with the golden's weights, and its ``config.output_scale`` applied.

    Factors on the outputs of named modules keep random weights from saturating deep networks. Raises ValueError where
    keys, shapes or ``config.params`` (the number of parameters) differ.
    """
    state, config = network.state_dict(), golden.meta["config"]
    count = sum(value.numel() for value in network.parameters())
    if count != config.get("params", count):
        raise ValueError(f"{count} parameters, the golden has {config['params']}")
    expected = {key: list(shape) for key, shape, _ in golden.meta["state"]}
    shapes = {key: list(value.shape) for key, value in state.items()}
    if expected != shapes:
        differing = sorted(k for k in expected.keys() | shapes.keys() if expected.get(k) != shapes.get(k))
        raise ValueError(f"{len(differing)} state-dict entries differ: {', '.join(differing[:4])}")
    network.load_state_dict(filled_state(network))
    for name, factor in config.get("output_scale", {}).items():
        network.get_submodule(name).register_forward_hook(_scaled_by(factor))
    return network.to(golden.dtype).eval()


def _scaled_by(factor: float) -> Callable[[torch.nn.Module, Any, Tensor], Tensor]:
    return lambda _module, _inputs, output: output * factor


def difference(golden: Golden, outputs: Outputs) -> float:
    """Return the largest error of all outputs, each relative to its largest reference magnitude.

    Errors of a golden with ``atol`` are absolute. Raises ValueError for outputs that are missing or misshapen.
    """
    worst, reference = 0.0, golden.reference()
    for key, form in golden.meta["outputs"].items():
        if key not in outputs or outputs[key] is None:
            raise ValueError(f"output {key} is missing")
        value = np.asarray(outputs[key].detach().cpu() if isinstance(outputs[key], Tensor) else outputs[key])
        if list(value.shape) != list(form["shape"]):
            raise ValueError(f"output {key} is {list(value.shape)}, the golden {form['shape']}")
        got = value.ravel()[:: form["stride"]].astype(np.float64)
        golden.compared[key] = got
        error = float(np.abs(got - reference[key]).max(initial=0)) / _scale(golden, reference[key])
        worst = max(worst, error if np.isfinite(error) else float("inf"))
    return worst


def _scale(golden: Golden, want: NDArray[Any]) -> float:
    """Return the magnitude to which errors of an output are relative."""
    return 1.0 if "atol" in golden.meta else max(1e-12, float(np.abs(want).max(initial=0)))


def find(folders: Sequence[Path]) -> Iterator[Golden]:
    """Yield all goldens below the folders, sorted; any JSON file counts as one."""
    for folder in folders:
        paths = [folder] if folder.suffix == ".json" else sorted(folder.rglob("*.json"))
        for path in paths:
            yield Golden(path, json.loads(path.read_text(encoding="utf-8")))


def default_rows() -> str:
    """Return the name of the repository's module of rows, importable from now on.

    It is looked for beside the package and in the working directory. Raises UsageError where neither is a clone.
    """
    file = Path(*ROWS.split(".")).with_suffix(".py")
    roots = [root for root in (Path(__file__).resolve().parents[2], Path.cwd()) if (root / file).is_file()]
    if not roots:
        raise UsageError(
            f"the rows of the bundled networks ({ROWS}) are not part of the package: run this in a clone of the "
            "repository, or name a module of rows (--rows)"
        )
    if str(roots[0]) not in sys.path:
        sys.path.insert(0, str(roots[0]))
    return ROWS


def judge(golden: Golden, rtol: float, rows: str | None = None) -> GoldenVerdict:
    """Run one golden.

    A tolerance of its own (``rtol``, ``atol``), then one of its row, take precedence over the argument. An error above
    the tolerance passes only where the computation itself says that rounding makes it, on this processor or on that of
    the reference (:mod:`gazenet.testing.rounding`).

    Args:
        golden: the one to run.
        rtol: the largest relative error.
        rows: a module with a function ``runner_of(golden)``; None: the repository's.
    """
    golden = replace(golden, compared={})
    try:
        runner = import_object(f"{rows or default_rows()}:runner_of")(golden)
        limit = _limit(golden.meta, rtol if runner.limit is None else runner.limit)
        with torch.no_grad():
            error = runner.run(golden)
    except GoldenSkipped as reason:
        return GoldenVerdict(golden.name, "skipped", None, str(reason))
    except Exception as fault:
        return GoldenVerdict(golden.name, "fail", None, f"{type(fault).__name__}: {fault}")
    if error <= limit:
        return GoldenVerdict(golden.name, "pass", error)
    explanation = _explanation(golden, runner.run, limit)
    reasons = "; ".join(text for text in (f"> {limit:g}", str(explanation or "")) if text)
    passed = explanation is not None and not explanation.fault
    return GoldenVerdict(golden.name, "pass" if passed else "fail", error, reasons)


def _explanation(golden: Golden, run: Callable[[Golden], float], limit: float) -> Explanation | None:
    """Return what rounding explains of an error; None where no output can be computed in double precision."""
    reference = golden.reference() if golden.compared else {}
    if not golden.compared or not all(np.isfinite(value).all() for value in golden.compared.values()):
        return None

    def compute() -> dict[str, NDArray[np.float64]]:
        doubled = replace(golden, dtype=torch.float64, compared={})
        run(doubled)
        return doubled.compared

    scales = {key: _scale(golden, reference[key]) for key in golden.compared}
    single = (golden.compared, {key: reference[key].astype(np.float64) for key in golden.compared})
    try:
        with torch.no_grad():
            return explain(compute, single, scales, limit)
    except Exception as fault:
        return Explanation(f"not comparable in double precision: {type(fault).__name__}: {fault}", 0.0, 0, 0)


def _limit(meta: Mapping[str, Any], otherwise: float) -> float:
    own = (meta.get("rtol"), meta.get("config", {}).get("rtol"), meta.get("atol"), otherwise)
    return float(next(value for value in own if value is not None))


def main(argv: Sequence[str] | None = None) -> int:
    """Print name, relative error and verdict of every golden.

    Returns 1 if any failed or there was none, 2 if a folder or the rows are missing.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gazenet.testing.goldens",
        description="Compare networks and functions with golden vectors.",
        epilog="example: python -m gazenet.testing.goldens tests/data/goldens --rtol 1e-4",
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="folder (searched below) or .json")
    parser.add_argument("--rtol", type=float, default=1e-4, help="largest relative error (default 1e-4)")
    parser.add_argument("--rows", metavar="MODULE", help=f"module with runner_of() (default {ROWS} of the clone)")
    options = parser.parse_args(argv)
    missing = [str(folder) for folder in options.folders if not folder.exists()]
    try:
        if missing:
            raise UsageError(f"no such folder: {', '.join(missing)}")
        rows = options.rows or default_rows()
        import_module(rows)
    except (UsageError, ImportError) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    counts = {"pass": 0, "fail": 0, "skipped": 0}
    for golden in find(options.folders):
        verdict = judge(golden, options.rtol, rows)
        counts[verdict.state] += 1
        error = "-" if verdict.error is None else f"{verdict.error:.2e}"
        print(f"{verdict.state:8}{error:>10}  {verdict.name}  {verdict.reason}".rstrip(), flush=True)
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    return 1 if counts["fail"] or not sum(counts.values()) else 0


if __name__ == "__main__":
    # As a command this file is loaded twice; runners raise the GoldenSkipped of the second one.
    from gazenet.testing import goldens

    sys.exit(goldens.main())
