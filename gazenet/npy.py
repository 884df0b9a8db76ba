"""Thread-safe reading of ``.npy`` files as memory maps.

numpy evaluates the header of a file as Python text. On CPython 3.11 two threads that do so at the same time can fail
(``SystemError: AST constructor recursion depth mismatch``), and the errors of numpy advise to allow pickles. Here the
header of an array of numbers is parsed by a pattern; nothing is evaluated and nothing is unpickled.
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_MAGIC = b"\x93NUMPY"
_LENGTHS = {1: "<H", 2: "<I", 3: "<I"}
"""struct format of the header's length, by the version of the file."""
_MOST_HEADER = 1 << 16
_FIELD = {
    "descr": r"'([^']*)'",
    "fortran_order": r"(True|False)",
    "shape": r"\(((?:\s*\d+\s*,)*(?:\s*\d+\s*)?)\)",
}
_ITEM = rf"\s*'({'|'.join(_FIELD)})'\s*:\s*(?:{'|'.join(_FIELD.values())})\s*"
_HEADER = re.compile(rf"\{{{_ITEM},{_ITEM},{_ITEM},?\s*\}}\s*")
_NUMBERS = re.compile(r"[<>|=]?[biufc]\d+")


def map_numbers(path: str | Path, offset: int, shape: tuple[int, ...], dtype: Any, order: Any = "C") -> NDArray[Any]:
    """Map the numbers that begin ``offset`` bytes into a file, read-only.

    Args:
        path: the file.
        offset: bytes before the first number.
        shape: of the array.
        dtype: type of the numbers.
        order: "C" or "F".
    """
    if not math.prod(shape):
        return np.zeros(shape, dtype)
    mapped: NDArray[Any] = np.memmap(path, dtype, "r", offset, shape or (1,), order)
    return mapped.reshape(shape)


def open_npy(path: str | Path) -> NDArray[Any]:
    """Map the array of numbers in a file, read-only; an array without elements is a plain empty array.

    Raises OSError, and ValueError with a short reason for a file that is not a complete ``.npy`` file of numbers.
    """
    with open(path, "rb") as file:
        shape, dtype, order = _header(file)
        offset, size = file.tell(), os.fstat(file.fileno()).st_size
    expected = offset + math.prod(shape) * dtype.itemsize
    if size < expected:
        raise ValueError(f"it is truncated: {size} bytes instead of {expected}")
    return map_numbers(path, offset, shape, dtype, order)


def parse_npy(content: bytes) -> NDArray[Any]:
    """Return the array of numbers in the content of a ``.npy`` file. Raises ValueError as :func:`open_npy` does."""
    file = io.BytesIO(content)
    shape, dtype, order = _header(file)
    if len(content) - file.tell() < math.prod(shape) * dtype.itemsize:
        raise ValueError("it is truncated")
    numbers: NDArray[Any] = np.frombuffer(content, dtype, math.prod(shape), file.tell())
    return numbers.reshape(shape, order="F" if order == "F" else "C").copy()


def read_npy(path: str | Path) -> NDArray[Any]:
    """Read the array of a file into memory. Raises as :func:`open_npy` does."""
    return np.array(open_npy(path))


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any], str]:
    """Return shape, type and order, and leave the file at the first number."""
    start = file.read(len(_MAGIC) + 2)
    if start[: len(_MAGIC)] != _MAGIC:
        raise ValueError("it is not an npy file" if start else "it is empty")
    form = _LENGTHS.get(start[len(_MAGIC)]) if len(start) > len(_MAGIC) else None
    if form is None:
        raise ValueError("it has an unknown version of the npy format")
    length = file.read(struct.calcsize(form))
    count = struct.unpack(form, length)[0] if len(length) == struct.calcsize(form) else _MOST_HEADER + 1
    text = file.read(count) if count <= _MOST_HEADER else b""
    match = _HEADER.fullmatch(text.decode("latin-1")) if len(text) == count else None
    if match is None:
        raise ValueError("its header is damaged, or it does not hold an array of numbers")
    groups, fields = match.groups(), dict[str, str]()
    for start_of_item in range(0, len(groups), len(_FIELD) + 1):
        name, *values = groups[start_of_item : start_of_item + len(_FIELD) + 1]
        fields[name] = values[list(_FIELD).index(name)]
    if len(fields) != len(_FIELD) or None in fields.values() or not _NUMBERS.fullmatch(fields["descr"]):
        raise ValueError("it does not hold an array of numbers")
    shape = tuple(int(part) for part in fields["shape"].split(",") if part.strip())
    try:
        dtype = np.dtype(fields["descr"])
    except TypeError:
        raise ValueError(f"it holds numbers of the unknown type {fields['descr']}") from None
    return shape, dtype, "F" if fields["fortran_order"] == "True" else "C"
