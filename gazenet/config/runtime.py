"""Settings of the library that runs a network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gazenet.config.model import ConfigModel, PathText


class RuntimeConfig(ConfigModel):
    """Keys that the configs of extractors and integrators share."""

    backend: Literal["torch", "onnxruntime", "tensorrt"] = Field(
        "torch",
        description="Library that runs the network; all but torch export it once, to <cache_dir>/networks.",
    )
    precision: Literal["fp32", "fp16", "bf16"] = Field(
        "fp32",
        description="fp16: half precision in the network's file, not with backend torch; bf16: convolutions in "
        "bfloat16, with backend torch on processors that support it.",
    )
    file: PathText | None = Field(
        None,
        description="File written by gasp_export: .onnx with backend onnxruntime, .engine with tensorrt; null: "
        "exported and kept on first use.",
    )

    @model_validator(mode="after")
    def _check_backend(self) -> RuntimeConfig:
        if self.backend == "torch" and self.precision == "fp16":
            raise ValueError("precision fp16 needs backend onnxruntime or tensorrt; backend torch has bf16")
        if self.backend != "torch" and self.precision == "bf16":
            raise ValueError(f"precision bf16 needs backend torch; backend {self.backend} has fp16")
        suffix = {"torch": None, "onnxruntime": ".onnx", "tensorrt": ".engine"}[self.backend]
        if self.file is not None and (suffix is None or not self.file.endswith(suffix)):
            raise ValueError(f"file {self.file}: backend {self.backend} takes {suffix or 'no file'}")
        return self
