"""Readers of pickled checkpoints that run nothing the file names.

Pickles name functions and classes. The restricted reader of torch knows those of tensors. The names below belong to
plain values that trainings store beside the weights (scores as NumPy numbers, command lines, dates, paths): each is
replaced by a stand-in of this module that keeps nothing, or numbers only, so that not even the named class is
imported. Any other name is refused.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import sys
import threading
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
import torch
from torch import Tensor

ZIP_START = b"PK\x03\x04"
_NESTED = 8
"""Largest depth of storages that contain pickles of their own; ``pickle.dump`` of tensors makes one level."""
_PICKLES = 4
"""Pickles in a file: before torch 1.6 a magic number, a version and facts of the machine precede the content."""
_LOCK = threading.Lock()


class RefusedName(pickle.UnpicklingError):
    """The file names something that is not a plain value; ``name`` is that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"GLOBAL {name} is not among the plain values of a checkpoint")
        self.name = name


class SkippedValue:
    """A stand-in for a value beside the weights, of which nothing is kept."""

    def __new__(cls, *values: Any, **named: Any) -> SkippedValue:
        """Accept the arguments of the real class."""
        return super().__new__(cls)

    def __init__(self, *values: Any, **named: Any) -> None:
        """Accept the arguments of the real class."""

    def __setstate__(self, state: Any) -> None:
        """Accept the state of the real class."""


class PlainDict:
    """A stand-in that gives a plain dictionary for one with a default or with attributes."""

    def __new__(cls, *values: Any, **named: Any) -> Any:
        """Return a copy of the dictionary that comes first among the arguments, else an empty one."""
        return dict(values[0]) if values and isinstance(values[0], dict) else {}


class PlainList:
    """A stand-in that gives a plain list for a queue."""

    def __new__(cls, *values: Any) -> Any:
        """Return a list of the sequence that comes first among the arguments, else an empty one."""
        return list(values[0]) if values and isinstance(values[0], list | tuple) else []


class ArrayType:
    """A stand-in for a NumPy dtype: its code and byte order."""

    def __init__(self, code: Any = "", *flags: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.order = state[1]


class ArrayStub:
    """A stand-in for a NumPy array or number: shape, kind and unparsed bytes."""

    def __init__(self, *values: Any) -> None:
        self.shape: Any = ()
        self.kind: Any = values[0] if values else None
        self.raw: Any = values[1] if len(values) > 1 else b""
        self.fortran: Any = False

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) == 5:
            _, self.shape, self.kind, self.fortran, self.raw = state

    def tensor(self) -> Tensor | None:
        """Return the values; None if this is not an array of numbers."""
        raw = self.raw.encode("latin1", "replace") if isinstance(self.raw, str) else self.raw  # of Python 2
        if not isinstance(self.kind, ArrayType) or not isinstance(raw, bytes | bytearray):
            return None
        try:
            kind = np.dtype(self.kind.code)
            if kind.kind not in "biuf" or kind.hasobject:
                return None
            stored = np.frombuffer(raw, kind.newbyteorder(self.kind.order))
            # A copy in native byte order: the bytes belong to the pickle.
            values = stored.reshape(self.shape, order="F" if self.fortran else "C").astype(kind.newbyteorder("="))
            return torch.from_numpy(np.ascontiguousarray(values).reshape(self.shape))
        except (TypeError, ValueError):
            return None


def _from_buffer(raw: Any, kind: Any = None, shape: Any = (), order: Any = "C") -> ArrayStub:
    array = ArrayStub()
    array.__setstate__((1, shape, kind, order == "F", raw))
    return array


def _empty_array(*values: Any) -> ArrayStub:
    return ArrayStub()


def _names(module: str, words: str, stand_in: Any) -> dict[str, Any]:
    return {f"{module}.{word}": stand_in for word in words.split()}


