"""Engines at work, with a TensorRT that is a stand-in: what is loaded, what is built, what is run in pieces."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gazenet.errors import UsageError
from gazenet.export import tensorrt_engine as room
from gazenet.export.tensorrt_engine import check_machine, open_engine

CPU = torch.device("cpu")
ROW = 3
MOST = 4


class Context:
    """Doubles rows of three numbers, at the addresses that it is given."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.batches: list[int] = []

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shapes[name] = shape
        return shape[1:] == (ROW,) and shape[0] <= MOST

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.shapes["rows"]

    def execute_async_v3(self, stream: int) -> bool:
        count = self.shapes["rows"][0] * ROW
        self.batches.append(self.shapes["rows"][0])
        given, found = ((ctypes.c_float * count).from_address(self.addresses[name]) for name in ("rows", "doubled"))
        found[:] = [2 * value for value in given]
        return True


class Engine:
    num_io_tensors = 2

    def __init__(self) -> None:
        self.context = Context()

    def create_execution_context(self) -> Context:
        return self.context

    def get_tensor_name(self, k: int) -> str:
        return ("rows", "doubled")[k]

    def get_tensor_mode(self, name: str) -> str:
        return "TensorIOMode.INPUT" if name == "rows" else "TensorIOMode.OUTPUT"

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (-1, ROW)

    def get_tensor_dtype(self, name: str) -> str:
        return "DataType.FLOAT"

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[tuple[int, ...]]:
        return [(1, ROW), (2, ROW), (MOST, ROW)]


class Runtime:
    def __init__(self, logger: object) -> None:
        self.logger = logger

    def deserialize_cuda_engine(self, content: bytes) -> Engine | None:
        return Engine() if content == b"made here" else None


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The engines that were built."""

    class Logger:
        ERROR = 1

        def __init__(self, level: int) -> None:
            self.level = level

    trt = SimpleNamespace(Runtime=Runtime, Logger=Logger, __name__="tensorrt", __version__="11.4")
    made: list[Any] = []

    def build(source: Path, target: Path, batch: tuple[int, int, int]) -> None:
        made.append((source.name, target.name, batch))
        target.write_bytes(b"made here")

    monkeypatch.setattr(room, "tensorrt_module", lambda: trt)
    monkeypatch.setattr(room, "build_engine", build)
    return made


def never() -> Path:
    raise AssertionError("no graph is needed")


def test_an_engine_is_built_once_and_run_in_pieces(built: list[Any], tmp_path: Path) -> None:
    rows = torch.rand(9, ROW)
    for _ in range(2):
        runner = open_engine(None, lambda: tmp_path / "net.onnx", [rows], CPU)
        (found,) = runner([rows])
        assert torch.equal(found, 2 * rows)
    assert built == [("net.onnx", "net-tensorrt_11.4_cpu.engine", (1, 8, 8))]
    assert runner._context.batches == [4, 4, 1]
    with pytest.raises(UsageError, match=r"input rows is \[1, 2\], the engine was built for \[-1, 3\]"):
        runner([torch.rand(1, 2)])
    with pytest.raises(UsageError, match="takes 1 inputs, not 2"):
        runner([rows, rows])


def test_a_given_engine_is_used_where_it_loads(
    built: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "given.engine"
    given.write_bytes(b"made here")
    ones = torch.ones(1, ROW)
    assert torch.equal(open_engine(given, never, [ones], CPU)([ones])[0], 2 * ones)
    assert not built and capsys.readouterr().err == ""
    given.write_bytes(b"made elsewhere")
    open_engine(given, lambda: tmp_path / "net.onnx", [ones], CPU)
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "given.engine: built for another GPU or version of TensorRT than 11.4" in told
    assert len(built) == 1
    with pytest.raises(UsageError, match=r"none\.engine: cannot be read"):
        open_engine(tmp_path / "none.engine", never, [], CPU)


def test_an_engine_that_cannot_be_loaded_is_told(
    built: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runtime, "deserialize_cuda_engine", lambda self, content: None)
    with pytest.raises(UsageError, match=r"TensorRT 11.4 cannot load the engine it built"):
        open_engine(None, lambda: tmp_path / "net.onnx", [torch.ones(1, ROW)], CPU)


@pytest.mark.usefixtures("built")
def test_machines_without_a_gpu_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="backend tensorrt needs an NVIDIA GPU, and none is usable here"):
        check_machine(CPU)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UsageError, match="needs a GPU as device, not cpu: --set device=cuda:0"):
        check_machine(CPU)
