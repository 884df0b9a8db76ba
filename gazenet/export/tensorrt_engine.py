"""TensorRT engines: loaded or built for the GPU in use, and run on torch tensors."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor

from gazenet.errors import UsageError
from gazenet.export.tensorrt_build import build_engine, tensorrt_module

MOST = 8
"""The largest batch of an engine; larger batches are run in pieces."""

TYPES = {
    "FLOAT": torch.float32,
    "HALF": torch.float16,
    "BF16": torch.bfloat16,
    "INT32": torch.int32,
    "INT64": torch.int64,
    "BOOL": torch.bool,
    "UINT8": torch.uint8,
}
"""By TensorRT's names."""


def check_machine(device: torch.device) -> None:
    """Raise UsageError where no engine can run: without TensorRT, without a GPU, or with device cpu."""
    tensorrt_module()
    if not torch.cuda.is_available():
        raise UsageError("backend tensorrt needs an NVIDIA GPU, and none is usable here; use backend onnxruntime")
    if device.type != "cuda":
        raise UsageError(f"backend tensorrt needs a GPU as device, not {device}: --set device=cuda:0")


def open_engine(
    file: Path | None, graph: Callable[[], Path], inputs: Sequence[Tensor], device: torch.device
) -> EngineRunner:
    """Open an engine file, or build an engine from the graph for this GPU and keep it beside the graph.

    Args:
        file: an engine; if it does not load on this machine, a note is printed and another one is built.
        graph: returns the ONNX file; called if an engine must be built.
        inputs: examples of the inputs; the first axis may vary.
        device: a CUDA device.

    Raises UsageError where no engine can be built or loaded.
    """
    trt = tensorrt_module()
    runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
    if file is not None:
        engine = _loaded(runtime, file)
        if engine is not None:
            return EngineRunner(engine, file, device)
        print(
            f"{file}: built for another GPU or version of TensorRT than {trt.__version__}: building another",
            file=sys.stderr,
        )
    source = graph()
    path = source.with_name(f"{source.stem}-{_here(trt, device)}.engine")
    with FileLock(f"{path}.lock"):
        engine = _loaded(runtime, path) if path.is_file() else None
        if engine is None:
            usual = len(inputs[0])
            build_engine(source, path, (1, min(usual, MOST), MOST))
            engine = _loaded(runtime, path)
    if engine is None:
        raise UsageError(f"{path}: TensorRT {trt.__version__} cannot load the engine it built; its messages are above")
    return EngineRunner(engine, path, device)


def _loaded(runtime: Any, path: Path) -> Any:
    """Load the engine of a file; None where TensorRT refuses it. Raises UsageError for unreadable files."""
    try:
        return runtime.deserialize_cuda_engine(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def _here(trt: Any, device: torch.device) -> str:
    """Return what an engine is tied to, as part of a file name: library, version, GPU."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return re.sub(r"[^A-Za-z0-9.]+", "_", f"{trt.__name__}_{trt.__version__}_{name}")


class EngineRunner:
    """An engine that reads and writes torch tensors in place; one call at a time."""

    def __init__(self, engine: Any, path: Path, device: torch.device) -> None:
        self._engine, self._path, self._device = engine, path, device
        self._context = engine.create_execution_context()
        if self._context is None:
            raise UsageError(f"{path}: the GPU has no memory left for this engine")
        names = [engine.get_tensor_name(k) for k in range(engine.num_io_tensors)]
        self._inputs = [name for name in names if _ending(engine.get_tensor_mode(name)) == "INPUT"]
        self._outputs = [name for name in names if name not in self._inputs]
        self._most = self._largest_batch()

    def _largest_batch(self) -> int:
        """Return the largest batch of the first input, or its fixed one."""
        first = self._inputs[0]
        if self._engine.get_tensor_shape(first)[0] != -1:
            return int(self._engine.get_tensor_shape(first)[0])
        return int(self._engine.get_tensor_profile_shape(first, 0)[2][0])

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs in order. Raises UsageError for inputs that the engine does not accept."""
        if len(inputs) != len(self._inputs):
            raise UsageError(f"{self._path}: takes {len(self._inputs)} inputs, not {len(inputs)}")
        count = len(inputs[0])
        pieces = [self._run([value[k : k + self._most] for value in inputs]) for k in range(0, count, self._most)]
        return [torch.cat(parts) for parts in zip(*pieces, strict=True)]

    def _run(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        # Referenced until the end: the engine holds only addresses.
        values = [
            value.to(self._device, self._type(n)).contiguous() for n, value in zip(self._inputs, inputs, strict=True)
        ]
        for name, value in zip(self._inputs, values, strict=True):
            if not self._context.set_input_shape(name, tuple(value.shape)):
                expected = list(self._engine.get_tensor_shape(name))
                raise UsageError(
                    f"{self._path}: input {name} is {list(value.shape)}, the engine was built for {expected}"
                )
            self._context.set_tensor_address(name, value.data_ptr())
        outputs = []
        for name in self._outputs:
            shape = tuple(self._context.get_tensor_shape(name))
            outputs.append(torch.empty(shape, dtype=self._type(name), device=self._device))
            self._context.set_tensor_address(name, outputs[-1].data_ptr())
        self._execute()
        return [output.float() if output.dtype == torch.float16 else output for output in outputs]

    def _type(self, name: str) -> torch.dtype:
        return TYPES[_ending(self._engine.get_tensor_dtype(name))]

    def _execute(self) -> None:
        stream = torch.cuda.current_stream(self._device) if self._device.type == "cuda" else None
        if not self._context.execute_async_v3(stream.cuda_stream if stream else 0):
            raise UsageError(f"{self._path}: TensorRT could not run it; its messages are above")
        if stream:
            stream.synchronize()


def _ending(value: Any) -> str:
    """Return ``FLOAT`` for ``DataType.FLOAT``."""
    return str(value).rpartition(".")[2]
