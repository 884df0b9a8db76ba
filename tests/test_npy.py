"""Files of numbers are read by pattern, never by evaluating text: from many threads, and whatever lies in the file."""

from __future__ import annotations

import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gazenet.npy import open_npy, parse_npy, read_npy
from tests.compiled import compiling_threads

ROOT = Path(__file__).resolve().parents[1]
ARRAYS = {
    "maps": np.arange(24, dtype=np.float16).reshape(2, 3, 4),
    "bytes": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "columns": np.asfortranarray(np.arange(12, dtype=">i4").reshape(3, 4)),
    "vector": np.arange(5, dtype=np.float64),
    "yes or no": np.array([[True, False]]),
    "no numbers": np.zeros((0, 4, 5), np.float32),
    "one number": np.array(3.5),
    "complex": np.array([1 + 2j], np.complex64),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays_are_what_numpy_wrote(tmp_path: Path, name: str, version: tuple[int, int]) -> None:
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, ARRAYS[name], version=version)
    for array in (open_npy(tmp_path / "a.npy"), read_npy(tmp_path / "a.npy")):
        assert array.dtype == ARRAYS[name].dtype and array.shape == ARRAYS[name].shape
        assert np.array_equal(array, ARRAYS[name])
    if ARRAYS[name].size:
        with pytest.raises(ValueError, match="read-only"):
            open_npy(tmp_path / "a.npy")[...] = 0


def _text(text: bytes, version: bytes = b"\x01\x00") -> bytes:
    return b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text


GOOD = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4, 3), }"
REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"hello, world", "not an npy file"),
    "magic only": (b"\x93NUMPY", "unknown version"),
    "future": (_text(GOOD, b"\x09\x00") + bytes(12), "unknown version"),
    "no length": (b"\x93NUMPY\x01\x00\x10", "header is damaged"),
    "half a header": (_text(GOOD)[:30], "header is damaged"),
    "code": (_text(b"{'descr': '|u1', 'fortran_order': False, 'shape': __import__('os').abort(), }"), "damaged"),
    "repeated": (
        _text(b"{'descr': '|u1', 'descr': '|u1', 'shape': (4, 3), }") + bytes(12),
        "does not hold an array of numbers",
    ),
    "deep": (_text(b"(" * 5000), "damaged"),
    "objects": (_text(GOOD.replace(b"|u1", b"|O")) + bytes(96), "does not hold an array of numbers"),
    "strange type": (_text(GOOD.replace(b"|u1", b"<f7")) + bytes(96), "unknown type"),
    "cut": (_text(GOOD) + bytes(11), "truncated: 80 bytes instead of 81"),
    "huge": (_text(GOOD.replace(b"(4, 3)", b"(4, 99999999999999999999)")) + bytes(12), "truncated"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_array_of_numbers_is_refused_in_plain_words(tmp_path: Path, case: str) -> None:
    data, reason = REFUSED[case]
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(ValueError, match=reason) as caught:
        open_npy(tmp_path / "a.npy")
    assert "pickle" not in str(caught.value) and "\n" not in str(caught.value)


def test_a_pickled_array_is_refused_without_advice_to_trust_it(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="does not hold an array of numbers") as caught:
        open_npy(tmp_path / "a.npy")
    assert "allow_pickle" not in str(caught.value)


def test_no_text_is_compiled_to_read_a_header(tmp_path: Path) -> None:
    """What makes numpy's own reader fail in threads: the compiler's state, which threads share on CPython 3.11."""
    np.save(tmp_path / "a.npy", ARRAYS["maps"])
    with compiling_threads() as compiled:
        np.load(tmp_path / "a.npy")
        assert compiled, "numpy no longer evaluates headers: this module may go"
        compiled.clear()
        open_npy(tmp_path / "a.npy")
        read_npy(tmp_path / "a.npy")
    assert compiled == []


def test_many_threads_read_at_once(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ARRAYS["maps"])

    def read(_: int) -> int:
        return sum(bool(np.array_equal(open_npy(tmp_path / "a.npy"), ARRAYS["maps"])) for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(read, range(16))) == 16 * 50


def test_nobody_else_reads_such_files_in_threads() -> None:
    """``np.load`` evaluates headers: only what tests compare with may use it."""
    allowed = {"gazenet/testing/goldens.py"}
    used = {
        str(path.relative_to(ROOT))
        for top in ("gazenet", "plugins")
        for path in (ROOT / top).rglob("*.py")
        if re.search(r"np\.load\(|literal_eval|open_memmap", path.read_text(encoding="utf-8"))
    }
    assert used - allowed == set()


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3), np.arange(6).reshape(3, 2).T, np.zeros((0, 3))])
def test_the_content_of_a_file_is_read_without_the_file(array: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, array)
    parsed = parse_npy(content.getvalue())
    assert parsed.dtype == array.dtype and parsed.shape == array.shape and np.array_equal(parsed, array)
    if array.size:
        with pytest.raises(ValueError, match="truncated"):
            parse_npy(content.getvalue()[:-1])
