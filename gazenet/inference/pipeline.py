"""A run: all inputs, one after the other, each isolated from the faults of the others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gazenet.config.infer import InferConfig
from gazenet.cues.registry import get
from gazenet.errors import GazenetError, UsageError
from gazenet.files import write_json
from gazenet.inference.graph import Graph, build_graph
from gazenet.inference.inputs import expand, result_folders
from gazenet.inference.progress import Progress
from gazenet.inference.results import RunResult, SinkContext, VideoSummary
from gazenet.inference.runrecord import finished, run_fingerprint, versions, write_record
from gazenet.inference.sinks.base import Sink
from gazenet.inference.timing import Timings
from gazenet.inference.video import VideoPass, default_store
from gazenet.inference.writer import SinkThread
from gazenet.media.source import source_id
from gazenet.media.stills import FrameSource, open_source


def run(
    config: InferConfig,
    inputs: Sequence[Path],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
) -> RunResult:
    """Predicts saliency for every input and leaves the outputs of the config in ``<output_dir>/<stem>/``.

    Raises UsageError or PluginError before any work where the request is wrong. A failing input is reported and
    the others go on.
    """
    prepare_threads(config)
    output_dir = writable(output_dir)
    graph = build_graph(config)
    folders = result_folders(expand(inputs), output_dir)
    result = RunResult()
    for index, (path, folder) in enumerate(folders.items()):
        try:
            result.finished.append(_one(graph, path, folder, resume))
            _log(progress_log_file, path, index)
        except UsageError:
            raise
        except (GazenetError, OSError) as error:
            reason = str(error)
            result.failures.append((path, reason))
            print(f"error: {reason}", file=sys.stderr, flush=True)
    _write_overview(output_dir, config, result)
    return result


def prepare_threads(config: InferConfig) -> None:
    """Leaves one thread per worker to the numeric libraries, unless the config says otherwise."""
    import cv2
    import torch

    torch.set_num_threads(config.threads or 1)
    cv2.setNumThreads(config.threads or 1)
    torch.manual_seed(config.seed)


def writable(folder: Path) -> Path:
    """The folder, made if need be. Raises UsageError where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".gazenet-probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"output_dir {folder}: cannot be written ({error.strerror}); choose another") from None
    return folder


def _one(graph: Graph, path: Path, folder: Path, resume: bool) -> VideoSummary:
    identity = source_id(path)
    sinks = wanted_sinks(graph.config, integrator=graph.integrator is not None)
    files = [name for sink in sinks for name in sink.files]
    fingerprint = run_fingerprint(graph, identity, [sink.name for sink in sinks])
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(folder / ".lock"), timeout=0)
    try:
        with lock:
            done = finished(folder, fingerprint, files) if resume else None
            if done is not None:
                print(f"{path}: finished before, nothing to do", file=sys.stderr)
                return VideoSummary(path, folder, done["frames"], done["warnings"], {}, done["timings"], skipped=True)
            (folder / "run.json").unlink(missing_ok=True)
            return _work(graph, path, folder, identity, sinks, fingerprint)
    except Timeout:
        raise GazenetError(
            f"{folder}: another run is writing here; wait for it, or choose another output_dir"
        ) from None


def wanted_sinks(config: InferConfig, integrator: bool) -> list[Sink]:
    """The sinks that the config asks for; without an integrator only those that show cues."""
    asked = [name for name, on in config.outputs.model_dump().items() if on]
    if not integrator:
        asked = [name for name in asked if name == "report"]
    return [get(name, "gazenet.sinks", type).load()() for name in asked]


def _work(graph: Graph, path: Path, folder: Path, identity: str, sinks: list[Sink], fingerprint: str) -> VideoSummary:
    timings = Timings()
    source = open_source(path, graph.config.max_side)
    try:
        warnings, frames = _through(graph, source, identity, folder, sinks, timings, path)
    finally:
        source.close()
    summary = VideoSummary(
        path, folder, frames, warnings, {"corrupt_frames": source.corrupt_frames}, timings.summary(frames)
    )
    write_record(folder, _record(graph, summary, identity, fingerprint))
    for line in warnings:
        print(f"{path}: {line}", file=sys.stderr)
    return summary


def _through(
    graph: Graph,
    source: FrameSource,
    identity: str,
    folder: Path,
    sinks: list[Sink],
    timings: Timings,
    path: Path,
) -> tuple[list[str], int]:
    config = graph.config
    store = default_store(config.resolved_cache_dir)
    with ThreadPoolExecutor(config.workers, thread_name_prefix="gazenet") as pool:
        thread: list[SinkThread] = []
        job = VideoPass(graph, source, identity, store, pool, lambda chunk: thread[0].put(chunk), timings)
        gates = graph.integrator.spec.cues if graph.integrator is not None else ()
        names = tuple(cue.name for cue in graph.cues)
        facts = config.model_dump(mode="json")
        context = SinkContext(folder, path, source.info, source.size, job.map_size, names, gates, facts)
        thread.append(SinkThread(sinks, context, timings))
        try:
            with Progress(path.name, source.info.declared_frames) as bar:
                job.run(bar.update)
            warnings = job.warnings + source.warnings
            told = {"timings": timings.summary(job.frames), "warnings": warnings, "versions": versions()}
            thread[0].finish({**told, "config": facts, "frames": job.frames})
        except BaseException:
            thread[0].abort()
            raise
    return warnings, job.frames


def _record(graph: Graph, summary: VideoSummary, identity: str, fingerprint: str) -> dict[str, Any]:
    return {
        "input": str(summary.path),
        "source_id": identity,
        "fingerprint": fingerprint,
        "frames": summary.frames,
        "counts": summary.counts,
        "warnings": summary.warnings,
        "timings": summary.timings,
        "versions": versions(),
        "cues": {cue.name: {"version": cue.spec.version, "fingerprint": cue.fingerprint} for cue in graph.cues},
        "integrator": graph.integrator.spec.model_dump(mode="json") if graph.integrator else None,
        "config": graph.config.model_dump(mode="json"),
    }


def _log(file: Path | None, path: Path, index: int) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(f"completed,videoid={path.stem},videoidx={index}\n")


def _write_overview(output_dir: Path, config: InferConfig, result: RunResult) -> None:
    write_json(
        output_dir / "run.json",
        {
            "finished": [{"input": str(one.path), "folder": str(one.folder)} for one in result.finished],
            "failures": [{"input": str(path), "reason": reason} for path, reason in result.failures],
            "versions": versions(),
            "config": config.model_dump(mode="json"),
        },
    )
