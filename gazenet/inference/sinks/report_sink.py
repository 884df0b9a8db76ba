"""``report.html``: one page to look at everything together."""

from __future__ import annotations

from typing import Any

from gazenet.inference.person_attention import face_shares
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.sink import Sink, writing
from gazenet.inference.sinks.sink_specs import REPORT
from gazenet.media.media_files import display_name
from gazenet.redaction import redact
from gazenet.report.html_report import ReportBuilder, ReportFrame


class ReportSink(Sink):
    """Feeds the report frame by frame; the report keeps only the frames that it shows."""

    spec = REPORT

    def open(self, context: SinkContext) -> None:
        """Begin the report of a video."""
        self._context = context
        self._report = ReportBuilder(
            context.folder / self.files[0],
            title=display_name(context.source.name),
            cues=context.cues,
            gates=context.gates,
        )

    def write(self, chunk: ChunkResult) -> None:
        """Add the next frames to the report."""
        size = (self._context.info.height, self._context.info.width)
        for k in range(len(chunk)):
            saliency = chunk.saliency[k] if len(chunk.saliency) else None
            shares = face_shares(saliency, chunk.faces[k], size)[0] if saliency is not None else {}
            frame = ReportFrame(
                chunk.start + k,
                float(chunk.times[k]),
                chunk.images[k],
                saliency,
                {name: maps[k] for name, maps in chunk.cues.items()},
                [float(gate) for gate in chunk.gates[k]] if len(chunk.gates) else [],
                shares,
                {face.track: face.box for face in chunk.faces[k]},
                size,
            )
            self._report.add(frame)

    def close(self, summary: dict[str, Any]) -> None:
        """Write the page."""
        with writing(self._context.folder / self.files[0]):
            self._report.finish({**redact(summary), "config": redact(summary.get("config"), config=True)})
