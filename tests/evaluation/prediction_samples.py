"""Output folders of gasp_infer and tables of fixations, made up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gazenet.data.density import density
from gazenet.data.fixations import Fixations

SIZE, SHAPE, TIMES = (72, 128), (18, 32), np.arange(10) / 10


def looks(seed: int = 0, people: int = 12, low: tuple[float, float] = (50, 20)) -> Fixations:
    points = np.random.default_rng(seed).uniform(low, np.add(low, 20), (people, 2))
    return Fixations(np.arange(people), np.zeros(people), np.full(people, 0.45), points)


def right_maps(table: Fixations) -> np.ndarray:
    return np.repeat(density(table.points, SIZE, SHAPE, 4.0)[None], 10, 0)


def write_result(folder: Path, maps: np.ndarray, rows: int = 10, media: str = "gone.mp4") -> None:
    folder.mkdir(parents=True)
    np.save(folder / "saliency.npy", maps.astype(np.float16))
    lines = ["frame,time_s,peak_x,peak_y", *(f"{k},{k / 10:.4f},0,0" for k in range(rows))]
    (folder / "attention.csv").write_text("\n".join(lines) + "\n")
    record = {"video": {"width": SIZE[1], "height": SIZE[0]}, "input": media}
    (folder / "run.json").write_text(json.dumps(record))


def write_table(path: Path, tables: dict[str, Fixations]) -> Path:
    lines = ["video,subject,start_ms,duration_ms,x,y"]
    for name, table in tables.items():
        rows = zip(table.subject, table.start, table.duration, table.points, strict=True)
        lines += [f"{name},{s},{1000 * a:.0f},{1000 * d:.0f},{x},{y}" for s, a, d, (x, y) in rows]
    path.write_text("\n".join(lines) + "\n")
    return path
