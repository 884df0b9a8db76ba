"""Small networks and files of weights as trainings leave them."""

from __future__ import annotations

import collections
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def small() -> nn.Module:
    """A convolution, a batch norm and a part with a name of its own."""
    torch.manual_seed(0)
    parts = {"conv": nn.Conv2d(3, 4, 3), "bn": nn.BatchNorm2d(4), "head": nn.Sequential(nn.Conv2d(4, 2, 1))}
    return nn.Sequential(collections.OrderedDict(parts)).eval()


def fresh() -> nn.Module:
    """The same network with other weights."""
    network = small()
    with torch.no_grad():
        for value in network.parameters():
            value.add_(1)
    return network


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


def save_as_tar(state: dict[str, Tensor], path: Path) -> None:
    """Writes the container of torch 0.1: a tar of storages, tensors and a pickle that refers to them."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return str(id(value)) if isinstance(value, Tensor) else None

    values = [value.contiguous().float() for value in state.values()]
    storages, tensors, main = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pickle.dump(len(values), storages, protocol=2)
    pickle.dump(len(values), tensors, protocol=2)
    for value in values:
        key = id(value)
        storages.write(_with_class(("K", "cpu", "C"), key, b"ctorch\nFloatStorage\n"))
        storages.write(struct.pack("<q", value.numel()) + value.numpy().tobytes())
        tensors.write(_with_class(("K", "S", "C"), key, b"ctorch\nFloatTensor\n", key + 1_000_000))
        tensors.write(struct.pack("<i", value.ndim) + bytes(4))
        tensors.write(struct.pack(f"<{value.ndim}q", *value.shape) + struct.pack(f"<{value.ndim}q", *value.stride()))
        tensors.write(struct.pack("<q", 0))
    pickle.dump([], storages, protocol=2)
    pickler = Pickler(main, protocol=2)
    pickler.dump(collections.OrderedDict(zip(state, values, strict=True)))
    with tarfile.open(path, "w:") as archive:
        for name, content in (("sys_info", b""), ("pickle", main.getvalue()), ("tensors", tensors.getvalue())):
            _add(archive, name, content)
        _add(archive, "storages", storages.getvalue())


def _with_class(parts: tuple[str, ...], key: int, name: bytes, second: int = 0) -> bytes:
    """A pickled tuple of a key, a device or the storage's key, and a class, which is only named."""
    raise NotImplementedError


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))
