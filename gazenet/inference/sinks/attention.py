"""``attention.csv``: peak, gates and attention per person, one row per frame."""

from __future__ import annotations

import csv
import io
from typing import Any

from gazenet.files import write_text
from gazenet.inference.attention import face_shares, peak
from gazenet.inference.results import ChunkResult, SinkContext


class AttentionSink:
    """Columns: frame, time_s, peak_x and peak_y (pixels of the video), gate_<cue>,
    attention_elsewhere, attention_track_<id>.

    A person who is not in a frame has an empty cell there.
    """

    name = "attention"
    files = ("attention.csv",)

    def open(self, context: SinkContext) -> None:
        self._context = context
        self._rows: list[dict[str, object]] = []
        self._tracks: set[int] = set()

    def write(self, chunk: ChunkResult) -> None:
        if not len(chunk.saliency):
            return
        size = (self._context.info.height, self._context.info.width)
        for k in range(len(chunk)):
            x, y = peak(chunk.saliency[k], size)
            shares, elsewhere = face_shares(chunk.saliency[k], chunk.faces[k], size)
            row: dict[str, object] = {"frame": chunk.start + k, "time_s": f"{chunk.times[k]:.4f}"}
            row |= {"peak_x": f"{x:.1f}", "peak_y": f"{y:.1f}", "attention_elsewhere": f"{elsewhere:.4f}"}
            row |= {f"gate_{c}": f"{g:.4f}" for c, g in zip(self._context.gates, chunk.gates[k], strict=False)}
            row |= {f"attention_track_{track}": f"{share:.4f}" for track, share in shares.items()}
            self._tracks.update(shares)
            self._rows.append(row)

    def close(self, summary: dict[str, Any]) -> None:
        columns = ["frame", "time_s", "peak_x", "peak_y"]
        columns += [f"gate_{cue}" for cue in self._context.gates] + ["attention_elsewhere"]
        columns += [f"attention_track_{track}" for track in sorted(self._tracks)]
        text = io.StringIO()
        table = csv.DictWriter(text, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(self._rows)
        write_text(self._context.folder / self.files[0], text.getvalue())

    def abort(self) -> None:
        """Nothing is written before ``close``."""
