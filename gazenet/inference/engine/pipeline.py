"""A run: all its inputs, each isolated from the faults of the others."""

from __future__ import annotations

import gc
import os
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gazenet.config.inference import InferConfig
from gazenet.config.sink_spec import SINKS, SinkSpec
from gazenet.errors import UsageError
from gazenet.folder_lock import lock_folder
from gazenet.guard import journal
from gazenet.inference.cache import earlier_results
from gazenet.inference.cache.earlier_results import NAME
from gazenet.inference.cache.run_record import run_fingerprint, versions, weight_hashes, write_record
from gazenet.inference.engine.engine_protocol import Engine, EngineResult, RunInput
from gazenet.inference.engine.failures import at_work, failure
from gazenet.inference.engine.progress import progress_bar
from gazenet.inference.engine.sink_thread import SinkThread
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.engine.timing import Timings, network_text
from gazenet.inference.engine.video_pass import VideoPass, default_store
from gazenet.inference.inputs.dataset_inputs import DatasetVideo
from gazenet.inference.inputs.input_paths import expand, result_folders
from gazenet.inference.inputs.output_targets import check_targets
from gazenet.inference.inputs.sources import identity, open_frames
from gazenet.inference.inputs.stored_maps import StoredPass, stored_graph, stored_maps
from gazenet.inference.results import RunResult, SinkContext, VideoSummary
from gazenet.inference.sinks.sink import LoadedSink, Sink, check_overlap, make_sink
from gazenet.maps.map_key import without_folders
from gazenet.media.frame_source import FrameSource
from gazenet.media.frames import VideoInfo
from gazenet.media.media_files import display_name
from gazenet.plugin_registry import get
from gazenet.redaction import redact_text


def run(
    config: InferConfig,
    inputs: Sequence[Path | DatasetVideo],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
    engine: Engine | None = None,
) -> RunResult:
    """Predict saliency for every input and leave the outputs of the config in ``<output_dir>/<name>/``.

    Args:
        inputs: files and folders, whose results are called by their stems, and videos of data sets, by their names.
        resume: leave finished inputs alone, which is always safe; without, their outputs are written again. Cached
            cues are used either way: they cannot differ.
        progress_log_file: receives ``completed,videoid=<name>,videoidx=<number>`` per finished input.
        engine: works through the inputs; by default this process, one input after the other.

    Raises UsageError or PluginError before any work where the request is wrong. A failing input is reported and
    the others go on.
    """
    with at_work(config, output_dir):
        graph = prepare(config, output_dir, progress_log_file)
        return run_graph(graph, inputs, output_dir, resume, progress_log_file, engine)


def prepare(config: InferConfig, output_dir: Path, progress_log_file: Path | None = None) -> StageGraph:
    """Set up threads, check that results can be written, and load the plugins. Raises UsageError, PluginError."""
    prepare_threads(config)
    writable(output_dir)
    _log(progress_log_file, "")
    return stored_graph(config) if stored_maps(config) else build_graph(config)


def one_after_the_other(graph: StageGraph, inputs: Sequence[RunInput], resume: bool) -> Iterator[EngineResult]:
    """Work through the inputs in this process (an ``Engine``)."""
    for item in inputs:
        try:
            yield item, work_on(graph, item, resume)
        except Exception as error:
            yield item, error


def run_graph(
    graph: StageGraph,
    inputs: Sequence[Path | DatasetVideo],
    output_dir: Path,
    resume: bool = True,
    progress_log_file: Path | None = None,
    engine: Engine | None = None,
) -> RunResult:
    """Do the same as :func:`run` with a graph that is loaded already."""
    began = earlier_results.now()
    run_inputs = _run_inputs(graph.config, inputs, output_dir)
    outputs = output_files(wanted_sinks(graph.config, graph.integrator is not None))
    check_targets(graph.config, run_inputs, outputs, output_dir, progress_log_file)
    for item in run_inputs:
        if item.folder.name != (item.dataset_video.name if item.dataset_video else item.path.stem):
            note = f"results go to {display_name(item.folder)}, a name that no other input has"
            print(f"{display_name(item.path)}: {note}", file=sys.stderr)
    result, store = RunResult(), default_store(graph.config.resolved_cache_dir)
    for item, outcome in (engine or one_after_the_other)(graph, run_inputs, resume):
        if isinstance(outcome, Exception):
            result.failures.append(failure(item.path, outcome, store.root))
            print(f"error: {result.failures[-1].reason}", file=sys.stderr, flush=True)
            # What the failed input held is let go of now: a file that a plugin closed under it must not be closed
            # again when its number is that of a file of the next input.
            del outcome
            gc.collect()
            continue
        result.finished.append(outcome)
        _log(progress_log_file, f"completed,videoid={display_name(item.folder.name)},videoidx={item.index}\n")
    order = {item.path: item.index for item in run_inputs}
    result.finished.sort(key=lambda summary: order[summary.path])
    result.failures.sort(key=lambda failed: order[failed.path])
    earlier_results.write_overview(output_dir, _overview(graph.config, result), began)
    return result


