"""TensorRT engines from ONNX files, by TensorRT or TensorRT for RTX; nothing else needs either.

The precision is that of the graph: networks are strongly typed, so a half-precision engine is built from a
half-precision file. TensorRT for RTX builds without a graphics card; its engines run on any supported card.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from gazenet.errors import UsageError
from gazenet.export.onnx_export import inspect_onnx
from gazenet.files import write_bytes

MODULES = ("tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings")

MISSING = (
    "TensorRT is not installed: pip install tensorrt-cu12 (its libraries come from pypi.nvidia.com), or TensorRT for "
    "RTX: pip install --no-deps tensorrt-rtx-cu12-libs tensorrt-rtx-cu12-bindings"
)


def tensorrt_module() -> Any:
    """Import the first TensorRT that is installed. Raises UsageError where there is none."""
    for name in MODULES:
        try:
            return importlib.import_module(name)
        except ImportError:  # absent, or without its libraries
            continue
    raise UsageError(MISSING)


def check_builder() -> None:
    """Raise UsageError where no engine can be built: without TensorRT, or without the GPU that the full one needs."""
    if tensorrt_module().__name__ != MODULES[0]:
        return
    import torch

    if not torch.cuda.is_available():
        raise UsageError(
            "TensorRT builds on the GPU that the engine is for, and none is usable here; use --format onnx"
        )


def build_engine(source: Path, target: Path, batch: tuple[int, int, int] = (1, 1, 1), workspace: int = 4 << 30) -> int:
    """Build an engine from an ONNX file; returns its size in bytes.

    Args:
        source: an ONNX file whose first axes may be free.
        target: of the engine, which appears by rename.
        batch: smallest, usual and largest size of a free first axis.
        workspace: bytes that the builder may use.

    Raises UsageError without TensorRT, for files that its parser refuses (named beforehand where that is known), for
    other free axes, and where no engine comes out.
    """
    unfit = inspect_onnx(source).unfit
    if unfit:
        raise UsageError(f"{source}: TensorRT cannot take {'; '.join(unfit)}")
    trt = tensorrt_module()
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(_strongly_typed(trt))
    _parse(trt, network, logger, source)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    if hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)  # ten bits of mantissa are not single precision
    _bound_batch(builder, network, config, batch, source)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise UsageError(f"{source}: TensorRT {trt.__version__} built no engine; its messages are above")
    content = bytes(engine)
    write_bytes(target, content)
    return len(content)


def _strongly_typed(trt: Any) -> int:
    """Return the flag; from version 11 on every network is strongly typed and the flag may be absent."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _parse(trt: Any, network: Any, logger: Any, source: Path) -> None:
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(str(source)):
        faults = [parser.get_error(k).desc() for k in range(parser.num_errors)]
        raise UsageError(f"{source}: TensorRT {trt.__version__} cannot parse it: {'; '.join(faults[:3])}")


def _bound_batch(builder: Any, network: Any, config: Any, batch: tuple[int, int, int], source: Path) -> None:
    """Set the bounds of free first axes."""
    inputs = [network.get_input(k) for k in range(network.num_inputs)]
    free = [node for node in inputs if -1 in tuple(node.shape)]
    if not free:
        return
    profile = builder.create_optimization_profile()
    for node in free:
        rest = tuple(node.shape)[1:]
        if -1 in rest:
            raise UsageError(f"{source}: input {node.name} has free axes beside the first: {list(node.shape)}")
        profile.set_shape(node.name, *((size, *rest) for size in batch))
    config.add_optimization_profile(profile)
