"""Checkpoints of networks: read without running code, unwrapped, compared with the network by name and shape.

The one way from a file of weights into a network, for plugins and integrators. What a file is is told by its content
(:mod:`gazenet.backbones.file_formats`), what may stand beside the weights by :mod:`gazenet.backbones.safe_pickle`,
where the state dict is and what its keys begin with by :mod:`gazenet.backbones.state_dict`.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from gazenet.backbones.file_formats import is_safetensors, other_format
from gazenet.backbones.identify import belongs
from gazenet.backbones.safe_pickle import RefusedName, load_other_forms, plain_values
from gazenet.backbones.state_dict import BATCHES, aligned, is_wrapper, joined_parts, matched, plain_keys, state_dicts
from gazenet.errors import UsageError

_LOG = logging.getLogger(__name__)


def load_published(network: nn.Module, path: str | Path) -> None:
    """Loads a published checkpoint saved anywhere (any device, any wrapper) into a network of the same keys.

    Where a file holds several state dicts, the one that fits the network is taken. Raises UsageError naming the file
    and the first missing, unexpected or misshapen keys.
    """
    content, wanted = read_content(path), network.state_dict()
    for state in (*state_dicts(content).values(), joined_parts(content)):
        fitting = matched(state, wanted) or matched(plain_keys(state), wanted)
        if fitting is not None:
            network.load_state_dict(checked_state(network, fitting, path))
            return
    network.load_state_dict(checked_state(network, state_in(content, path), path))


def file_in(path: str | Path, *names: str) -> Path:
    """The path itself, or, of a folder, the first of the named files that it holds (names may lead into folders).

    Raises UsageError for a folder that holds none of them.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    found = next((path / name for name in names if (path / name).is_file()), None)
    if found is None:
        raise UsageError(f"{path}: holds no {' or '.join(names)}; name the file itself")
    return found


def folder_of(path: str | Path) -> Path:
    """The folder of weights in several files, of which the path may be one."""
    path = Path(path)
    return path.parent if path.is_file() else path


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by key; wrappers around the state dict and prefixes are removed.

    Raises UsageError for files that are missing, damaged, something else, hold code, or hold no state dict.
    """
    return state_in(read_content(path), path)


def read_content(path: str | Path) -> object:
    """All that a checkpoint holds, without running code: tensors on the CPU, plain values.

    Of values that only Python classes could hold (command lines, dates, paths, NumPy numbers) stand-ins are left. A
    safetensors file is its tensors by key, whatever its name ends in. Raises UsageError as :func:`read_state` does.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; name the file with the weights")
        if is_safetensors(path):
            return _safetensors(path)
        other = other_format(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: not a readable checkpoint ({error.strerror or error})") from None
    if other is not None:
        raise UsageError(f"{path}: not a readable checkpoint ({other[0]}); {other[1]}")
    return _unpickled(path)


def state_in(content: object, path: str | Path) -> dict[str, Tensor]:
    """The state dict in the content of a checkpoint. Raises UsageError where there is none, or no likeliest one."""
    found = state_dicts(content)
    if not found:
        raise UsageError(f"{path}: holds no state dict")
    place = next(iter(found))
    if len(found) > 1:
        if not is_wrapper(place):
            raise UsageError(f"{path}: holds several state dicts ({', '.join(found)}); save the wanted one alone")
        rest = ", ".join(name for name in found if name != place)
        _LOG.warning("%s: holds several state dicts: %s is taken, not %s", path, place, rest)
    return plain_keys(found[place])


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:
        raise UsageError(f"{path}: not a readable checkpoint ({first_line(error)}); download it again") from None


def _unpickled(path: Path) -> object:
    try:
        with plain_values(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that were never written by torch
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path}: not a readable checkpoint ({error.strerror or error})") from None
    except Exception as first:
        try:
            return load_other_forms(path)
        except RefusedName as refused:
            name = refused.name
        except Exception:
            raise UsageError(f"{path}: not a readable checkpoint ({_unread(first)}") from None
    raise UsageError(f"{path}: not a readable checkpoint ({_asks_for(name)}")


def _unread(error: Exception) -> str:
    """Cause and remedy in a few words: what torch says fills a page and advises to run code from the file."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    if found is None:
        return "damaged, or not written by torch.save); download it again"
    return _asks_for(found[1])


def _asks_for(name: str) -> str:
    return f"it asks for {name}, and code in files is never run); save the network's state_dict() instead"


def checked_state(network: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """The state under the network's keys and in its types, if keys and shapes are exactly those of the network.

    What stands before all keys may differ, and counters of batch norms may be absent. Raises UsageError naming what
    differs, and weights that are no numbers.
    """
    wanted = network.state_dict()
    state = aligned(state, wanted)
    for key, value in wanted.items():
        if key not in state and key.rpartition(".")[2] == BATCHES:
            state[key] = torch.zeros(value.shape, dtype=value.dtype)
    missing = [key for key in wanted if key not in state]
    unexpected = [key for key in state if key not in wanted]
    both = [key for key in wanted if key in state]
    shapes = [key for key in both if not _fits(state[key], wanted[key])]
    kinds = [key for key in both if wanted[key].is_floating_point() and not state[key].is_floating_point()]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": shapes, "of another type": kinds}
    told = "; ".join(f"{len(keys)} keys {what} ({', '.join(keys[:3])})" for what, keys in faults.items() if keys)
    if told:
        raise UsageError(f"{path}: is not a checkpoint of {type(network).__name__}{belongs(state, wanted)}: {told}")
    undefined = [
        key
        for key, value in state.items()
        if value.is_floating_point() and not value.is_meta and bool(value.isnan().any())
    ]
    if undefined:
        raise UsageError(f"{path}: {len(undefined)} keys hold values that are no numbers ({', '.join(undefined[:3])})")
    return {key: value.to_dense().to(wanted[key].dtype).view(wanted[key].shape) for key, value in state.items()}


def _fits(value: Tensor, wanted: Tensor) -> bool:
    return value.shape == wanted.shape or (value.numel() == wanted.numel() == 1 and not wanted.is_floating_point())


def first_line(error: Exception) -> str:
    """The first line of an error's message, shortened, or its type."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
