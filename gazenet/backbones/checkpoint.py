"""Checkpoints of networks: read without running code, unwrapped, compared with the network by name and shape.

Plugins and integrators load all weights through this module. :mod:`gazenet.backbones.file_formats` recognises files by
their content, :mod:`gazenet.backbones.safe_pickle` lists what may stand beside the weights, and
:mod:`gazenet.backbones.state_dict` finds the state dict and the prefixes of its keys.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from gazenet.backbones.file_formats import is_safetensors, other_format
from gazenet.backbones.identify import belongs
from gazenet.backbones.safe_pickle import RefusedName, load_other_forms, plain_values
from gazenet.backbones.state_dict import BATCHES, aligned, is_wrapper, joined_parts, matched, plain_keys, state_dicts
from gazenet.errors import UsageError

_LOG = logging.getLogger(__name__)
Network = TypeVar("Network", bound=nn.Module)


def load_published(network: Network, path: str | Path) -> Network:
    """Load a published checkpoint (saved on any device, in any wrapper) into a network of the same keys; return it.

    Of several state dicts in a file, the one that fits the network is loaded. Raises UsageError that names the file
    and the first missing, unexpected or misshapen keys.
    """
    content, own = read_content(path), network.state_dict()
    for state in (*state_dicts(content).values(), joined_parts(content)):
        fitting = matched(state, own) or matched(plain_keys(state), own)
        if fitting is not None:
            return load_state(network, fitting, path)
    return load_state(network, state_in(content, path), path)


def load_state(network: Network, state: Mapping[str, Tensor], path: str | Path, assign: bool = False) -> Network:
    """Load the state dict of a file into a network and return it. Raises UsageError as :func:`checked_state` does.

    ``assign``: take the tensors of the file as they are, for a network without memory of its own.
    """
    network.load_state_dict(checked_state(network, state, path), assign=assign)
    return network


def file_in(path: str | Path, *names: str) -> Path:
    """Return the path, or for a folder the first of the named files in it (names may lead into subfolders).

    Raises UsageError for a folder with none of them.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    file = next((path / name for name in names if (path / name).is_file()), None)
    if file is None:
        raise UsageError(f"{path}: contains no {' or '.join(names)}; name the file itself")
    return file


def folder_of(path: str | Path) -> Path:
    """Return the folder of weights that consist of several files; ``path`` is the folder or one of the files."""
    path = Path(path)
    return path.parent if path.is_file() else path


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by key, without wrappers around the state dict and prefixes of keys.

    Raises UsageError for files that are missing, damaged, of another format, contain code, or no state dict.
    """
    return state_in(read_content(path), path)


def read_content(path: str | Path) -> object:
    """Return the content of a checkpoint, without running code: tensors on the CPU and plain values.

    Values of Python classes (command lines, dates, paths, NumPy numbers) become stand-ins. A safetensors file gives
    its tensors by key, whatever its suffix. Raises UsageError as :func:`read_state` does.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; name the file with the weights")
        if is_safetensors(path):
            return _safetensors(path)
        foreign = other_format(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: not a readable checkpoint ({error.strerror or error})") from None
    if foreign is not None:
        raise UsageError(f"{path}: not a readable checkpoint ({foreign[0]}); {foreign[1]}")
    return _unpickled(path)


def state_in(content: object, path: str | Path) -> dict[str, Tensor]:
    """Return the state dict in the content of a checkpoint.

    Raises UsageError if there is none, or no likeliest one.
    """
    states = state_dicts(content)
    if not states:
        raise UsageError(f"{path}: contains no state dict")
    place = next(iter(states))
    if len(states) > 1:
        if not is_wrapper(place):
            raise UsageError(f"{path}: contains several state dicts ({', '.join(states)}); save only the one to load")
        ignored = ", ".join(name for name in states if name != place)
        _LOG.warning("%s: contains several state dicts: loading %s, ignoring %s", path, place, ignored)
    return plain_keys(states[place])


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
    """Return cause and remedy in a few words: the text of torch fills a page and advises to run code from the file."""
    refused = re.search(r"GLOBAL (\S+)", str(error))
    if refused is None:
        return "damaged, or not written by torch.save); download it again"
    return _asks_for(refused[1])


def _asks_for(name: str) -> str:
    return f"it asks for {name}, and code in files is never run); save the network's state_dict() instead"


def checked_state(network: nn.Module, state: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """Return the state under the keys and in the types of the network, whose keys and shapes it must have.

    A common prefix of all keys may differ, and counters of batch norms may be absent. Raises UsageError that names
    the differences, or the weights that are NaN.
    """
    own = network.state_dict()
    state = aligned(state, own)
    for key, value in own.items():
        if key not in state and key.rpartition(".")[2] == BATCHES:
            state[key] = torch.zeros(value.shape, dtype=value.dtype)
    missing = [key for key in own if key not in state]
    unexpected = [key for key in state if key not in own]
    both = [key for key in own if key in state]
    shapes = [key for key in both if not _fits(state[key], own[key])]
    kinds = [key for key in both if own[key].is_floating_point() and not state[key].is_floating_point()]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": shapes, "of another type": kinds}
    differences = "; ".join(
        f"{len(keys)} keys {what} ({', '.join(keys[:3])})" for what, keys in faults.items() if keys
    )
    if differences:
        raise UsageError(
            f"{path}: is not a checkpoint of {type(network).__name__}{belongs(state, own)}: {differences}"
        )
    undefined = [
        key
        for key, value in state.items()
        if value.is_floating_point() and not value.is_meta and bool(value.isnan().any())
    ]
    if undefined:
        raise UsageError(f"{path}: {len(undefined)} keys contain NaN ({', '.join(undefined[:3])})")
    return {key: value.to_dense().to(own[key].dtype).view(own[key].shape) for key, value in state.items()}


def _fits(value: Tensor, own: Tensor) -> bool:
    return value.shape == own.shape or (value.numel() == own.numel() == 1 and not own.is_floating_point())


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, shortened, or its type."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
