"""The format of a file that was given as a checkpoint, recognised by its content only; imports no torch."""

from __future__ import annotations

import codecs
import json
import re
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

AGAIN = "download it again"
UNPACK = "unpack it and name the file inside"
START_BYTES = 512
_HEADER_BYTES = 100_000_000
"""Largest header of a safetensors file."""
_WEIGHTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".pth.tar", ".pkl", ".onnx")
_FIRST_CONTAINER = {"storages", "tensors", "pickle"}
"""Members of the first container of torch, a tar archive."""
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/\S+\n(?:.*\n)*?size (\d+)")
_BY_START: tuple[tuple[bytes, str, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras and MATLAB write them", "give a checkpoint of PyTorch"),
    (b"\x93NUMPY", "a NumPy array (.npy)", "give a checkpoint of PyTorch"),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ\x00", "an xz archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", UNPACK),
    (b"MATLAB 5.0", "a MATLAB file", "give a checkpoint of PyTorch"),
    (b"GGUF", "a GGUF file", "give a checkpoint of PyTorch"),
    (b"\x89PNG", "a picture", AGAIN),
    (b"\xff\xd8\xff", "a picture", AGAIN),
    (b"%PDF", "a PDF document", AGAIN),
)
# Fields of an ONNX model at the top level, by number, with the kind of value that each has.
_ONNX_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
_ONNX_GRAPH = 7


def is_safetensors(path: Path) -> bool:
    """Return whether a file begins with the length and the JSON header of a safetensors file."""
    with path.open("rb") as file:
        start = file.read(9)
    if len(start) < 9 or start[8:] != b"{":
        return False
    return int(struct.unpack("<Q", start[:8])[0]) <= _HEADER_BYTES


def other_format(path: Path) -> tuple[str, str] | None:
    """Return the format of a file that cannot be a checkpoint of PyTorch, and the remedy; None if it may be one.

    Raises OSError if the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(START_BYTES)
        if not start:
            return "is empty", AGAIN
        pointer = _LFS.match(start)
        if pointer:
            remedy = "run: git lfs pull, or download the file itself"
            return f"is a Git LFS pointer to {int(pointer[1]) / 1e6:.1f} MB of weights", remedy
        if start.startswith(b"PK"):
            return _of_zip(path)
        for magic, name, remedy in _BY_START:
            if start.startswith(magic):
                return f"is {name}", remedy
        if start[4:8] == b"TFL3":
            return "is a TensorFlow Lite model", "give a checkpoint of PyTorch"
        if start[4:8] == b"ftyp":
            return "is a video", AGAIN
        if _is_onnx(file):
            return "is an ONNX model", "give the checkpoint of PyTorch that it was made from"
    return _of_tar(path) if tarfile.is_tarfile(path) else _of_text(start)


def _of_zip(path: Path) -> tuple[str, str] | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        return "damaged: its end is missing", AGAIN
    parts = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in parts or any(name.endswith("/code/") or "/code/__torch__" in name for name in names):
        return "is a TorchScript program", "save the network's state_dict() instead"
    if "data.pkl" in parts:
        return None
    if names and all(name.endswith(".npy") for name in names):
        return "is a NumPy archive (.npz)", "give a checkpoint of PyTorch"
    if {"config.json", "model.weights.h5"} <= parts:
        return "is a Keras model", "give a checkpoint of PyTorch"
    return _archive("zip", names)


def _of_tar(path: Path) -> tuple[str, str] | None:
    try:
        with tarfile.open(path, "r:") as archive:
            members = archive.getmembers()
    except (tarfile.TarError, EOFError, ValueError):
        return "is a damaged tar archive", AGAIN
    names = [member.name for member in members]
    if set(names) >= _FIRST_CONTAINER and len(names) == len(set(names)) and all(m.isreg() for m in members):
        return None
    return _archive("tar", names) if names else None


def _archive(kind: str, names: Iterable[str]) -> tuple[str, str]:
    weights = [name for name in names if name.endswith(_WEIGHTS)]
    inside = f" that holds {_few(weights)}" if weights else ""
    return f"is a {kind} archive{inside}", UNPACK


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(name.rpartition("/")[2][:60] for name in names[:2])
    return shown + (", ..." if len(names) > 2 else "")


def _of_text(start: bytes) -> tuple[str, str] | None:
    """Recognise text, which is never a checkpoint, except for a pickle of protocol 0."""
    low = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if low.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")):
        return "is a web page", "the download failed: open the address in a browser"
    try:
        text = codecs.utf_8_decode(start, "strict", len(start) < START_BYTES)[0]
    except UnicodeDecodeError:
        return None
    if not all(letter.isprintable() or letter in "\t\r\n" for letter in text):
        return None
    if re.match(r"\(?([dl]p?\d*\n|c\S+\n\S+\n|L\d+L\n)", text):
        return None
    if low[:1] in (b"{", b"["):
        return _of_json(text), "give the weights, not their description"
    return f"is a text that begins with {json.dumps(text[:30].strip(), ensure_ascii=False)}", AGAIN


def _of_json(text: str) -> str:
    return "is an index of weights in several files (JSON)" if '"weight_map"' in text else "is a JSON file"


def _is_onnx(file: IO[bytes]) -> bool:
    """Return whether a file consists of the fields of an ONNX model, whose contents are skipped."""
    end = file.seek(0, 2)
    file.seek(0)
    fields = set()
    while file.tell() < end:
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if _ONNX_FIELDS.get(number) != kind:
            return False
        size = _varint(file)
        if kind == 2:
            file.seek(size, 1)
        if file.tell() > end:
            return False
        fields.add(number)
    return _ONNX_GRAPH in fields


def _varint(file: IO[bytes]) -> int:
    """Read an integer of variable length as in protobuf; -1 at the end of the file."""
    value = 0
    for place in range(0, 63, 7):
        byte = file.read(1)
        if not byte:
            return -1
        value |= (byte[0] & 127) << place
        if byte[0] < 128:
            return value
    return -1
