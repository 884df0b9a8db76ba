"""A run: all inputs, one after the other, each isolated from the faults of the others."""

from __future__ import annotations

import gc
import os
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from gazenet.config.inference import InferConfig
from gazenet.errors import UsageError
from gazenet.folder_lock import claimed
from gazenet.guard import journal
from gazenet.inference.cache.earlier_results import (
    NAME,
    digests,
    faults,
    finished,
    is_of,
    now,
    read_record,
    write_overview,
)
from gazenet.inference.cache.run_record import run_fingerprint, versions, weight_hashes, write_record
from gazenet.inference.engine.engine_protocol import Ended, Engine, Job
from gazenet.inference.engine.failures import at_work, failure
from gazenet.inference.engine.progress import ProgressBars
from gazenet.inference.engine.sink_thread import SinkThread
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.engine.timing import Timings, network_text
from gazenet.inference.engine.video_pass import VideoPass, default_store
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
from gazenet.inference.inputs.input_paths import expand, result_folders
from gazenet.inference.inputs.output_targets import check_targets
from gazenet.inference.inputs.sources import identity, open_frames
from gazenet.inference.inputs.stored_maps import StoredPass, stored_graph, stored_maps
from gazenet.inference.results import ChunkResult, RunResult, SinkContext, VideoSummary
from gazenet.inference.sinks.sink import LoadedSink, Sink, check_overlap, load_sink
from gazenet.maps.map_key import without_folders
from gazenet.media.frame_source import FrameSource
from gazenet.media.frames import VideoInfo
from gazenet.media.source_id import display_name
from gazenet.redaction import message


