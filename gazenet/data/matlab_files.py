"""MATLAB files as plain trees: structs become dictionaries, cells lists, texts strings, numbers arrays.

Files up to version 7 are read through scipy. Version 7.3 files are HDF5 and need the optional package h5py. Files are
not trusted: variables that would take too much memory, and links to other files, are refused. That is why no library
reads the trees: it would follow the links, and drop the shapes of empty arrays.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gazenet.errors import UsageError

if TYPE_CHECKING:
    import h5py

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_AT = (0, 512)
_LISTED = 8
LIMIT = 4 << 30
"""Bytes that the variables of one file may take in memory."""
_DEPTH = 50
"""The deepest nesting of structs and cells."""
_NODE = 1024
"""The overhead of a variable, in bytes."""
_RATIO = 1100
"""An upper bound of the compression ratio of zlib."""


def load_mat(path: Path) -> dict[str, Any]:
    """Read the variables of a MATLAB file by name.

    Raises UsageError naming the file where it is missing, cut off, not a MATLAB file, too large once unpacked, partly
    in other files, or of version 7.3 without h5py.
    """
    if _is_hdf5(path):
        return _load_hdf5(path)
    import scipy.io

    try:
        _check_size(path, scipy.io.whosmat(path))
        raw = scipy.io.loadmat(path)
    except UsageError:
        raise
    except Exception as error:  # scipy lets errors of its parsers through
        raise _unreadable(path, error) from None
    return {name: _plain(value) for name, value in raw.items() if not name.startswith("__")}


def _too_large(path: Path) -> UsageError:
    return UsageError(f"{path}: its variables take more than {LIMIT >> 30} GB of memory: check where it comes from")


def _check_size(path: Path, variables: Sequence[tuple[str, tuple[int, ...], str]]) -> None:
    """Raise UsageError where the variables exceed ``LIMIT``, by their declared shapes or unpacked."""
    if sum(8 * math.prod(map(int, shape)) for _, shape, kind in variables if kind != "sparse") > LIMIT:
        raise _too_large(path)
    if path.stat().st_size * _RATIO > LIMIT:
        left = LIMIT
        for piece in _packed(path):
            left -= _unpacked_size(piece, left)
            if left < 0:
                raise _too_large(path)


def _packed(path: Path) -> Iterator[bytes]:
    """Yield the compressed elements of a version 7 file (128 bytes of header, a type and a size before each)."""
    with path.open("rb") as file:
        order = {b"IM": "<", b"MI": ">"}.get(file.read(128)[126:], "")
        while order and len(head := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", head)
            if kind == 15:
                yield file.read(size)
            else:
                file.seek(size, 1)


def _unpacked_size(piece: bytes, most: int) -> int:
    """Return the unpacked size of a compressed element in bytes; counting ends above ``most``."""
    unpacker, size = zlib.decompressobj(), 0
    while piece and size <= most:
        size += len(unpacker.decompress(piece, 1 << 20))
        piece = unpacker.unconsumed_tail
    return size


def lookup(tree: Mapping[str, Any], name: str, path: Path) -> Any:
    """Return the value at a dotted ``name`` (``database.clip_1.data``).

    Raises UsageError naming the file, the first missing part, and the existing ones.
    """
    value: Any = tree
    parts = name.split(".")
    for depth, part in enumerate(parts):
        if not isinstance(value, Mapping) or part not in value:
            missing = ".".join(parts[: depth + 1])
            raise UsageError(f"{path}: variable {missing} is missing; found {_what(value)}")
        value = value[part]
    return value


def fields(tree: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    """Return the struct at a dotted ``name``. Raises UsageError as :func:`lookup`."""
    value = lookup(tree, name, path)
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: variable {name} must be a struct; found {_what(value)}")
    return value


def numbers(tree: Mapping[str, Any], name: str, path: Path) -> NDArray[np.float64]:
    """Return the array of numbers at a dotted ``name``, as float64. Raises UsageError as :func:`lookup`."""
    value = lookup(tree, name, path)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise UsageError(f"{path}: variable {name} must hold numbers; found {_what(value)}")
    return value.astype(np.float64)


def texts(tree: Mapping[str, Any], name: str, path: Path) -> list[str]:
    """Return the texts of the cell (or text) at a dotted ``name``, in order. Raises UsageError as :func:`lookup`."""
    value = lookup(tree, name, path)
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise UsageError(f"{path}: variable {name} must be a cell of texts; found {_what(value)}")
    return value


def _what(value: Any) -> str:
    if isinstance(value, Mapping):
        some = list(value)[:_LISTED]
        return (", ".join(some) + (", ..." if len(value) > _LISTED else "")) or "nothing"
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} {value.shape}"
    return "a cell" if isinstance(value, list) else "a text"


def _unreadable(path: Path, error: BaseException) -> UsageError:
    cause = " ".join(str(error).split()) or type(error).__name__
    return UsageError(f"{path}: cannot be read as a MATLAB file ({cause}); it may be incomplete: download it again")


def _is_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(_HDF5_AT[-1] + len(_HDF5))
    except OSError as error:
        raise _unreadable(path, error) from None
    return any(head[at : at + len(_HDF5)] == _HDF5 for at in _HDF5_AT)


def _plain(value: Any) -> Any:
    """Unwrap a value of scipy from its 1 x 1 arrays; a struct array becomes a list of dictionaries."""
    if isinstance(value, np.void) and value.dtype.names:
        return {name: _plain(value[name]) for name in value.dtype.names}
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.names:
        records = [_plain(record) for record in value.ravel(order="F")]
        return records[0] if len(records) == 1 else records
    if value.dtype == object:
        return [_plain(cell) for cell in value.ravel(order="F")]
    if value.dtype.kind in "US":
        return str(value.item()) if value.size == 1 else "".join(map(str, value.ravel()))
    return value


def _load_hdf5(path: Path) -> dict[str, Any]:
    try:
        import h5py
    except ImportError:
        raise UsageError(
            f"{path}: is a MATLAB 7.3 file, which needs the package h5py; run: pip install h5py "
            "(or save it again in MATLAB with -v7)"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            tree = _Tree(file, path)
            return {name: tree.child(file, name) for name in file if not name.startswith("#")}
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise _unreadable(path, error) from None


class _Tree:
    """Reads an HDF5 file without links to others; ``left``: the bytes that it may still take."""

    def __init__(self, file: h5py.File, path: Path) -> None:
        self.file, self.path, self.left = file, path, LIMIT

    def child(self, group: Any, name: str, depth: int = 0) -> Any:
        """Read the member ``name`` of a group. Raises UsageError for a link to another file."""
        import h5py

        if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
            raise self._external(name)
        return self.value(group[name], name, depth)

    def value(self, node: Any, name: str, depth: int) -> Any:
        """Read a group or data set. Raises UsageError where it is too large or deep, or in another file."""
        group = hasattr(node, "keys")
        self.left -= _NODE + (0 if group else (node.size or 0) * node.dtype.itemsize)
        if self.left < 0:
            raise _too_large(self.path)
        if depth > _DEPTH:
            raise UsageError(f"{self.path}: variable {name} is nested deeper than {_DEPTH} levels")
        if group:
            return {key: self.child(node, key, depth + 1) for key in node}
        if node.external or node.is_virtual:
            raise self._external(name)
        kind = node.attrs.get("MATLAB_class", b"")
        kind = kind.decode() if isinstance(kind, bytes) else str(kind)
        if node.dtype == object:
            references = np.asarray(node).ravel()
            cells = [self.value(self.file[reference], name, depth + 1) for reference in references]
            return cells if kind == "cell" or len(cells) != 1 else cells[0]
        return [] if kind == "cell" else _array(node, kind)

    def _external(self, name: str) -> UsageError:
        return UsageError(f"{self.path}: variable {name} lies in another file, which is not read: save it whole")


def _array(node: Any, kind: str) -> Any:
    empty = bool(node.attrs.get("MATLAB_empty", 0))
    # The first axis is contiguous in MATLAB, the last one in HDF5.
    array = np.asarray(node).T
    if kind == "char":
        return "" if empty else "".join(chr(code) for code in array.ravel(order="F"))
    if not empty:
        return array
    sides = [int(side) for side in array.ravel()]
    if 0 not in sides:
        raise ValueError(f"an empty array of {sides}")
    return np.empty(tuple(sides))
