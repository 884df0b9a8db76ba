"""Outputs that only a live run has: ``live.csv``, and the overlay in a window."""

from __future__ import annotations

import csv
from typing import Any, TextIO

from PIL import Image

from gazenet.config.sink_spec import SinkSpec
from gazenet.errors import UsageError
from gazenet.inference.person_attention import peak
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.overlay_sink import OverlaySink
from gazenet.inference.sinks.sink import Sink, writing


class LiveTable(Sink):
    """``live.csv``, a line per frame shown.

    Columns: frame, time_s, peak_x, peak_y (pixels), and the age of every cue's map in seconds (empty before the first
    map). Each line is written as a whole, so that the table of a killed run can be read.
    """

    spec = SinkSpec(name="live", files=("live.csv",), implementation=f"{__name__}:LiveTable")
    _file: TextIO | None = None

    def open(self, context: SinkContext) -> None:
        """Write the heading. Raises GazenetError."""
        self._size, self._cues = context.frame_size, context.cues
        self._target = context.folder / self.files[0]
        with writing(self._target):
            self._file = self._target.open("w", encoding="utf-8", newline="", buffering=1)
            self._rows = csv.writer(self._file, lineterminator="\n")
            self._rows.writerow(["frame", "time_s", "peak_x", "peak_y", *(f"age_{cue}" for cue in self._cues)])

    def write(self, chunk: ChunkResult) -> None:
        """Write a line per frame. Raises GazenetError."""
        with writing(self._target):
            for k in range(len(chunk)):
                place = ["", ""]
                if len(chunk.saliency):
                    place = [f"{value:.1f}" for value in peak(chunk.saliency[k], self._size)]
                ages = [chunk.records[cue][k].get("age_s", "") for cue in self._cues]
                self._rows.writerow([chunk.start + k, f"{chunk.times[k]:.4f}", *place, *ages])

    def close(self, summary: dict[str, Any]) -> None:
        """Close the table."""
        self.abort()

    def abort(self) -> None:
        """Close the table; the lines stay."""
        if self._file is not None:
            self._file.close()


class WindowClosed(Exception):
    """The user closed the window."""


class WindowSink(OverlaySink):
    """Shows every frame in a tkinter window; closing it, or the key ``q``, ends the run."""

    spec = SinkSpec(name="window", files=(), implementation=f"{__name__}:WindowSink")  # it leaves no file
    _window: Any = None

    def open(self, context: SinkContext) -> None:
        """Open the window. Raises UsageError without tkinter or a display."""
        self.context = context
        try:
            import tkinter
        except ImportError:
            raise UsageError("realtime.window: this Python has no tkinter; leave the window out") from None
        try:
            self._window = tkinter.Tk()
        except tkinter.TclError as error:
            raise UsageError(f"realtime.window: no display ({error}); leave the window out") from None
        self._open = True
        self._window.title("gazenet")
        self._window.protocol("WM_DELETE_WINDOW", self._close)
        self._window.bind("q", lambda event: self._close())
        self._label = tkinter.Label(self._window, borderwidth=0)
        self._label.pack()

    def write(self, chunk: ChunkResult) -> None:
        """Show the last frame of a chunk. Raises WindowClosed."""
        from PIL import ImageTk

        if self._open:
            # Kept on the object: tkinter forgets pictures to which nothing else refers.
            self._picture = ImageTk.PhotoImage(Image.fromarray(self.draw(chunk, len(chunk) - 1)), master=self._window)
            self._label.configure(image=self._picture)
            self._window.update()
        if not self._open:
            raise WindowClosed

    def _close(self) -> None:
        self._open = False

    def close(self, summary: dict[str, Any]) -> None:
        """Close the window."""
        self.abort()

    def abort(self) -> None:
        """Close the window."""
        window, self._window = self._window, None
        if window is not None:
            window.destroy()
