"""Prediction from Python: one call, one video, everything in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gazenet.config.inference import InferConfig
from gazenet.config.load import load_config
from gazenet.inference.engine.pipeline import prepare_threads
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.engine.timing import Timings
from gazenet.inference.engine.video_pass import VideoPass, default_store
from gazenet.inference.results import ChunkResult, Prediction
from gazenet.media.frame_source import open_source
from gazenet.media.source_id import source_id


def predict(path: str | Path, config: InferConfig | str = "default", sets: Sequence[str] = ()) -> Prediction:
    """Predict where people look in a video or picture; all maps are in memory, and no file is left.

    Args:
        path: the file.
        config: a config, or the name of one.
        sets: changes to a named config, as ``--set`` takes them: ``"faces.stride=1"``.

    Raises GazenetError (MediaError for unreadable files, UsageError for a wrong request).

    >>> import gazenet
    >>> from PIL import Image
    >>> Image.linear_gradient("L").convert("RGB").save("picture.png")
    >>> prediction = gazenet.predict("picture.png", sets=["threads=1"])
    >>> prediction.saliency.shape, float(prediction.saliency.max())
    ((1, 96, 96), 1.0)
    >>> sorted(prediction.cues)
    ['active_speaker', 'facial_expression', 'gaze_direction', 'gaze_following', 'saliency']
    """
    settings = load_config("infer", config, sets) if isinstance(config, str) else config
    prepare_threads(settings)
    graph = build_graph(settings)
    if settings.cache_dir is not None:
        return collect(graph, path, settings.cache_dir)
    with tempfile.TemporaryDirectory(prefix="gazenet-") as folder:
        return collect(graph, path, folder)


def collect(graph: StageGraph, path: str | Path, cache_dir: str | Path) -> Prediction:
    """Run a loaded graph over one file and gather its results; finished cues are taken from the cache."""
    timings = Timings()
    chunks: list[ChunkResult] = []

    def keep(chunk: ChunkResult) -> None:
        images = [np.zeros((0, 0, 3), np.uint8)] * len(chunk)
        chunks.append(ChunkResult(**{**chunk.__dict__, "images": images}))

    source = open_source(path, graph.config.max_side)
    try:
        VideoPass(graph, source, source_id(path), default_store(cache_dir), timings).run(keep)
    finally:
        source.close()
    return _joined(chunks, graph, timings)


def _joined(chunks: list[ChunkResult], graph: StageGraph, timings: Timings) -> Prediction:
    saliency = np.concatenate([chunk.saliency for chunk in chunks])
    if len(saliency):
        saliency = saliency / np.maximum(saliency.max(axis=(1, 2), keepdims=True), 1e-12)
    names = [cue.name for cue in graph.cues]
    frames = sum(len(chunk) for chunk in chunks)
    return Prediction(
        saliency=saliency,
        times=np.concatenate([chunk.times for chunk in chunks]),
        gates=np.concatenate([chunk.gates for chunk in chunks]),
        gate_names=graph.gates,
        cues={name: np.concatenate([chunk.cues[name] for chunk in chunks]) for name in names},
        records={name: [record for chunk in chunks for record in chunk.records[name]] for name in names},
        faces=[faces for chunk in chunks for faces in chunk.faces],
        timings=timings.summary(frames),
        pictures={name: np.concatenate([chunk.pictures[name] for chunk in chunks]) for name in chunks[0].pictures},
    )