_PATHS = "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath"
_NUMPY_CLASSES = (
    "bool_ bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble str_ bytes_ "
    "ndarray"
)
_NUMPY_KINDS = (
    "BoolDType Int8DType Int16DType Int32DType Int64DType UInt8DType UInt16DType UInt32DType UInt64DType Float16DType "
    "Float32DType Float64DType"
)
PLAIN: dict[str, Any] = {
    **_names("argparse", "Namespace", SkippedValue),
    **_names("types", "SimpleNamespace", SkippedValue),
    **_names(
        "builtins", "int float bool str bytes bytearray complex list tuple dict slice range object", SkippedValue
    ),
    **_names("builtins", "set frozenset", frozenset),
    **_names("collections", "defaultdict Counter", PlainDict),
    **_names("collections", "deque", PlainList),
    **_names("datetime", "date datetime time timedelta timezone", SkippedValue),
    **_names("decimal", "Decimal", SkippedValue),
    **_names("fractions", "Fraction", SkippedValue),
    **_names("uuid", "UUID", SkippedValue),
    **_names("pathlib", _PATHS, SkippedValue),
    **_names("pathlib._local", _PATHS, SkippedValue),
    **_names("numpy", _NUMPY_CLASSES, SkippedValue),
    **_names("numpy", "dtype", ArrayType),
    **_names("numpy.dtypes", _NUMPY_KINDS, ArrayType),
    **{
        f"numpy.{core}.{name}": stand_in
        for core in ("core", "_core")
        for name, stand_in in {
            "multiarray.scalar": ArrayStub,
            "multiarray._reconstruct": _empty_array,
            "numeric._frombuffer": _from_buffer,
        }.items()
    },
    **_names("torch.torch_version", "TorchVersion", SkippedValue),
    **_names("torch", "contiguous_format channels_last preserve_format strided", SkippedValue),
    **_names("lightning.fabric.utilities.data", "AttributeDict", PlainDict),
    **_names("lightning_fabric.utilities.data", "AttributeDict", PlainDict),
    **_names("lightning.pytorch.utilities.parsing", "AttributeDict", PlainDict),
    **_names("pytorch_lightning.utilities.parsing", "AttributeDict", PlainDict),
}
"""The stand-in of each plain value, by the name that pickles give it."""

_OWN = ("builtins.set", "collections.Counter", "builtins.bytearray", "builtins.complex", "torch.strided")
"""Names that the restricted reader of torch resolves itself."""


@contextmanager
def plain_values() -> Iterator[None]:
    """Let the restricted reader of torch accept the plain values; one thread at a time, as its list is global."""
    allowed: list[Any] = [(stand_in, name) for name, stand_in in PLAIN.items() if name not in _OWN]
    with _LOCK, torch.serialization.safe_globals(allowed):
        yield


