"""MATLAB files: nesting, missing variables, damage, and version 7.3 with and without h5py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import raw_collections as raw
import scipy.io

from gazenet.data import matlab_files
from gazenet.data.coutrot import Coutrot1
from gazenet.data.matlab_files import load_mat, lookup, numbers, texts
from gazenet.errors import UsageError


def test_structs_cells_and_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    array = np.zeros((1, 2), [("face", object)])
    array["face"][0, 0], array["face"][0, 1] = np.array([[1.0]]), np.array([[2.0]])
    scipy.io.savemat(path, {"a": {"b": {"c": np.ones((2, 3, 4))}, "names": raw.cell(["x", "y "])}, "list": array})
    tree = load_mat(path)
    assert sorted(tree) == ["a", "list"]
    assert numbers(tree, "a.b.c", path).shape == (2, 3, 4)
    assert texts(tree, "a.names", path) == ["x", "y "]
    assert [one["face"].item() for one in tree["list"]] == [1, 2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.b.d", r"a\.mat: variable a\.b\.d is missing; found c"),
        ("a.b.c.d", r"variable a\.b\.c\.d is missing; found an array of float64 \(2, 3\)"),
        ("z", "variable z is missing; found a"),
        ("a.names", r"variable a\.names must hold numbers; found a cell"),
        ("a.text", r"variable a\.text must hold numbers; found a text"),
    ],
)
def test_what_is_missing_is_named(name: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    inner = {"b": {"c": np.ones((2, 3))}, "names": raw.cell(["x"]), "text": "hello"}
    scipy.io.savemat(path, {"a": inner})
    with pytest.raises(UsageError, match=message):
        numbers(load_mat(path), name, path)


def test_lists_of_names_must_be_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"a": np.ones(3)})
    with pytest.raises(UsageError, match="a must be a cell of texts; found an array"):
        texts(load_mat(path), "a", path)


@pytest.mark.parametrize("compressed", [False, True])
def test_cut_off_files_are_refused(compressed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    data = np.random.default_rng(0).normal(size=(50, 50))
    scipy.io.savemat(path, {"data": data}, do_compression=compressed)
    whole = path.read_bytes()
    for length in (0, 10, 100, 130, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UsageError, match=r"a\.mat: .*(incomplete|missing)"):
            numbers(load_mat(path), "data", path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.mat: cannot be read"):
        load_mat(tmp_path / "none.mat")


def test_version_73_without_h5py_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(UsageError, match=r"a\.mat: is a MATLAB 7\.3 file, .* pip install h5py"):
        load_mat(path)


def _save_73(path: Path, tree: dict[str, Any]) -> None:
    """A file as MATLAB writes it: a user block of 512 bytes, arrays with their axes reversed, cells of references."""
    h5py = pytest.importorskip("h5py")

    def put(group: Any, name: str, value: Any) -> Any:
        if isinstance(value, dict):
            node = group.create_group(name)
            node.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, inner in value.items():
                put(node, key, inner)
            return node
        if isinstance(value, list):
            references = [put(group.file, f"#refs#/{name}{k}", one).ref for k, one in enumerate(value)]
            node = group.create_dataset(name, data=np.array([references], h5py.ref_dtype), dtype=h5py.ref_dtype)
            node.attrs["MATLAB_class"] = np.bytes_("cell")
            return node
        if isinstance(value, str):
            node = group.create_dataset(name, data=np.array([[ord(letter)] for letter in value], np.uint16))
            node.attrs["MATLAB_class"] = np.bytes_("char")
            return node
        node = group.create_dataset(name, data=np.asarray(value).T)
        node.attrs["MATLAB_class"] = np.bytes_("double")
        return node

    with h5py.File(path, "w", userblock_size=512) as file:
        for key, value in tree.items():
            put(file, key, value)


def test_version_73_reads_the_same_tree(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    data = np.arange(24.0).reshape(2, 3, 4)
    _save_73(path, {"a": {"b": data, "names": ["one", "two"]}})
    tree = load_mat(path)
    assert np.array_equal(numbers(tree, "a.b", path), data)
    assert texts(tree, "a.names", path) == ["one", "two"]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match=r"a\.mat: cannot be read as a MATLAB file"):
        load_mat(path)


def test_a_reader_does_not_mind_the_version(tmp_path: Path) -> None:
    root = raw.coutrot(tmp_path)
    times = np.arange(raw.FRAMES) / 25
    before = Coutrot1(root).items()[0].fixations(times)
    clip = {"data": raw.grid(), "info": {"fps": np.array([[25.0]])}}
    _save_73(root / "coutrot_database1.mat", {"Coutrot_Database1": {"OriginalSounds": {"clip_1": clip}}})
    after = Coutrot1(root).items()[0].fixations(times)
    assert [a.tolist() for a in after] == [b.tolist() for b in before]
    assert lookup(load_mat(root / "coutrot_database1.mat"), "Coutrot_Database1", root)


@pytest.mark.parametrize("nested", [False, True])
def test_a_small_file_that_unpacks_to_a_large_one_is_refused(
    nested: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mat"
    data = np.zeros((2000, 2000))
    scipy.io.savemat(path, {"a": {"b": data} if nested else data}, do_compression=True)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(matlab_files, "LIMIT", 31_000_000)
    with pytest.raises(UsageError, match=r"a\.mat: its variables take more than .* memory: check where it comes from"):
        load_mat(path)
    monkeypatch.setattr(matlab_files, "LIMIT", 33_000_000)
    found = load_mat(path)["a"]
    assert np.array_equal(found["b"] if nested else found, data)


def test_an_array_of_which_nothing_is_stored_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        file.create_dataset("a/b", (1_000_000, 1_000_000), "f8", chunks=(1000, 1000))
    assert path.stat().st_size < 100_000
    with pytest.raises(UsageError, match=r"a\.mat: its variables take more than 4 GB of memory"):
        load_mat(path)


@pytest.mark.parametrize("way", ["link", "external", "virtual"])
def test_variables_in_other_files_are_refused(way: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    secret, path = tmp_path / "secret.h5", tmp_path / "a.mat"
    with h5py.File(secret, "w") as file:
        file["b"] = np.arange(3.0)
    with h5py.File(path, "w") as file:
        if way == "link":
            file["b"] = h5py.ExternalLink(str(secret), "b")
        elif way == "external":
            file.create_dataset("b", (3,), "f8", external=[(str(secret), 0, 24)])
        else:
            layout = h5py.VirtualLayout((3,), "f8")
            layout[:] = h5py.VirtualSource(str(secret), "b", (3,))
            file.create_virtual_dataset("b", layout)
    with pytest.raises(UsageError, match=r"a\.mat: variable b lies in another file, which is not read"):
        load_mat(path)


def test_cells_that_hold_themselves_are_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        node = file.create_dataset("a", (1, 2), h5py.ref_dtype)
        node.attrs["MATLAB_class"] = np.bytes_("cell")
        node[...] = np.array([[node.ref, node.ref]], h5py.ref_dtype)
    with pytest.raises(UsageError, match=r"a\.mat: variable a is nested deeper than 50 levels"):
        load_mat(path)
