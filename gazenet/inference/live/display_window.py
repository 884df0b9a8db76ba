"""The overlay in a window, through tkinter."""

from __future__ import annotations

from typing import Any

from PIL import Image

from gazenet.config.sink_spec import SinkSpec
from gazenet.errors import UsageError
from gazenet.inference.results import ChunkResult, SinkContext
from gazenet.inference.sinks.overlay_sink import OverlaySink


class WindowClosed(Exception):
    """The user closed the window."""


class WindowSink(OverlaySink):
    """Shows every frame. Closing the window, or ``q``, ends the run. Raises UsageError without a display."""

    # A window leaves nothing behind.
    spec = SinkSpec(name="window", files=(), implementation=f"{__name__}:WindowSink")

    def open(self, context: SinkContext) -> None:
        self.context = context
        try:
            import tkinter
        except ImportError:
            raise UsageError("realtime.window: this Python has no tkinter; leave the window out") from None
        try:
            self._window: Any = tkinter.Tk()
        except tkinter.TclError as error:
            raise UsageError(f"realtime.window: no display ({error}); leave the window out") from None
        self._open = True
        self._window.title("gazenet")
        self._window.protocol("WM_DELETE_WINDOW", self._close)
        self._window.bind("q", lambda event: self._close())
        self._label = tkinter.Label(self._window, borderwidth=0)
        self._label.pack()

    def write(self, chunk: ChunkResult) -> None:
        from PIL import ImageTk

        if self._open:
            # Kept on the object: tkinter forgets pictures that nobody else holds.
            self._picture = ImageTk.PhotoImage(Image.fromarray(self.draw(chunk, len(chunk) - 1)), master=self._window)
            self._label.configure(image=self._picture)
            self._window.update()
        if not self._open:
            raise WindowClosed

    def _close(self) -> None:
        self._open = False

    def close(self, summary: dict[str, Any]) -> None:
        self.abort()

    def abort(self) -> None:
        window, self._window = getattr(self, "_window", None), None
        if window is not None:
            window.destroy()
