"""A file that is something else is named for what it is, with a remedy, whatever its name ends in."""

from __future__ import annotations

import io
import json
import lzma
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gazenet.backbones.checkpoint import read_state
from gazenet.errors import UsageError

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 97781252\n"


def weights() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(100)}, buffer)
    return buffer.getvalue()


def onnx_model() -> bytes:
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    made: bytes = helper.make_model(graph, producer_name="test").SerializeToString()
    return made


def torchscript() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)), buffer)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, weights())
    return buffer.getvalue()


def tarred(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        info = tarfile.TarInfo("models/best.pth")
        info.size = len(weights())
        archive.addfile(info, io.BytesIO(weights()))
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(2))
    return buffer.getvalue()


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(2))
    return buffer.getvalue()


FILES: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "lfs": (lambda: LFS, "is a Git LFS pointer to 97.8 MB of weights", "git lfs pull"),
    "torchscript": (torchscript, "is a TorchScript program", "save the network's state_dict()"),
    "onnx": (onnx_model, "is an ONNX model", "give the checkpoint of PyTorch"),
    "html": (lambda: b"\n<!DOCTYPE html><html>Sign in</html>", "is a web page", "open the address in a browser"),
    "json": (lambda: json.dumps({"a": 1}).encode(), "is a JSON file", "give the weights"),
    "index": (lambda: b'{"metadata": {}, "weight_map": {}}', "is an index of weights in several files", "give the"),
    "text": (lambda: "404: Not Found: ä".encode(), 'is a text that begins with "404: Not Found: ä"', "again"),
    "hdf5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(600), "is an HDF5 file, as Keras", "a checkpoint of PyTorch"),
    "keras": (lambda: zipped("config.json", "model.weights.h5"), "is a Keras model", "a checkpoint of PyTorch"),
    "npz": (npz, "is a NumPy archive", "a checkpoint of PyTorch"),
    "npy": (npy, "is a NumPy array", "a checkpoint of PyTorch"),
    "zip": (lambda: zipped("models/best.pth", "README"), "is a zip archive that holds best.pth", "unpack it"),
    "tar": (lambda: tarred("w:"), "is a tar archive that holds best.pth", "unpack it"),
    "tar.gz": (lambda: tarred("w:gz"), "is a gzip archive", "unpack it"),
    "xz": (lambda: lzma.compress(weights()), "is an xz archive", "unpack it"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(60), "is a 7z archive", "unpack it"),
    "tflite": (lambda: b"\x1c\0\0\0TFL3" + bytes(600), "is a TensorFlow Lite model", "a checkpoint of PyTorch"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(60), "is a picture", "download it again"),
    "empty": (lambda: b"", "is empty", "download it again"),
    "cut": (lambda: weights()[:-100], "damaged: its end is missing", "download it again"),
    "cut in the middle": (lambda: weights()[:700], "damaged: its end is missing", "download it again"),
    "noise": (lambda: bytes(range(256)) * 20, "damaged, or not written by torch.save", "download it again"),
    "zeros": (lambda: bytes(5000), "damaged, or not written by torch.save", "download it again"),
    "cut pickle": (lambda: pickle.dumps({"a": [1.5] * 99})[:-50], "damaged, or not written", "download it again"),
}


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize(("content", "what", "remedy"), FILES.values(), ids=FILES)
def test_files_of_something_else(
    content: Callable[[], bytes], what: str, remedy: str, ending: str, tmp_path: Path
) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(content())
    with pytest.raises(UsageError, match="not a readable checkpoint") as refusal:
        read_state(path)
    told = str(refusal.value)
    assert told.startswith(f"{path}: ") and "\n" not in told and len(told) - len(str(path)) < 200
    assert what in told and remedy in told


def test_a_cut_safetensors_file_is_damaged(tmp_path: Path) -> None:
    from safetensors.torch import save

    path = tmp_path / "x.pth"
    path.write_bytes(save({"weight": torch.zeros(100)})[:-7])
    with pytest.raises(UsageError, match=r"x\.pth: not a readable checkpoint .*download it again"):
        read_state(path)


def test_a_cut_old_checkpoint_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"weight": torch.zeros(100)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UsageError, match=r"x\.pth: not a readable checkpoint .*download it again"):
        read_state(path)


def test_folders_and_absent_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder; name the file with the weights"):
        read_state(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        read_state(tmp_path / "x.pth")
