"""MATLAB files as plain trees: structs become dictionaries, cells lists, texts strings, numbers arrays.

Files up to version 7 are read through scipy. Version 7.3 files are HDF5 and need the optional package h5py.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def load_mat(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file by name.

    Raises UsageError naming the file where it is missing, cut off, no MATLAB file, or of version 7.3 without h5py.
    """
    if _is_hdf5(path):
        return _load_hdf5(path)
    import scipy.io

    try:
        raw = scipy.io.loadmat(path)
    except Exception as error:  # scipy raises whatever its parsers stumble over
        raise _unreadable(path, error) from None
    return {name: _plain(value) for name, value in raw.items() if not name.startswith("__")}


def lookup(tree: Mapping[str, Any], name: str, path: Path) -> Any:
    """The value at a dotted ``name`` (``database.clip_1.data``).

    Raises UsageError naming the file, the first part that is missing, and what is there instead.
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
    """The struct at a dotted ``name``. Raises UsageError as :func:`lookup`."""
    value = lookup(tree, name, path)
    if not isinstance(value, Mapping):
        raise UsageError(f"{path}: variable {name} must be a struct; found {_what(value)}")
    return value


def numbers(tree: Mapping[str, Any], name: str, path: Path) -> NDArray[np.float64]:
    """The array of numbers at a dotted ``name``, as float64. Raises UsageError as :func:`lookup`."""
    value = lookup(tree, name, path)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        raise UsageError(f"{path}: variable {name} must hold numbers; found {_what(value)}")
    return value.astype(np.float64)


def texts(tree: Mapping[str, Any], name: str, path: Path) -> list[str]:
    """The texts of the cell (or the text) at a dotted ``name``, in order. Raises UsageError as :func:`lookup`."""
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
    """What scipy returns, without its 1 x 1 wrappers; a struct array becomes a list of dictionaries."""
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
            return {name: _from_hdf5(file[name], file) for name in file if not name.startswith("#")}
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise _unreadable(path, error) from None


def _from_hdf5(node: Any, file: h5py.File) -> Any:
    kind = node.attrs.get("MATLAB_class", b"")
    kind = kind.decode() if isinstance(kind, bytes) else str(kind)
    if hasattr(node, "keys"):
        return {name: _from_hdf5(node[name], file) for name in node}
    empty = bool(node.attrs.get("MATLAB_empty", 0))
    if node.dtype == object:
        cells = [_from_hdf5(file[reference], file) for reference in np.asarray(node).ravel()]
        return cells if kind == "cell" or len(cells) != 1 else cells[0]
    if kind == "cell":
        return []
    # MATLAB keeps the first axis closest together, HDF5 the last one.
    array = np.asarray(node).T
    if kind == "char":
        return "" if empty else "".join(chr(code) for code in array.ravel(order="F"))
    return np.empty(tuple(int(side) for side in np.asarray(node).ravel())) if empty else array
