"""Weights in and out: published ``last_model.pt`` files, and our own safetensors that describe themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gazenet.errors import UsageError
from gazenet.files import atomic_path
from gazenet.fusion.config import GaspConfig
from gazenet.fusion.gasp import Gasp, build
from gazenet.fusion.recognise import recognise
from gazenet.fusion.spec import IntegratorSpec

PREFIXES = ("module.", "model.", "network.")


def load_published(network: nn.Module, path: str | Path) -> None:
    """Loads a bare state dict (``last_model.pt``) saved anywhere, without running code from it.

    Raises UsageError naming the file and the first missing, unexpected or misshapen keys.
    """
    network.load_state_dict(checked_state(network, read_state(path), path))


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by key; wrappers around the state dict and prefixes are removed."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except Exception as error:
        raise UsageError(f"{path}: not a readable checkpoint ({_first_line(error)}); download it again") from None
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UsageError(f"{path}: holds no state dict")
    return {_without_prefix(str(key)): value for key, value in content.items()}


def _without_prefix(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key


def checked_state(network: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """The state, if keys and shapes are exactly those of the network. Raises UsageError naming what differs."""
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state]
    unexpected = [key for key in state if key not in wanted]
    shapes = [key for key in wanted if key in state and state[key].shape != wanted[key].shape]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    told = "; ".join(f"{len(keys)} keys {what} ({', '.join(keys[:3])})" for what, keys in faults.items() if keys)
    if told:
        raise UsageError(f"{path}: is not a checkpoint of this network: {told}")
    return {key: value.to(wanted[key].dtype) for key, value in state.items()}


def save_integrator(path: str | Path, network: Gasp, spec: IntegratorSpec, facts: Mapping[str, Any]) -> None:
    """Writes float16 weights whose header holds the network's config, the spec and ``facts`` (command, scores)."""
    from safetensors.torch import save_file

    tensors = {k: _stored(v) for k, v in network.state_dict().items()}
    header = {
        "config": json.dumps(network.config.as_dict()),
        "spec": spec.model_dump_json(),
        "facts": json.dumps(dict(facts)),
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=header)


def _stored(value: Tensor) -> Tensor:
    return (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()


def open_integrator(
    path: str | Path, declared: IntegratorSpec | None = None
) -> tuple[Gasp, IntegratorSpec, dict[str, Any]]:
    """The network (evaluation mode, CPU), its spec and the facts of a file by :func:`save_integrator`.

    Published checkpoints (``last_model.pt``) say nothing of their cues: ``declared`` does, and the network is
    recognised by its keys. Raises UsageError in one line for files that are missing, damaged or of something else.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such integrator file")
    if path.suffix != ".safetensors":
        return _open_published(path, declared)
    header, tensors = _read_safetensors(path)
    try:
        network = build(GaspConfig.from_dict(json.loads(header["config"])))
        spec, facts = IntegratorSpec.model_validate_json(header["spec"]), json.loads(header.get("facts", "{}"))
    except KeyError as error:
        raise UsageError(f"{path}: not an integrator file (its header has no {error})") from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: not an integrator file ({_first_line(error)})") from None
    network.load_state_dict(checked_state(network, tensors, path))
    return network.eval(), spec, facts


def _open_published(path: Path, declared: IntegratorSpec | None) -> tuple[Gasp, IntegratorSpec, dict[str, Any]]:
    if declared is None:
        raise UsageError(f"{path}: holds weights only; name the IntegratorSpec that declares its cues instead")
    state = read_state(path)
    try:
        network = build(recognise(state, len(declared.cues)))
    except ValueError as error:
        raise UsageError(f"{path}: is not a checkpoint of the GASP family ({error})") from None
    network.load_state_dict(checked_state(network, state, path))
    return network.eval(), declared, {}


def _read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path}: not an integrator file ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
