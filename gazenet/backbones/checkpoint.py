"""State dicts in published containers: read without running code, unwrapped, compared with the network by name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from gazenet.backbones.signatures import belongs
from gazenet.errors import UsageError

PREFIXES = ("module.", "model.", "network.")
WRAPPERS = ("state_dict", "model_state_dict")


def load_published(
    network: nn.Module,
    path: str | Path,
    prefixes: Sequence[str] = PREFIXES,
    wrappers: Sequence[str] = WRAPPERS,
) -> None:
    """Loads a published checkpoint saved anywhere (any device, any wrapper) into a network of the same keys.

    Raises UsageError naming the file and the first missing, unexpected or misshapen keys.
    """
    network.load_state_dict(checked_state(network, read_state(path, prefixes, wrappers), path))


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


def read_state(
    path: str | Path, prefixes: Sequence[str] = PREFIXES, wrappers: Sequence[str] = WRAPPERS
) -> dict[str, Tensor]:
    """The tensors of a checkpoint by key; wrappers around the state dict and prefixes are removed.

    A ``.safetensors`` file is taken as it is. Raises UsageError for files that are missing, damaged, hold code, or
    hold no state dict.
    """
    if Path(path).suffix == ".safetensors":
        return _safetensors(path)
    content = _unpickled(path)
    for wrapper in wrappers:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UsageError(f"{path}: holds no state dict")
    return {_without_prefix(str(key), prefixes): value for key, value in content.items()}


def _safetensors(path: str | Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except Exception as error:
        raise UsageError(f"{path}: not a readable checkpoint ({first_line(error)}); download it again") from None


def _unpickled(path: str | Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that were never written by torch
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None
    except OSError as error:
        raise UsageError(f"{path}: not a readable checkpoint ({error.strerror or error})") from None
    except Exception as error:
        raise UsageError(f"{path}: not a readable checkpoint ({_unread(error)}") from None


def _unread(error: Exception) -> str:
    """Cause and remedy in a few words: what torch says fills a page and advises to run code from the file."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    if found is None:
        return "damaged, or not written by torch.save); download it again"
    return f"it asks for {found[1]}, and code in files is never run); save the network's state_dict() instead"


def _without_prefix(key: str, prefixes: Sequence[str]) -> str:
    for prefix in prefixes:
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
        raise UsageError(f"{path}: is not a checkpoint of {type(network).__name__}{belongs(state, wanted)}: {told}")
    return {key: value.to(wanted[key].dtype) for key, value in state.items()}


def first_line(error: Exception) -> str:
    """The first line of an error's message, shortened, or its type."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160]