def load_other_forms(path: Path) -> Any:
    """Read a pickle in a form that the restricted reader of torch does not support.

    Pickle protocols 0, 1 and 3 to 5 within torch's containers, torch's first container (tar), pickles by
    ``pickle.dump``. Raises RefusedName, or any exception for damaged files.
    """
    with path.open("rb") as file:
        start = file.read(len(ZIP_START))
        file.seek(0)
        if start == ZIP_START:
            return _zipped(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                # The unpickler of this module, as restricted as that of torch, which reads only the container. A zip
                # archive never comes here, so nothing reaches TorchScript.
                own = sys.modules[__name__]
                return torch.load(file, "cpu", pickle_module=own, weights_only=False, encoding="latin1")
            except RefusedName:
                raise
            except Exception:
                file.seek(0)
                content = load(file)
                if not isinstance(content, dict | list | tuple):  # the first number of a container that ends early
                    raise
                return content


def load(file: IO[bytes], **options: Any) -> Any:
    """Read one pickle of a file; torch calls this as well."""
    return SafeUnpickler(file, **options).load()


def _zipped(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        (place,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = place.removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise pickle.UnpicklingError("its numbers are in big-endian order")
        storages: dict[str, torch.UntypedStorage] = {}

        def storage(saved: Any) -> torch.storage.TypedStorage:
            word, kind, key, *_ = saved
            if word != "storage" or not isinstance(kind, torch.serialization.StorageType):
                raise pickle.UnpicklingError("refers to something that is not a storage of numbers")
            if key not in storages:
                raw = bytearray(archive.read(f"{folder}data/{key}"))
                numbers = torch.frombuffer(raw, dtype=torch.uint8) if raw else torch.empty(0, dtype=torch.uint8)
                storages[key] = numbers.untyped_storage()
            return torch.storage.TypedStorage(wrap_storage=storages[key], dtype=kind.dtype, _internal=True)

        return SafeUnpickler(io.BytesIO(archive.read(place)), storage=storage).load()


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *flags: Any) -> Tensor:
    """Build a tensor over a storage, without its gradient flag and hooks."""
    return torch._utils._rebuild_tensor(storage, offset, size, stride)


def _parameter(data: Any, *flags: Any) -> Any:
    return data


_depth = threading.local()


def _nested(raw: Any) -> Any:
    """Read a storage that was pickled as a file of torch within the file."""
    level = getattr(_depth, "level", 0)
    if level >= _NESTED:
        raise pickle.UnpicklingError("nested too deeply")
    _depth.level = level + 1
    try:
        with plain_values() if not level else nullcontext():
            return torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    finally:
        _depth.level = level


def _bytes(text: Any, encoding: Any = "latin1") -> bytes:
    """Decode bytes as pickles of old protocols encode them."""
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise pickle.UnpicklingError("holds bytes in an encoding of its own")
    return text.encode("latin1")


_TENSORS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "_codecs.encode": _bytes,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.storage._load_from_bytes": _nested,
    "torch.Size": SkippedValue,
    "torch.device": SkippedValue,
}


class SafeUnpickler(pickle._Unpickler):
    """An unpickler for every protocol that resolves names by the tables of this module alone.

    Based on the Python implementation, which lets this class decide what a pickle may set on objects.
    """

    stack: list[Any]
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)

    def __init__(self, file: IO[bytes], encoding: str = "latin1", storage: Callable[[Any], Any] | None = None) -> None:
        super().__init__(file, encoding=encoding)
        self._storage = storage

    def persistent_load(self, pid: Any) -> Any:
        """Resolve a reference to the numbers beside the pickle."""
        if self._storage is None:
            raise pickle.UnpicklingError("refers to something outside of the file")
        return self._storage(pid)

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of a name. Raises RefusedName."""
        full = f"{module.replace('__builtin__', 'builtins')}.{name}"
        if full in PLAIN:
            return PLAIN[full]
        if full in _TENSORS:
            return _TENSORS[full]
        if module in ("torch", "torch.cuda", "torch.storage"):
            if name.endswith("Storage") and hasattr(torch, name):
                return torch.serialization.StorageType(name)
            if name.endswith("Tensor"):  # named beside its storage in torch's first container
                return SkippedValue
            kind = getattr(torch, name, None) if name.isidentifier() else None
            if isinstance(kind, torch.dtype):
                return kind
        raise RefusedName(full)

    def load_build(self) -> None:
        """Set the state of a stand-in; extra state of tensors and dictionaries is dropped."""
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, SkippedValue | ArrayType | ArrayStub):
            target.__setstate__(state)
        elif not isinstance(target, dict | Tensor):
            raise pickle.UnpicklingError(f"sets the state of a {type(target).__name__}")

    dispatch[pickle.BUILD[0]] = load_build


Unpickler = SafeUnpickler
"""The name under which torch looks for the unpickler of a ``pickle_module``."""


def classes_named(path: Path) -> list[str]:
    """List the classes and functions that the pickles of a file name, in order, each once; none is imported."""
    classes: list[str] = []
    with path.open("rb") as opened:
        file: IO[bytes] = opened
        if opened.read(len(ZIP_START)) == ZIP_START:
            with zipfile.ZipFile(path) as archive:
                name = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
                file = io.BytesIO(archive.read(name) if name else b"")
        file.seek(0)
        texts: list[str] = []
        try:
            for _ in range(_PICKLES):
                for operation, argument, _ in pickletools.genops(file):
                    if operation.name in ("GLOBAL", "INST"):
                        classes.append(str(argument).replace(" ", "."))
                    elif operation.name == "STACK_GLOBAL" and len(texts) > 1:
                        classes.append(".".join(texts[-2:]))
                    elif isinstance(argument, str):
                        texts.append(argument)
        except (ValueError, IndexError, UnicodeDecodeError):
            pass
    return list(dict.fromkeys(classes))