def run(
    config: InferConfig,
    inputs: Sequence[Path],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
    known: Mapping[Path, DatasetVideo] = types.MappingProxyType({}),
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


def prepare(config: InferConfig, output_dir: Path, progress_log_file: Path | None = None) -> StageGraph:
    """What a run needs before its first input: threads, places that can be written, loaded plugins."""
    prepare_threads(config)
    writable(output_dir)
    _log(progress_log_file, "")
    return stored_graph(config) if stored_maps(config) else build_graph(config)


def one_after_the_other(graph: StageGraph, jobs: Sequence[Job], resume: bool) -> Iterator[Ended]:
    """The engine of this process."""
    for job in jobs:
        try:
            yield job, work_on(graph, job, resume)
        except Exception as error:
            yield job, error


def run_graph(
    graph: StageGraph,
    inputs: Sequence[Path],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
    known: Mapping[Path, DatasetVideo] = types.MappingProxyType({}),
    engine: Engine | None = None,
) -> RunResult:
    """As :func:`run`, with a graph that is loaded already."""
    began = now()
    names = {path: one.name for path, one in known.items()}
    # A folder of pictures that a data set calls a video is one.
    files = [file for path in inputs for file in ([path] if path in known else expand([path]))]
    content = partial(identity, pictures=stored_maps(graph.config))
    folders = result_folders(files, output_dir, names, content)
    jobs = [Job(index, path, folder, known.get(path)) for index, (path, folder) in enumerate(folders.items())]
    sinks = wanted_sinks(graph.config, graph.integrator is not None)
    made = [name for sink in sinks for name in sink.files]
    check_targets(graph.config, jobs, made, output_dir, progress_log_file)
    for job in jobs:
        if job.folder.name != names.get(job.path, job.path.stem):
            told = f"results go to {display_name(job.folder)}, a name that no other input has"
            print(f"{display_name(job.path)}: {told}", file=sys.stderr)
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
    write_overview(output_dir, _overview(graph.config, result), began)
    return result


def _overview(config: InferConfig, result: RunResult) -> dict[str, Any]:
    failures = [
        {"input": one.path, "reason": one.reason, **({"trace": one.trace} if one.trace else {})}
        for one in result.failures
    ]
    done = [{"input": one.path, "folder": one.folder or ""} for one in result.finished]
    return {"finished": done, "failures": failures, "versions": versions(), "config": config.model_dump(mode="json")}


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


def work_on(graph: StageGraph, job: Job, resume: bool) -> VideoSummary:
    """One input, unless its results are there already. Raises GazenetError."""
    path, folder = job.path, job.folder
    journal.works_on(display_name(path))
    content = identity(path, pictures=stored_maps(graph.config))
    sinks = wanted_sinks(graph.config, integrator=graph.integrator is not None)
    files = [name for sink in sinks for name in sink.files]
    fingerprint = run_fingerprint(graph, content, told_of_sinks(graph.config, sinks))
    with claimed(folder) as notes:
        done = finished(folder, fingerprint) if resume else None
        if done is None:
            _say_what_changed(job, content)
            (folder / NAME).unlink(missing_ok=True)
            return _work(graph, job, content, sinks, files, fingerprint, notes)
        wrong = faults(folder, done, files)
        again = [sink for sink in sinks if wrong.keys() & {*sink.files} or not sink.kept(folder)]
        incomplete = [name for sink in again if not wrong.keys() & {*sink.files} for name in sink.files]
        for name, fault in {**wrong, **dict.fromkeys(incomplete, "what it tells of is incomplete or changed")}.items():
            print(f"{display_name(path)}: {display_name(folder / name)}: {fault}; made again", file=sys.stderr)
        if again:
            (folder / NAME).unlink()  # until all is there again, nothing says that it is
            return _work(graph, job, content, again, files, fingerprint, notes, done)
        place = display_name(folder)
        print(f"{display_name(path)}: finished before, nothing to do; results in {place}", file=sys.stderr)
        return VideoSummary(
            path, folder, done["frames"], done["warnings"], done["counts"], done["timings"], skipped=True
        )


def _say_what_changed(job: Job, content: str) -> None:
    """Results that are about to be replaced because the input is no longer what they were made from."""
    record = read_record(job.folder)
    if record is not None and is_of(record, job.path) and record.get("source_id", content) != content:
        print(f"{display_name(job.path)}: has changed since its results were made; made again", file=sys.stderr)


def told_of_sinks(config: InferConfig, sinks: Sequence[Sink]) -> list[str]:
    """Names of sinks; of those with settings, these and the ground truth that they may write."""
    settings, truth = config.outputs.wanted, {}
    if config.data:
        truth = config.data.model_dump(mode="json", include={"reader", "options"})
    return [f"{one.name} {settings[one.name]} {truth}" if settings.get(one.name) else one.name for one in sinks]


def wanted_sinks(config: InferConfig, integrator: bool) -> list[LoadedSink]:
    """The sinks that the config asks for; without an integrator only those that do not need saliency.

    Raises UsageError, PluginError.
    """
    sinks = [load_sink(name, settings) for name, settings in config.outputs.wanted.items()]
    sinks = [sink for sink in sinks if integrator or not sink.spec.saliency]
    check_overlap(sinks)
    return sinks


def _work(
    graph: StageGraph,
    job: Job,
    content: str,
    sinks: Sequence[Sink],
    files: list[str],
    fingerprint: str,
    notes: list[str],
    before: Mapping[str, Any] = types.MappingProxyType({}),
) -> VideoSummary:
    """Makes the outputs of ``sinks``; ``files`` are those of all, ``before`` the record of what is there already."""
    path, folder, timings = job.path, job.folder, Timings()
    source = open_frames(path, graph.config.max_side)
    try:
        done = _through(graph, source, content, folder, sinks, timings, path, job.known)
    finally:
        source.close()
    told_by_sinks = [line for sink in sinks for line in sink.notes]
    root = default_store(graph.config.resolved_cache_dir).root
    noticed = [without_folders(line, root) for line in done.warnings]
    earlier = list(before.get("warnings", ()))
    new = [*notes, *noticed, *source.warnings, *told_by_sinks]
    warnings = [*earlier, *(line for line in new if line not in earlier)]
    counts: dict[str, Any] = {"corrupt_frames": source.corrupt_frames, "skipped_cues": done.skipped}
    told = timings.summary(done.frames)
    summary = VideoSummary(path, folder, done.frames, warnings, counts, told)
    made = [name for sink in sinks for name in sink.files]
    kept = before.get("digests")
    known = {**(kept if isinstance(kept, dict) else {}), **digests(folder, made)}
    record = _record(graph, summary, source.info, content, fingerprint, files)
    write_record(folder, {**record, "digests": {name: known[name] for name in files if name in known}})
    for line in warnings:
        print(f"{display_name(path)}: {message(line)}", file=sys.stderr)
    print(
        f"{display_name(path)}: {done.frames} frames in {told['wall_s']:.1f} s, {told['frames_per_s']:.1f} frames/s; "
        f"{network_text(told)}; results in {display_name(folder)}: {', '.join([*made, NAME])}",
        file=sys.stderr,
        flush=True,
    )
    return summary


def _through(
    graph: StageGraph,
    source: FrameSource,
    content: str,
    folder: Path,
    sinks: Sequence[Sink],
    timings: Timings,
    path: Path,
    known: DatasetVideo | None,
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
            with ProgressBars(display_name(path.name), source.info.declared_frames) as bar:
                job.run(bar.update)
            warnings = job.warnings + source.warnings
            told = {"timings": timings.summary(job.frames), "warnings": warnings, "versions": versions()}
            thread[0].finish({**told, "config": facts, "frames": job.frames})
        except BaseException:
            thread[0].abort()
            raise
    return job


def _record(
    graph: StageGraph, summary: VideoSummary, info: VideoInfo, content: str, fingerprint: str, files: list[str]
) -> dict[str, Any]:
    return {
        "input": summary.path,
        "path": summary.path.absolute(),
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
