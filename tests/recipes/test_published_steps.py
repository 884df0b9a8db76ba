"""Three optimiser steps of published networks, equal to the released training."""

from __future__ import annotations

import importlib.util
import json
import zlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from gazenet.config.training import LossConfig, TrainerConfig
from gazenet.fusion.gasp_config import published
from gazenet.recipes.gasp.gasp_losses import logged
from gazenet.recipes.gasp.gasp_task import IntegratorTask

GOLDENS = Path(__file__).resolve().parents[1] / "data" / "goldens"


def recipes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_step_inputs", GOLDENS / "metrics" / "inputs.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def filled(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Reproducible weights that follow from each tensor's own key."""
    return {
        key: torch.from_numpy(values(key, tuple(value.shape)))
        if value.is_floating_point()
        else torch.zeros_like(value)
        for key, value in state.items()
    }


def values(key: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.RandomState(zlib.crc32(key.encode()) & 0xFFFFFFFF)
    if len(shape) >= 2:
        scale = np.sqrt(2.0 / max(1, int(np.prod(shape[1:]))))
        return (rng.standard_normal(shape) * scale).astype(np.float32)
    if key.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if key.endswith("running_mean"):
        return (0.1 * rng.standard_normal(shape)).astype(np.float32)
    if key.endswith("weight"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    return (0.05 * rng.standard_normal(shape)).astype(np.float32)


def batch_of(recipe: dict) -> dict[str, torch.Tensor]:
    build = recipes().build
    modules = torch.from_numpy(build(recipe["modules"]))
    salmap = torch.from_numpy(build(recipe["seq_salmap"]).astype(np.float32))
    seq = salmap.view(len(modules), -1, 1, *salmap.shape[-2:])
    fixations = torch.from_numpy(build(recipe["fixations"]).astype(np.float32))[:, None] / 255
    return {"maps": modules, "salmap": seq[:, -1], "seq_salmap": seq, "fixmap": fixations}


@pytest.mark.parametrize("case", ["train_gmu", "train_seq_dam_largmu"])
def test_three_steps(case: str) -> None:
    golden = json.loads((GOLDENS / "gasp_train" / f"{case}.json").read_text())
    kwargs = {k: v for k, v in golden["config"]["kwargs"].items() if k != "batch_size"}
    loss = LossConfig(mode="published", bce=0.5, cc=2, nss=1, dam=0.5)
    trainer = TrainerConfig(
        optimizer="adam", learning_rate=1.4e-4, weight_decay=0, schedule="constant", batch_size=2, loss=loss
    )
    task = IntegratorTask(published(golden["config"]["class"], **kwargs), trainer, steps=3)
    assert {key for key, *_ in golden["state"]} == set(task.network.state_dict())
    task.network.load_state_dict(filled(task.network.state_dict()))
    task.network.train()
    optimizer = task.configure_optimizers()
    for recipe, want in zip(golden["inputs"], golden["steps"], strict=True):
        optimizer.zero_grad()
        terms = task.terms(batch_of(recipe))
        total = torch.stack(list(terms.values())).sum()
        total.backward()
        assert total.item() == pytest.approx(want["loss"], rel=1e-3)
        found = logged(terms, loss, 2)
        for name, value in want["logged"].items():
            assert found.get(name.removeprefix("train_"), 0.0) == pytest.approx(value, rel=1e-3, abs=1e-6), name
        norms = {key: float(p.grad.norm()) for key, p in task.network.named_parameters() if p.grad is not None}
        assert norms.keys() == want["grad_l2"].keys()
        for name, value in want["grad_l2"].items():
            assert norms[name] == pytest.approx(value, rel=2e-2, abs=1e-4), name
        optimizer.step()
