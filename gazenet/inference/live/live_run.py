"""``gasp_infer --realtime``: open the source, the sinks and the sound, run the live loop, write the record."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

from gazenet.config.inference import InferConfig
from gazenet.cues.external.middleware import publisher
from gazenet.ending_signals import in_main_thread, install, restore
from gazenet.errors import GazenetError, UsageError
from gazenet.files import write_json
from gazenet.guard.guarded_call import guarded
from gazenet.inference.cache.earlier_results import as_kept
from gazenet.inference.cache.run_record import versions
from gazenet.inference.engine.pipeline import prepare_threads, sink_context, wanted_sinks, writable
from gazenet.inference.engine.stage_graph import StageGraph, build_graph
from gazenet.inference.live.gaze_target import TargetSink
from gazenet.inference.live.latency_histogram import table
from gazenet.inference.live.live_loop import LiveLoop
from gazenet.inference.live.live_sinks import LiveTable, WindowSink
from gazenet.inference.live.run_statistics import RunStatistics
from gazenet.inference.results import SinkContext
from gazenet.inference.sinks.sink import Sink
from gazenet.media.frames import VideoInfo
from gazenet.media.live.live_source import LiveSource
from gazenet.media.live.microphone import Microphone
from gazenet.media.live.open_source import is_live, open_live
from gazenet.media.live.sound_ring import SoundRing
from gazenet.media.media_files import display_name
from gazenet.redaction import without_secrets


def run_live(config: InferConfig, name: str, output_dir: Path) -> RunStatistics:
    """Run live on ``camera:N``, a URL or a file at its own pace, with results in a folder of its own.

    The folder ``<output_dir>/<name>-<date>-<time>`` gets ``live.csv``, ``live.json`` and the outputs of the config and
    of ``realtime.target``. The first Ctrl-C ends the run in an orderly way, the second interrupts it.

    Raises UsageError for a wrong request, MediaError or PluginError for what fails during the run; results until then
    are kept.
    """
    prepare_threads(config)
    output_dir = writable(output_dir)
    graph = build_graph(config)
    settings = config.realtime
    with ExitStack() as stack:
        source = open_live(name, config.max_side, settings.loop, settings.stall_s)
        stack.callback(source.close)
        notes: list[str] = []
        sound = _sound(config, name, source, notes, stack)
        stem = Path(source.name).stem
        folder = new_folder(output_dir, f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}")
        sinks = _opened(_sinks(graph), live_context(graph, source, folder), stack)
        loop = LiveLoop(graph, source, sinks, sound)
        loop.stats.notes += notes
        failure: GazenetError | None = None
        with _interrupts(loop):
            try:
                loop.run()
            except GazenetError as error:
                failure = error
        _close(sinks, loop.stats, folder, config, failure)
    _print(loop.stats, folder)
    if failure is not None:
        raise failure
    return loop.stats


def new_folder(home: Path, name: str) -> Path:
    """Make a folder of that name, with a number after it where the name is taken. Raises UsageError."""
    for number in itertools.count(1):
        folder = home / (name if number == 1 else f"{name}_{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError(f"output_dir {folder}: cannot be written ({error.strerror}); choose another") from None
        return writable(folder)
    raise AssertionError("there is always another number")


def _sound(config: InferConfig, name: str, source: LiveSource, notes: list[str], stack: ExitStack) -> SoundRing | None:
    """The source's own sound, or that of the microphone beside a camera; None without either."""
    wanted = config.realtime.microphone
    if wanted == "none":
        return None
    if wanted == "auto":
        if source.sound is not None or not is_live(name):
            return source.sound
        try:
            microphone = Microphone()
        except UsageError as error:
            notes.append(f"no sound: {error}")
            return None
    else:
        microphone = Microphone(wanted)
    stack.callback(microphone.close)
    return microphone.ring


def _sinks(graph: StageGraph) -> list[Sink]:
    settings = graph.config.realtime
    sinks: list[Sink] = list(wanted_sinks(graph.config, graph.integrator is not None))
    for sink in sinks:
        if not sink.spec.live:
            raise UsageError(f"outputs.{sink.name}: a live run has no {sink.name}; set it to false")
    sinks.append(LiveTable())
    target = settings.target
    if target is not None:
        robots = [publisher(target.topic, target.middleware)] if target.topic else []
        sinks.append(TargetSink(target.rate, target.field_of_view, *robots))
    if settings.window:
        sinks.append(WindowSink())
    return sinks


def live_context(graph: StageGraph, source: LiveSource, folder: Path) -> SinkContext:
    """The facts of a live source for the sinks."""
    height, width = source.size
    rate = Fraction(source.rate).limit_denominator(1001)
    info = VideoInfo(Path(source.name), width, height, rate, None, None, 0, False, None, None)
    return sink_context(graph, folder, Path(source.name), info, source.size)


def _opened(sinks: list[Sink], context: SinkContext, stack: ExitStack) -> list[Sink]:
    for sink in sinks:
        stack.callback(sink.abort)
        with guarded(f"sink {sink.name}", "opening", own=(GazenetError,)):
            sink.open(context)
    return sinks


@contextmanager
def _interrupts(loop: LiveLoop) -> Iterator[None]:
    """The first Ctrl-C or ending signal stops the loop after the current frame, the second has its usual effect."""
    if not in_main_thread():
        yield
        return

    def end(number: int, frame: object) -> None:
        signal.signal(number, previous[signal.Signals(number)])
        loop.stop()

    previous = install(end, lambda handler: handler is not signal.SIG_IGN)
    try:
        yield
    finally:
        restore(previous)


def _close(
    sinks: list[Sink], stats: RunStatistics, folder: Path, config: InferConfig, failure: GazenetError | None
) -> None:
    """Publish every output, also after a failure: the results until then are kept."""
    facts = config.model_dump(mode="json")
    summary = {"timings": {}, "warnings": stats.notes, "versions": versions(), "config": facts}
    for sink in sinks:
        with guarded(f"sink {sink.name}", "closing", own=(GazenetError,)):
            sink.close({**summary, "frames": stats.counts.shown})
    ended = {"ended_by": str(failure)} if failure is not None else {}
    write_json(folder / "live.json", as_kept({**stats.summary(), **ended, "versions": versions(), "config": facts}))


def _print(stats: RunStatistics, folder: Path) -> None:
    counts = stats.counts
    for note in stats.notes:
        print(without_secrets(note), file=sys.stderr)
    rate = counts.shown / counts.seconds if counts.seconds else 0.0
    print(
        f"{counts.captured} frames came in {counts.seconds:.1f} s, {counts.shown} shown ({rate:.1f} frames/s), "
        f"{counts.dropped} dropped ({counts.replaced} for newer ones, {counts.early} ahead of the target rate, "
        f"{counts.unfinished} unfinished at the end); results in {display_name(folder)}"
    )
    rows = {"delay": stats.whole.latency}
    rows |= {f"age of {name}": age for name, age in stats.whole.ages.items()}
    rows |= {f"one run of {name}": run for name, run in stats.runs.items()}
    lines = table(rows)
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    for name, *cells in lines:
        print("  ".join([name.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(cells, widths[1:], strict=True))]))
