"""A run: all inputs, one after the other, each isolated from the faults of the others."""

from __future__ import annotations

import gc
import os
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gazenet.border import journal
from gazenet.config.infer import InferConfig
from gazenet.errors import UsageError
from gazenet.files import write_json
from gazenet.inference.claim import claimed
from gazenet.inference.collection import Known
from gazenet.inference.failures import at_work, failure
from gazenet.inference.graph import Graph, build_graph
from gazenet.inference.inputs import expand, result_folders
from gazenet.inference.jobs import Ended, Engine, Job
from gazenet.inference.progress import Progress
from gazenet.inference.results import ChunkResult, RunResult, SinkContext, VideoSummary
from gazenet.inference.runrecord import (
    NAME,
    as_text,
    finished,
    run_fingerprint,
    versions,
    weight_hashes,
    write_record,
)
from gazenet.inference.sinks.base import Sink, load_sink, notes_of, still_there
from gazenet.inference.sources import identity, open_frames
from gazenet.inference.stored import StoredPass, stored_graph, stored_maps
from gazenet.inference.timing import Timings, network_text
from gazenet.inference.video import VideoPass, default_store
from gazenet.inference.writer import SinkThread
from gazenet.maps.keys import without_folders
from gazenet.media.source import display_name
from gazenet.media.stills import FrameSource
from gazenet.media.types import VideoInfo

WITHOUT_INTEGRATOR = ("report", "published")
"""Sinks that show cues."""


def run(
    config: InferConfig,
    inputs: Sequence[Path],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
    known: Mapping[Path, Known] = types.MappingProxyType({}),
    engine: Engine | None = None,
) -> RunResult:
    """Predicts saliency for every input and leaves the outputs of the config in ``<output_dir>/<stem>/``.

    Args:
        resume: finished inputs are left alone and cached cues are used again, which is always safe; without, the
            outputs are written again (cached cues are still used: they cannot differ).
        progress_log_file: receives ``completed,videoid=<stem>,videoidx=<number>`` per finished input.
        known: what a data set says of some inputs; their results are called by its names.
        engine: who does the work; by default this process, one input after the other.

    Raises UsageError or PluginError before any work where the request is wrong. A failing input is reported and
    the others go on.
    """
    with at_work(config, output_dir):
        graph = prepare(config, output_dir, progress_log_file)
        return run_graph(graph, inputs, output_dir, resume, progress_log_file, known, engine)


def prepare(config: InferConfig, output_dir: Path, progress_log_file: Path | None = None) -> Graph:
    """What a run needs before its first input: threads, places that can be written, loaded plugins."""
    prepare_threads(config)
    writable(output_dir)
    _log(progress_log_file, "")
    return stored_graph(config) if stored_maps(config) else build_graph(config)


def one_after_the_other(graph: Graph, jobs: Sequence[Job], resume: bool) -> Iterator[Ended]:
    """The engine of this process."""
    for job in jobs:
        try:
            yield job, work_on(graph, job, resume)
        except Exception as error:
            yield job, error


def run_graph(
    graph: Graph,
    inputs: Sequence[Path],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
    known: Mapping[Path, Known] = types.MappingProxyType({}),
    engine: Engine | None = None,
) -> RunResult:
    """As :func:`run`, with a graph that is loaded already."""
    names = {path: one.name for path, one in known.items()}
    # A folder of pictures that a data set calls a video is one.
    files = [file for path in inputs for file in ([path] if path in known else expand([path]))]
    folders = result_folders(files, output_dir, names)
    jobs = [Job(index, path, folder, known.get(path)) for index, (path, folder) in enumerate(folders.items())]
    for job in jobs:
        if job.folder.name != names.get(job.path, job.path.stem):
            print(f"{display_name(job.path)}: results go to {display_name(job.folder)}", file=sys.stderr)
    result, store = RunResult(), default_store(graph.config.resolved_cache_dir)
    for job, ended in (engine or one_after_the_other)(graph, jobs, resume):
        if isinstance(ended, Exception):
            result.failures.append(failure(job.path, ended, store.root))
            print(f"error: {result.failures[-1].reason}", file=sys.stderr, flush=True)
            # What the failed input held is let go of now: a file that a plugin closed under it must not be closed
            # again when its number is that of a file of the next input.
            del ended
            gc.collect()
            continue
        result.finished.append(ended)
        _log(progress_log_file, f"completed,videoid={display_name(job.folder.name)},videoidx={job.index}\n")
    order = {job.path: job.index for job in jobs}
    result.finished.sort(key=lambda one: order[one.path])
    result.failures.sort(key=lambda one: order[one.path])
    _write_overview(output_dir, graph.config, result)
    return result


