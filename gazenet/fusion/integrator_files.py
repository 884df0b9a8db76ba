"""Weights in and out: published ``last_model.pt`` files, and our own safetensors that describe themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from gazenet.backbones.checkpoint import first_line, load_state, read_content, state_in
from gazenet.backbones.file_formats import is_safetensors, other_format
from gazenet.backbones.identify import belongs
from gazenet.errors import UsageError
from gazenet.files import atomic_write
from gazenet.fusion.gasp import Gasp, build
from gazenet.fusion.gasp_config import GaspConfig
from gazenet.fusion.gasp_spec import GaspSpec
from gazenet.fusion.identify_variant import recognise

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt")
"""What files of integrators end in."""
BARE, DESCRIBED = "last_model.pt", "integrator.safetensors"
"""The weights alone, as published; and, beside them, the file of a training that describes itself."""
NETWORK, SPEC = "network", "spec"
"""Keys under which a checkpoint of a training holds its network's config and its integrator's declaration (JSON)."""


def save_integrator(path: str | Path, network: Gasp, spec: GaspSpec, facts: Mapping[str, Any]) -> None:
    """Writes float16 weights whose header holds the network's config, the spec and ``facts`` (command, scores)."""
    from safetensors.torch import save

    tensors = {k: _stored(v) for k, v in network.state_dict().items()}
    header = {
        "config": json.dumps(network.config.as_dict()),
        "spec": spec.model_dump_json(),
        "facts": json.dumps(dict(facts)),
    }
    # Not save_file: what it makes only its owner may read, and a run may be anybody's.
    with atomic_write(path) as file:
        file.write(_in_order(save(tensors, metadata=header)))


def _in_order(data: bytes) -> bytes:
    """A safetensors file with its metadata by name: the library writes them in another order in every process."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)  # The numbers behind it stay aligned.
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def _stored(value: Tensor) -> Tensor:
    return (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()


def open_integrator(path: str | Path, declared: GaspSpec | None = None) -> tuple[Gasp, GaspSpec, dict[str, Any]]:
    """The network (evaluation mode, CPU), its spec and the facts of a file by :func:`save_integrator`.

    Checkpoints of a training hold the declaration too. Published ones (``last_model.pt``) say nothing of their cues:
    ``declared`` does, and the network is recognised by its keys. Raises UsageError in one line for files that are
    missing, damaged or of something else.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such integrator file")
    if not _describes_itself(path, declared):
        return _open_published(path, declared)
    header, tensors = _read_safetensors(path)
    try:
        network = build(GaspConfig.from_dict(json.loads(header["config"])))
        spec, facts = GaspSpec.model_validate_json(header["spec"]), json.loads(header.get("facts", "{}"))
    except KeyError as error:
        raise UsageError(f"{path}: not an integrator file (its header has no {error})") from None
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: not an integrator file ({first_line(error)})") from None
    return load_state(network, tensors, path).eval(), spec, facts


def _describes_itself(path: Path, declared: GaspSpec | None) -> bool:
    """Return whether a file is, or is called, one by :func:`save_integrator`. Raises UsageError for other formats.

    By content: weights of safetensors without a description are as good as others where they are ``declared``.
    """
    try:
        if is_safetensors(path):
            return declared is None or "config" in _read_safetensors(path)[0]
        other = other_format(path)
    except OSError as error:
        raise UsageError(f"{path}: not an integrator file ({error.strerror or error})") from None
    if path.suffix == ".safetensors" and other is not None:
        raise UsageError(f"{path}: not an integrator file ({other[0]}); {other[1]}")
    return False


def _open_published(path: Path, declared: GaspSpec | None) -> tuple[Gasp, GaspSpec, dict[str, Any]]:
    content = read_content(path)
    state = state_in(content, path)
    config, stored = _described(content, path)
    spec = declared or stored
    if spec is None:
        beside = path.with_name(DESCRIBED)
        instead = str(beside) if beside.is_file() else f"the {DESCRIBED} of its training"
        raise UsageError(
            f"{path}: holds weights only, not their cues; name {instead}, or an installed integrator with these as "
            "its parameters.weights"
        )
    try:
        network = build(config or recognise(state, len(spec.cues)))
    except ValueError as error:
        raise UsageError(f"{path}: is not a checkpoint of the GASP family{belongs(state)} ({error})") from None
    return load_state(network, state, path).eval(), spec, {}


def _described(content: object, path: Path) -> tuple[GaspConfig | None, GaspSpec | None]:
    """Network and declaration in a checkpoint of a training; None where it does not say. Raises UsageError."""
    network, spec = (content.get(key) if isinstance(content, Mapping) else None for key in (NETWORK, SPEC))
    try:
        config = GaspConfig.from_dict(network) if isinstance(network, dict) else None
        return config, GaspSpec.model_validate_json(spec) if isinstance(spec, str) else None
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: its description cannot be read ({first_line(error)})") from None


def _read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path}: not an integrator file ({first_line(error)})") from None