def _run_inputs(config: InferConfig, inputs: Sequence[Path | DatasetVideo], output_dir: Path) -> list[RunInput]:
    """The files that the inputs name, each once, with a folder for its results."""
    videos = {item.path: item for item in inputs if isinstance(item, DatasetVideo)}
    files: list[Path] = []
    for item in inputs:  # a folder of pictures that a data set calls a video is not expanded
        files += [item.path] if isinstance(item, DatasetVideo) else expand([item])
    names = {path: video.name for path, video in videos.items()}
    folders = result_folders(files, output_dir, names, partial(identity, pictures=stored_maps(config)))
    return [RunInput(index, path, folder, videos.get(path)) for index, (path, folder) in enumerate(folders.items())]


def _overview(config: InferConfig, result: RunResult) -> dict[str, Any]:
    failures = [
        {"input": failed.path, "reason": failed.reason, **({"trace": failed.trace} if failed.trace else {})}
        for failed in result.failures
    ]
    finished = [{"input": summary.path, "folder": summary.folder or ""} for summary in result.finished]
    facts = {"versions": versions(), "config": config.model_dump(mode="json")}
    return {"finished": finished, "failures": failures, **facts}


def prepare_threads(config: InferConfig) -> None:
    """Share the cores among the workers, unless the config says how many threads the numeric libraries get."""
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


@dataclass(frozen=True)
class VideoWork:
    """The work on one input.

    Attributes:
        graph: the loaded plugins.
        item: the input.
        content: hash of its content.
        fingerprint: hash of all that its results depend on.
        files: names of all its outputs, also of those that are finished.
    """

    graph: StageGraph
    item: RunInput
    content: str
    fingerprint: str
    files: list[str]


def work_on(graph: StageGraph, item: RunInput, resume: bool) -> VideoSummary:
    """Make the outputs of one input, unless an earlier run did. Raises GazenetError."""
    path, folder = item.path, item.folder
    journal.set_input(display_name(path))
    content = identity(path, pictures=stored_maps(graph.config))
    sinks = wanted_sinks(graph.config, integrator=graph.integrator is not None)
    fingerprint = run_fingerprint(graph, content, told_of_sinks(graph.config, sinks))
    work = VideoWork(graph, item, content, fingerprint, output_files(sinks))
    with lock_folder(folder) as notes:
        earlier = earlier_results.finished(folder, fingerprint) if resume else None
        if earlier is None:
            _say_what_changed(item, content)
            (folder / NAME).unlink(missing_ok=True)
            return _make(work, sinks, notes)
        wrong = earlier_results.faults(folder, earlier, work.files)
        again = [sink for sink in sinks if wrong.keys() & {*sink.files} or not sink.kept(folder)]
        incomplete = [name for sink in again if not wrong.keys() & {*sink.files} for name in sink.files]
        wrong |= dict.fromkeys(incomplete, "the files that it lists are incomplete or changed")
        for name, fault in wrong.items():
            print(f"{display_name(path)}: {display_name(folder / name)}: {fault}; made again", file=sys.stderr)
        if again:
            (folder / NAME).unlink()  # no record says that outputs are intact before they are
            return _make(work, again, notes, earlier)
        place = display_name(folder)
        print(f"{display_name(path)}: finished before, nothing to do; results in {place}", file=sys.stderr)
        facts = {name: earlier[name] for name in ("frames", "warnings", "counts", "timings")}
        return VideoSummary(path, folder, **facts, skipped=True)


