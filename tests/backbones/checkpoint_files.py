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

    values = {key: value.contiguous().float() for key, value in state.items()}
    storages, tensors, main = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pickle.dump(len(values), storages, protocol=2)
    pickle.dump(len(values), tensors, protocol=2)
    for number, value in enumerate(values.values()):
        pickle.dump((number, "cpu", torch.FloatStorage), storages, protocol=2)
        storages.write(struct.pack("<q", value.numel()) + value.numpy().tobytes())
        pickle.dump((1000 + number, number, torch.FloatTensor), tensors, protocol=2)
        tensors.write(struct.pack("<i", value.ndim) + bytes(4))
        tensors.write(struct.pack(f"<{2 * value.ndim}q", *value.shape, *value.stride()) + struct.pack("<q", 0))
    pickle.dump([], storages, protocol=2)
    keys = {id(value): str(1000 + number) for number, value in enumerate(values.values())}

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return keys[id(value)] if isinstance(value, Tensor) else None

    Pickler(main, protocol=2).dump(collections.OrderedDict(values))
    with tarfile.open(path, "w:") as archive:
        for name, content in (("pickle", main), ("tensors", tensors), ("storages", storages)):
            info = tarfile.TarInfo(name)
            info.size = len(content.getvalue())
            archive.addfile(info, io.BytesIO(content.getvalue()))
