"""``attention.csv``: peak, gates and attention per person, one row per frame."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Iterator
from typing import IO, Any

from gazenet.files import atomic_write
from gazenet.inference.person_attention import face_shares, peak
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.sink import Sink, writing
from gazenet.inference.sinks.sink_specs import ATTENTION


class AttentionSink(Sink):
    """A table with the columns frame, time_s, peak_x and peak_y (pixels of the video), gate_<cue>,
    attention_elsewhere, attention_track_<id>.

    A person who is not in a frame has an empty cell there. Rows wait in a file without a name until all people, and
    with them the columns, are known: memory does not grow with the video.
    """

    spec = ATTENTION

    def __init__(self) -> None:
        self._tracks: set[int] = set()
        self._waiting: IO[str] | None = None

    def open(self, context: SinkContext) -> None:
        """Begin a video: open the file in which rows wait, on the disk of the table."""
        self._context, self._target = context, context.folder / self.files[0]
        with writing(self._target):
            self._waiting = tempfile.TemporaryFile("w+", encoding="utf-8", dir=context.folder)  # noqa: SIM115 - abort closes it

    def write(self, chunk: ChunkResult) -> None:
        """Add a row for each frame; nothing without saliency."""
        if not len(chunk.saliency):
            return
        assert self._waiting is not None
        rows = [self._row(chunk, k) for k in range(len(chunk))]
        with writing(self._target):
            self._waiting.writelines(json.dumps(row) + "\n" for row in rows)

    def _row(self, chunk: ChunkResult, k: int) -> dict[str, str]:
        size = (self._context.info.height, self._context.info.width)
        x, y = peak(chunk.saliency[k], size)
        shares, remainder = face_shares(chunk.saliency[k], chunk.faces[k], size)
        self._tracks.update(shares)
        row = {"frame": str(chunk.start + k), "time_s": f"{chunk.times[k]:.4f}"}
        row |= {"peak_x": f"{x:.1f}", "peak_y": f"{y:.1f}", "attention_elsewhere": f"{remainder:.4f}"}
        row |= {f"gate_{cue}": f"{gate:.4f}" for cue, gate in zip(self._context.gates, chunk.gates[k], strict=False)}
        return row | {f"attention_track_{track}": f"{share:.4f}" for track, share in shares.items()}

    def close(self, summary: dict[str, Any]) -> None:
        """Write the table, now that all columns are certain, and remove the waiting rows."""
        columns = ["frame", "time_s", "peak_x", "peak_y"]
        columns += [f"gate_{cue}" for cue in self._context.gates] + ["attention_elsewhere"]
        columns += [f"attention_track_{track}" for track in sorted(self._tracks)]
        with writing(self._target), atomic_write(self._target) as file:
            table = io.TextIOWrapper(io.BufferedWriter(file), encoding="utf-8", newline="")
            rows = csv.DictWriter(table, columns, lineterminator="\n")
            rows.writeheader()
            rows.writerows(self._rows())
            table.flush()
            table.detach().detach()
        self.abort()

    def _rows(self) -> Iterator[dict[str, str]]:
        assert self._waiting is not None
        self._waiting.seek(0)
        for line in self._waiting:
            yield json.loads(line)

    def abort(self) -> None:
        """Remove the waiting rows."""
        if self._waiting is not None:
            with contextlib.suppress(OSError):
                self._waiting.close()