def _say_what_changed(item: RunInput, content: str) -> None:
    """Print a line where results are replaced because the input has changed since they were made."""
    record = earlier_results.read_record(item.folder)
    if record is not None and earlier_results.is_of(record, item.path) and record.get("source_id", content) != content:
        print(f"{display_name(item.path)}: has changed since its results were made; made again", file=sys.stderr)


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
    sinks = [make_sink(get(name, SINKS, SinkSpec), settings) for name, settings in config.outputs.wanted.items()]
    sinks = [sink for sink in sinks if integrator or not sink.spec.saliency]
    check_overlap(sinks)
    return sinks


def sink_context(
    graph: StageGraph,
    folder: Path,
    source: Path,
    info: VideoInfo,
    frame_size: tuple[int, int],
    dataset_video: DatasetVideo | None = None,
) -> SinkContext:
    """The facts of a video for its sinks; ``frame_size``: (height, width) of the frames at analysis size."""
    config, cues = graph.config, tuple(cue.name for cue in graph.cues)
    size = config.map_shape((info.height, info.width))
    data = config.model_dump(mode="json")
    return SinkContext(folder, source, info, frame_size, size, cues, graph.gates, data, dataset_video)


def output_files(sinks: Sequence[Sink]) -> list[str]:
    """Names of the files that sinks leave in a folder of results."""
    return [name for sink in sinks for name in sink.files]


def _make(
    work: VideoWork, sinks: Sequence[Sink], notes: list[str], earlier: Mapping[str, Any] = types.MappingProxyType({})
) -> VideoSummary:
    """Make the outputs of ``sinks``; ``earlier`` is the record of the outputs that are kept."""
    graph, path, folder, timings = work.graph, work.item.path, work.item.folder, Timings()
    source = open_frames(path, graph.config.max_side)
    try:
        video = _pass_through(work, source, sinks, timings)
    finally:
        source.close()
    root = default_store(graph.config.resolved_cache_dir).root
    new = [*notes, *(without_folders(line, root) for line in video.warnings), *source.warnings]
    new += [line for sink in sinks for line in sink.notes]
    before = list(earlier.get("warnings", ()))
    warnings = [*before, *(line for line in new if line not in before)]
    counts: dict[str, Any] = {"corrupt_frames": source.corrupt_frames, "skipped_cues": video.skipped}
    times = timings.summary(video.frames)
    summary = VideoSummary(path, folder, video.frames, warnings, counts, times)
    written = output_files(sinks)
    kept = earlier.get("digests")
    hashes = {**(kept if isinstance(kept, dict) else {}), **earlier_results.digests(folder, written)}
    record = _record(work, summary, source.info)
    write_record(folder, {**record, "digests": {name: hashes[name] for name in work.files if name in hashes}})
    for line in warnings:
        print(f"{display_name(path)}: {redact_text(line)}", file=sys.stderr)
    print(
        f"{display_name(path)}: {video.frames} frames in {times['wall_s']:.1f} s, {times['frames_per_s']:.1f} "
        f"frames/s; {network_text(times)}; results in {display_name(folder)}: {', '.join([*written, NAME])}",
        file=sys.stderr,
        flush=True,
    )
    return summary


def _pass_through(
    work: VideoWork, source: FrameSource, sinks: Sequence[Sink], timings: Timings
) -> VideoPass | StoredPass:
    """Run all stages over the frames of a source, with their results into ``sinks``."""
    graph, config, item = work.graph, work.graph.config, work.item
    video: VideoPass | StoredPass
    if stored_maps(config):
        video = StoredPass(graph, source, timings)
    else:
        video = VideoPass(graph, source, work.content, default_store(config.resolved_cache_dir), timings)
    context = sink_context(graph, item.folder, item.path, source.info, source.size, item.dataset_video)
    thread = SinkThread(sinks, context, timings)
    try:
        with progress_bar(display_name(item.path.name), source.info.declared_frames) as show:
            video.run(thread.put, show)
        ended = {"timings": timings.summary(video.frames), "warnings": video.warnings + source.warnings}
        thread.finish({**ended, "versions": versions(), "config": context.config, "frames": video.frames})
    except BaseException:
        thread.abort()
        raise
    return video


def _record(work: VideoWork, summary: VideoSummary, info: VideoInfo) -> dict[str, Any]:
    graph = work.graph
    return {
        "input": summary.path,
        "path": summary.path.absolute(),
        "source_id": work.content,
        "fingerprint": work.fingerprint,
        "outputs": work.files,
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
    """Append to the progress log. Raises UsageError where it cannot be written."""
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as log:
            log.write(text)
    except OSError as error:
        raise UsageError(f"progress_log_file {file}: cannot be written ({error.strerror})") from None
