"""The state dict inside a checkpoint: wrappers around it, prefixes of its keys, counters among its weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from torch import Tensor

from gazenet.backbones.safe_pickle import ArrayStub

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "net_state_dict",
    "network_state_dict",
    "model_state",
    "model_weights",
    "params_ema",
    "ema",
    "ema_state_dict",
    "model_ema",
    "state_dict_ema",
)
"""Members of a file that may hold the weights, in order of preference; averaged weights come last."""
PREFIXES = ("module.", "model.", "network.", "net.")
"""Prefixes that wrappers put in front of every key; removed however often they occur."""
_INSIDE = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""Prefixes that compiling and sharding put before the keys of any part of a network."""
_COUNTERS = frozenset({"total_ops", "total_params"})
"""Entries that profilers leave anywhere in a network."""
_BESIDE = frozenset({"n_averaged", "epoch", "epochs", "step", "global_step", "iteration", "iter", "best_score"})
"""Scalars among the weights that are not weights."""
_NOT_WEIGHTS = re.compile(r"optim|sched|scaler|(^|_)lr|loss|criterion|grad|history|metric", re.IGNORECASE)
_DEPTH = 4
BATCHES = "num_batches_tracked"
"""The counter of a batch norm: absent before torch 0.4.1, and irrelevant for inference."""

State = dict[str, Tensor]


def state_dicts(content: object) -> dict[str, State]:
    """Return every state dict in the content of a checkpoint by its place (``model.state_dict``), the likeliest first.

    State dicts may be bare, in the wrappers of trainings, and in lists.
    """
    return dict(_search(content, "", _DEPTH))


def joined_parts(content: object) -> State:
    """Join the parts of a network that are stored in separate dictionaries; empty if the content is anything else."""
    return _flattened(content, "", _DEPTH)


def is_wrapper(place: str) -> bool:
    """Return whether trainings keep weights under the name of this place in a checkpoint."""
    return place.rpartition(".")[2] in WRAPPERS


def _search(content: object, place: str, depth: int) -> Iterator[tuple[str, State]]:
    state = _bare(content)
    if state:
        yield place, state
        return
    if not depth:
        return
    if isinstance(content, list | tuple):
        for number, item in enumerate(content[:8]):
            if isinstance(item, Mapping | list | tuple):
                yield from _search(item, f"{place}[{number}]", depth - 1)
        return
    if not isinstance(content, Mapping):
        return
    named = [key for key in WRAPPERS if key in content]
    candidates = [key for key in content if isinstance(key, str) and key not in named and not _NOT_WEIGHTS.search(key)]
    for key in [*named, *candidates]:
        if key in named or _looks_like_weights(content[key]):
            yield from _search(content[key], f"{place}.{key}" if place else str(key), depth - 1)


def _looks_like_weights(value: object) -> bool:
    return isinstance(value, Mapping) and any(
        isinstance(key, str) and re.search(r"(weight|bias)$", key) and _tensor(item) is not None
        for key, item in value.items()
    )


def _bare(content: object) -> State | None:
    """Return the tensors of a mapping that is a state dict, without the plain values among them; else None."""
    if not isinstance(content, Mapping) or not content:
        return None
    state: State = {}
    for key, value in content.items():
        tensor = _tensor(value) if isinstance(key, str) else None
        if tensor is not None:
            state[key] = tensor
        elif _holds_more(value) and not _is_extra(key):
            return None
    weights = [key for key in state if key not in _BESIDE and not key.startswith("best")]
    return state if weights else None


def _holds_more(value: object) -> bool:
    """Return whether a value may contain weights."""
    if isinstance(value, list | tuple):
        return any(isinstance(item, Mapping | Tensor) for item in value)
    return isinstance(value, Mapping)


def _is_extra(key: object) -> bool:
    return isinstance(key, str) and (
        key == "_metadata" or key.rpartition(".")[2] == "_extra_state" or _NOT_WEIGHTS.search(key) is not None
    )


def _tensor(value: object) -> Tensor | None:
    if isinstance(value, ArrayStub):
        return value.tensor()
    return value.data if isinstance(value, Tensor) else None


def _flattened(content: object, place: str, depth: int) -> State:
    """Flatten nested dictionaries to one state dict; empty if a leaf is not a tensor."""
    if not isinstance(content, Mapping) or not depth:
        return {}
    state: State = {}
    for key, value in content.items():
        tensor, name = _tensor(value), f"{place}{key}"
        inside = {name: tensor} if tensor is not None else _flattened(value, f"{name}.", depth - 1)
        if not inside:
            return {}
        state |= inside
    return state


def plain_keys(state: Mapping[str, Tensor]) -> State:
    """Return a state dict without the prefixes of wrappers and without the entries of profilers.

    Keys stay unchanged if two would become equal.
    """
    entries = {key: value for key, value in state.items() if key.rpartition(".")[2] not in _COUNTERS}
    single = {key for key, value in entries.items() if key in _BESIDE and value.ndim == 0}
    weights = {key: value for key, value in entries.items() if key not in single}
    renamed = _renamed(weights, lambda key: _INSIDE.sub("", key))
    while True:
        shorter = _renamed(renamed, _without)
        if shorter.keys() == renamed.keys():
            return renamed
        renamed = shorter


def _renamed(state: State, rename: Callable[[str], str]) -> State:
    renamed = {rename(key): value for key, value in state.items()}
    return renamed if len(renamed) == len(state) and "" not in renamed else state


def _without(key: str) -> str:
    return next((key.removeprefix(prefix) for prefix in PREFIXES if key.startswith(prefix)), key)


def aligned(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> State:
    """Return the state under the keys of the network as :func:`matched` does, or unchanged if they do not match."""
    renamed = matched(state, own)
    return dict(state) if renamed is None else renamed


def matched(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> State | None:
    """Return the state under the keys of a network if they differ only in a prefix of all keys; else None.

    Either side may have a prefix; ``module.`` may also occur inside, before a part that ran on several GPUs. Counters
    of batch norms are ignored: those that the network does not have are dropped.
    """
    moved = _moved(dict(state), own)
    return moved if moved is not None else _moved(_renamed(dict(state), _without_inner), own)


def _without_inner(key: str) -> str:
    return key.replace(".module.", ".")


def _moved(state: State, own: Mapping[str, Tensor]) -> State | None:
    ours, theirs = _weights(own), _weights(state)
    if ours == theirs:
        return _counted(state, own)
    for theirs_prefix in _beginnings(theirs):
        bare = {key[len(theirs_prefix) :] for key in theirs}
        for own_prefix in _beginnings(ours):
            if {own_prefix + key for key in bare} == ours:
                return _counted({own_prefix + key[len(theirs_prefix) :]: value for key, value in state.items()}, own)
    return None


def _weights(keys: Mapping[str, Tensor]) -> set[str]:
    return {key for key in keys if key.rpartition(".")[2] != BATCHES}


def _counted(state: State, own: Mapping[str, Tensor]) -> State:
    return {key: value for key, value in state.items() if key in own or key.rpartition(".")[2] != BATCHES}


def _beginnings(keys: set[str]) -> list[str]:
    """List the common prefixes of all keys that end between names, shortest first, beginning with the empty one."""
    first, last = min(keys, default=""), max(keys, default="")
    same = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    common = first[:same]
    return ["", *(common[: place + 1] for place, letter in enumerate(common) if letter == ".")]
