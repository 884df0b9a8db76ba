"""A whole recipe in one file: a line through points, with noise that only training sees."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from gazenet.errors import UsageError
from gazenet.training.checkpoints import save_whole
from gazenet.training.recipe_config import ConfigModel, FitConfig, RecipeConfig
from gazenet.training.recipe_run import RecipeResult, RecipeRun
from gazenet.training.recipe_spec import RecipeSpec
from gazenet.training.recipe_task import Batch, LossTerms, RecipeTask
from gazenet.training.seeded_samples import Sample


class LineData(ConfigModel):
    points: int = Field(default=12, ge=1)
    noise: float = 0.1


class LineFit(FitConfig):
    learning_rate: float = 0.1
    batch_size: int = 4
    max_epochs: int = 4


class LineConfig(RecipeConfig):
    recipe: Literal["line"] = "line"
    data: LineData = LineData()
    trainer: LineFit = LineFit()
    dropout: float = 0.2
    steps: tuple[str, ...] = ("first",)


SPEC = RecipeSpec(
    name="line", summary="A line through points", config=LineConfig, implementation="tests.training.line_recipe:Line"
)


class Points:
    """Points of y = 2x + 1."""

    def __init__(self, config: LineData) -> None:
        self.config = config
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.config.points

    def sample(self, index: int, random: np.random.Generator | None) -> Sample:
        self.asked.append(index)
        x = index / self.config.points + (0 if random is None else self.config.noise * random.normal())
        return {"x": torch.tensor([x], dtype=torch.float32), "y": torch.tensor([2 * x + 1], dtype=torch.float32)}


class LineTask(RecipeTask):
    def __init__(self, config: LineConfig) -> None:
        super().__init__(nn.Sequential(nn.Dropout(config.dropout), nn.Linear(1, 1)))
        self.config = config

    def outcome(self, batch: Batch) -> LossTerms:
        error = self.network(batch["x"]) - batch["y"]
        return LossTerms({"square": (error**2).mean(), "size": 0.01 * error.abs().mean()}, {"bias": error.mean()})

    def pictures(self, batch: Batch) -> dict[str, NDArray[np.uint8]]:
        return {"points": np.full((8, 9, 3), 255, np.uint8)}

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.network.parameters(), lr=self.config.trainer.learning_rate)


class Line:
    def __init__(self, config: LineConfig) -> None:
        if config.data.noise < 0:
            raise UsageError("data.noise: must not be negative")
        self.config = config

    def train(self, run: RecipeRun) -> RecipeResult:
        values = {}
        for name in self.config.steps:
            values[name] = run.step(name, lambda name=name: self._one(run, name))
        return RecipeResult(run.folder / f"{self.config.steps[-1]}.pth", values)

    def _one(self, run: RecipeRun, name: str) -> dict[str, Any]:
        points = Points(self.config.data)
        made = run.fit(
            lambda: LineTask(self.config),
            points,
            Points(self.config.data),
            name,
            weights=lambda epoch: run.folder / name / "weights" / f"{epoch:03d}.pth",
        )
        save_whole(made.task.state(), run.folder / f"{name}.pth")
        return made.values
