"""``live.csv``: a line per frame shown, written as it happens."""

from __future__ import annotations

import csv
from typing import Any

from gazenet.config.sink_spec import SinkSpec
from gazenet.inference.person_attention import peak
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.sink import Sink, writing


class LiveTable(Sink):
    """Columns: frame, time_s, peak_x, peak_y (pixels), and the age of every cue's map in seconds (empty: none
    yet). Every line is complete when it is written: what a killed run leaves can be read."""

    spec = SinkSpec(name="live", files=("live.csv",), implementation=f"{__name__}:LiveTable")

    def open(self, context: SinkContext) -> None:
        self._size, self._cues = context.frame_size, context.cues
        self._target = context.folder / self.files[0]
        with writing(self._target):
            self._file = self._target.open("w", encoding="utf-8", newline="", buffering=1)
            self._rows = csv.writer(self._file, lineterminator="\n")
            self._rows.writerow(["frame", "time_s", "peak_x", "peak_y", *(f"age_{cue}" for cue in self._cues)])

    def write(self, chunk: ChunkResult) -> None:
        with writing(self._target):
            for k in range(len(chunk)):
                x, y = peak(chunk.saliency[k], self._size) if len(chunk.saliency) else ("", "")
                ages = [chunk.records[cue][k].get("age_s", "") for cue in self._cues]
                row = [
                    chunk.start + k,
                    f"{chunk.times[k]:.4f}",
                    x if x == "" else f"{x:.1f}",
                    y if y == "" else f"{y:.1f}",
                ]
                self._rows.writerow([*row, *ages])

    def close(self, summary: dict[str, Any]) -> None:
        self.abort()

    def abort(self) -> None:
        """What was written stays."""
        file = getattr(self, "_file", None)
        if file is not None:
            file.close()