def prepare_threads(config: InferConfig) -> None:
    """Shares the cores among the workers, unless the config says how many threads the numeric libraries get."""
    import cv2
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = config.threads or max(1, cores // config.workers)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    torch.manual_seed(config.seed)


def writable(folder: Path) -> Path:
    """The folder, made if need be. Raises UsageError where nothing can be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".gazenet-probe-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"output_dir {folder}: cannot be written ({error.strerror}); choose another") from None
    return folder


def work_on(graph: Graph, job: Job, resume: bool) -> VideoSummary:
    """One input, unless its results are there already. Raises GazenetError."""
    path, folder = job.path, job.folder
    journal.works_on(display_name(path))
    content = identity(path, pictures=stored_maps(graph.config))
    sinks = wanted_sinks(graph.config, integrator=graph.integrator is not None)
    files = [name for sink in sinks for name in sink.files]
    fingerprint = run_fingerprint(graph, content, told_of_sinks(graph.config, sinks))
    with claimed(folder) as notes:
        done = finished(folder, fingerprint, files) if resume else None
        if not all(still_there(sink, folder) for sink in sinks):
            done = None
        if done is not None:
            print(
                f"{display_name(path)}: finished before, nothing to do; results in {display_name(folder)}",
                file=sys.stderr,
            )
            return VideoSummary(
                path, folder, done["frames"], done["warnings"], done["counts"], done["timings"], skipped=True
            )
        (folder / "run.json").unlink(missing_ok=True)
        return _work(graph, path, folder, content, sinks, fingerprint, notes, job.known)


def told_of_sinks(config: InferConfig, sinks: Sequence[Sink]) -> list[str]:
    """Names of sinks; of one with settings, these and the ground truth that it may write."""
    settings = {name: value for name, value in config.outputs.model_dump(mode="json").items() if value is not True}
    truth = config.data.model_dump(mode="json", include={"reader", "options"}) if config.data else {}
    return [f"{sink.name} {settings[sink.name]} {truth}" if sink.name in settings else sink.name for sink in sinks]


def wanted_sinks(config: InferConfig, integrator: bool) -> list[Sink]:
    """The sinks that the config asks for; without an integrator only those that show cues."""
    asked = [name for name, on in config.outputs.model_dump().items() if on]
    if not integrator:
        asked = [name for name in asked if name in WITHOUT_INTEGRATOR]
    return [load_sink(name) for name in asked]


def _work(
    graph: Graph,
    path: Path,
    folder: Path,
    content: str,
    sinks: list[Sink],
    fingerprint: str,
    notes: list[str],
    known: Known | None,
) -> VideoSummary:
    timings = Timings()
    source = open_frames(path, graph.config.max_side)
    try:
        job = _through(graph, source, content, folder, sinks, timings, path, known)
    finally:
        source.close()
    told_by_sinks = [line for sink in sinks for line in notes_of(sink)]
    root = default_store(graph.config.resolved_cache_dir).root
    noticed = [without_folders(line, root) for line in job.warnings]
    warnings = [*notes, *noticed, *source.warnings, *told_by_sinks]
    counts: dict[str, Any] = {"corrupt_frames": source.corrupt_frames, "skipped_cues": job.skipped}
    told = timings.summary(job.frames)
    summary = VideoSummary(path, folder, job.frames, warnings, counts, told)
    files = [name for sink in sinks for name in sink.files]
    write_record(folder, _record(graph, summary, source.info, content, fingerprint, files))
    for line in warnings:
        print(f"{display_name(path)}: {line}", file=sys.stderr)
    print(
        f"{display_name(path)}: {job.frames} frames in {told['wall_s']:.1f} s, {told['frames_per_s']:.1f} frames/s; "
        f"{network_text(told)}; results in {display_name(folder)}: {', '.join([*files, NAME])}",
        file=sys.stderr,
        flush=True,
    )
    return summary


def _through(
    graph: Graph,
    source: FrameSource,
    content: str,
    folder: Path,
    sinks: list[Sink],
    timings: Timings,
    path: Path,
    known: Known | None,
) -> VideoPass | StoredPass:
    config = graph.config
    store = default_store(config.resolved_cache_dir)
    name = display_name(path)
    with ThreadPoolExecutor(config.workers, "gazenet", journal.works_on, (name,)) as pool:
        thread: list[SinkThread] = []

        def emit(chunk: ChunkResult) -> None:
            thread[0].put(chunk)

        job: VideoPass | StoredPass
        if stored_maps(config):
            job = StoredPass(graph, source, emit, timings)
        else:
            job = VideoPass(graph, source, content, store, pool, emit, timings)
        gates = graph.integrator.spec.cues if graph.integrator is not None else ()
        names = tuple(cue.name for cue in graph.cues)
        facts = config.model_dump(mode="json")
        context = SinkContext(folder, path, source.info, source.size, job.map_size, names, gates, facts, known)
        thread.append(SinkThread(sinks, context, timings))
        try:
            with Progress(display_name(path.name), source.info.declared_frames) as bar:
                job.run(bar.update)
            warnings = job.warnings + source.warnings
            told = {"timings": timings.summary(job.frames), "warnings": warnings, "versions": versions()}
            thread[0].finish({**told, "config": facts, "frames": job.frames})
        except BaseException:
            thread[0].abort()
            raise
    return job


def _record(
    graph: Graph, summary: VideoSummary, info: VideoInfo, content: str, fingerprint: str, files: list[str]
) -> dict[str, Any]:
    return {
        "input": as_text(summary.path),
        "source_id": content,
        "fingerprint": fingerprint,
        "outputs": files,
        "video": {"width": info.width, "height": info.height, "rate": float(info.rate), "sound": info.has_audio},
        "frames": summary.frames,
        "counts": summary.counts,
        "warnings": summary.warnings,
        "timings": summary.timings,
        "versions": versions(),
        "cues": {cue.name: {"version": cue.spec.version, "fingerprint": cue.fingerprint} for cue in graph.cues},
        "weights": weight_hashes(graph),
        "integrator": graph.integrator.spec.model_dump(mode="json") if graph.integrator else None,
        "config": graph.config.model_dump(mode="json"),
    }


def _log(file: Path | None, text: str) -> None:
    """Appends to the progress log. Raises UsageError where it cannot be written."""
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(text)
    except OSError as error:
        raise UsageError(f"progress_log_file {file}: cannot be written ({error.strerror})") from None


def _write_overview(output_dir: Path, config: InferConfig, result: RunResult) -> None:
    write_json(
        output_dir / "run.json",
        {
            "finished": [{"input": as_text(one.path), "folder": as_text(one.folder or "")} for one in result.finished],
            "failures": [
                {"input": as_text(one.path), "reason": one.reason, **({"trace": one.trace} if one.trace else {})}
                for one in result.failures
            ],
            "versions": versions(),
            "config": config.model_dump(mode="json"),
        },
    )
