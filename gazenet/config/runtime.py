"""Which library runs a network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gazenet.config.model import ConfigModel, PathText


class RuntimeConfig(ConfigModel):
    """What the configs of extractors and integrators have in common."""

    backend: Literal["torch", "onnxruntime", "tensorrt"] = Field(
        "torch",
        description="What runs the network; others than torch write it as a file once, in <cache_dir>/networks.",
    )
    precision: Literal["fp32", "fp16", "bf16"] = Field(
        "fp32",
        description="fp16: half precision inside the network's file, not with backend torch; bf16: convolutions in "
        "bfloat16, with backend torch on processors that have it.",
    )
    file: PathText | None = Field(
        None,
        description="What gasp_export wrote: .onnx with backend onnxruntime, .engine with tensorrt; null: made and "
        "kept when it is needed.",
    )

    @model_validator(mode="after")
    def _fits_the_backend(self) -> RuntimeConfig:
        if self.backend == "torch" and self.precision == "fp16":
            raise ValueError("precision fp16 needs backend onnxruntime or tensorrt; backend torch has bf16")
        if self.backend != "torch" and self.precision == "bf16":
            raise ValueError(f"precision bf16 needs backend torch; backend {self.backend} has fp16")
        wanted = {"torch": None, "onnxruntime": ".onnx", "tensorrt": ".engine"}[self.backend]
        if self.file is not None and (wanted is None or not self.file.endswith(wanted)):
            raise ValueError(f"file {self.file}: backend {self.backend} takes {wanted or 'no file'}")
        return self
