"""All that a run of ``gasp_infer`` writes and reads, compared before any work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from gazenet.config.inference import InferConfig
from gazenet.config.inference_data import gates_path
from gazenet.folder_lock import LOCK, OWNER
from gazenet.inference.cache.earlier_results import NAME, OVERVIEW_LOCK
from gazenet.inference.engine.engine_protocol import Job
from gazenet.inference.sinks.frame_folder_sink import collected_in, place_of
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting

WRITTEN = ("output_dir", "cache_dir", "outputs", "metrics.file")
"""Keys of a config that say where things go."""


def check_targets(
    config: InferConfig, jobs: Sequence[Job], files: Sequence[str], output_dir: Path, log: Path | None = None
) -> None:
    """Raises UsageError where a run would replace something that it reads: an input, a table, a baseline, weights.

    ``files``: names of what the sinks leave in every result folder.
    """
    named = list(named_files(config.model_dump(mode="json"), leave_out=WRITTEN))
    inputs = [*(job.path for job in jobs), *named]
    refuse_overwriting(_targets(config, jobs, files, output_dir, log), inputs)
    # A folder of frames in the published layout gets pictures beside those that are read.
    refuse_overwriting(_published(config, jobs), [path for path in inputs if not path.is_dir()])


def _targets(
    config: InferConfig, jobs: Sequence[Job], files: Sequence[str], output_dir: Path, log: Path | None
) -> Iterator[OutputTarget]:
    for job in jobs:
        yield OutputTarget(job.folder, "output_dir", cleared=True)
        for name in (*files, NAME, LOCK, OWNER):
            yield OutputTarget(job.folder / name, "output_dir")
    yield from (OutputTarget(output_dir / name, "output_dir") for name in (NAME, OVERVIEW_LOCK))
    if log is not None:
        yield OutputTarget(log, "--progress_log_file")
    if config.metrics is not None:
        table = config.metrics.table(output_dir)
        for file in (table, gates_path(table)):
            yield OutputTarget(file, "metrics.file")


def _published(config: InferConfig, jobs: Sequence[Job]) -> Iterator[OutputTarget]:
    """The folders of the videos' pictures, and those in which they are collected."""
    if config.outputs.published is None:
        return
    root = Path(config.outputs.published.root)
    for job in jobs:
        for home in (root, collected_in(root)):
            yield OutputTarget(home.joinpath(*place_of(job.known, job.folder)), "outputs.published.root", whole=True)
