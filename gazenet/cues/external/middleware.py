"""Messages between machines and robots through Wrapyfi: ZeroMQ by default; ROS, ROS 2 and YARP by its configuration.

Wrapyfi's publishers and listeners carry plain objects with NumPy arrays under a topic. A first message may be lost
while connections are made, so :class:`Requester` repeats its question until it is answered, and :func:`serve_topic`
answers a repeated question without working on it again.

Wrapyfi decodes some types (of pandas, PyArrow and others) by pickle, which runs what a message says. What is received
here is decoded by :func:`decoded` instead, which knows numbers, texts, lists, objects and arrays of numbers, and
nothing else. Messages are neither signed nor encrypted all the same: use it in networks that you trust.
"""

from __future__ import annotations

import base64
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from gazenet.cues.external.serve import Answer, WindowBatch
from gazenet.errors import UsageError
from gazenet.npy import parse_npy

INSTALL = "install it with: pip install 'gazenet[middleware]'"
OPTIONS: dict[str, dict[str, Any]] = {
    # The broker of the publisher's process: threads end with it, and there is no monitor to wait for.
    "zeromq": {
        "proxy_broker_spawn": "thread",
        "pubsub_monitor_listener_spawn": "thread",
        "start_pubsub_monitor_broker": False,
    }
}
MARK = "__wrapyfi__"
"""Key of an object that stands for a value which JSON does not know: its type, then its content."""
HOOK = "_plugin_decoder_hook"
"""Where listeners of Wrapyfi keep what turns objects of a message into values."""
PAUSE_S = 0.005
REPEAT_S = 1.0


_LOG = logging.getLogger(__name__)


class Publisher(Protocol):
    """What Wrapyfi calls a publisher."""

    def publish(self, message: Any) -> None: ...

    def close(self) -> None: ...


class Subscriber(Protocol):
    """What Wrapyfi calls a listener; None where nothing has come."""

    def listen(self) -> Any: ...

    def close(self) -> None: ...


def publisher(topic: str, middleware: str = "zeromq", **options: Any) -> Publisher:
    """A publisher of objects. Raises UsageError without Wrapyfi, the middleware or a topic that begins with ``/``."""
    made: Publisher = _made("Publishers", topic, middleware, options)
    return made


def subscriber(topic: str, middleware: str = "zeromq", **options: Any) -> Subscriber:
    """A listener to objects, decoded by :func:`decoded`. Raises UsageError as :func:`publisher`."""
    options.pop("start_proxy_broker", None)
    made: Subscriber = _made("Listeners", topic, middleware, options)
    if not hasattr(made, HOOK):
        made.close()
        raise UsageError(f"middleware {middleware!r}: this version of Wrapyfi decodes messages in a way unknown here")
    setattr(made, HOOK, decoded)
    return _Careful(made, topic)


class _Careful:
    """A listener that passes over messages which cannot be decoded, and says so once."""

    def __init__(self, inner: Subscriber, topic: str) -> None:
        self._inner, self._topic, self._told = inner, topic, False

    def listen(self) -> Any:
        try:
            return self._inner.listen()
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            if not self._told:
                _LOG.warning("%s: a message cannot be read and is passed over: %s", self._topic, error)
            self._told = True
            return None

    def close(self) -> None:
        self._inner.close()


def decoded(value: dict[str, Any]) -> Any:
    """What an object of a message stands for: itself, or a tuple, a set, or an array of numbers.

    Raises ValueError for any other type, and for arrays of objects.
    """
    if MARK not in value:
        return value
    kind, content = value[MARK][:2]
    if kind == "tuple":
        return tuple(content)
    if kind == "set":
        return set(content)
    if kind == "numpy.ndarray":
        return parse_npy(base64.b64decode(content))
    raise ValueError(f"it holds a {str(kind)[:60]}, which is not decoded: send numbers, texts, lists and NumPy arrays")


def _made(kind: str, topic: str, middleware: str, options: Mapping[str, Any]) -> Any:
    if not topic.startswith("/"):
        raise UsageError(f"topic {topic!r}: begins with '/', for example /gazenet/target")
    try:
        from wrapyfi.connect import listeners, publishers
    except ImportError as error:
        raise UsageError(f"middleware: Wrapyfi cannot be used ({error}); {INSTALL}") from None
    registry = publishers.Publishers if kind == "Publishers" else listeners.Listeners
    registry.scan()
    known = sorted(key.removeprefix("NativeObject:") for key in registry.registry if key.startswith("NativeObject:"))
    if middleware not in known:
        raise UsageError(f"middleware {middleware!r}: not usable here; known: {', '.join(known) or 'none'}")
    given = {**OPTIONS.get(middleware, {}), **options}
    if kind == "Listeners":
        given.pop("proxy_broker_spawn", None)
    return registry.registry[f"NativeObject:{middleware}"]("gazenet", topic, should_wait=False, **given)


class Requester:
    """Puts questions on ``<topic>/windows`` and waits for their answers on ``<topic>/maps``."""

    def __init__(self, topic: str, middleware: str = "zeromq", timeout: float = 10.0) -> None:
        self._hearer = subscriber(f"{topic}/maps", middleware)
        self._speaker = publisher(f"{topic}/windows", middleware)
        self._topic, self._timeout = topic, timeout

    def ask(self, batch: WindowBatch) -> Answer:
        """The answer to a batch. Raises TimeoutError, and RuntimeError with what the other side reports."""
        question = {"id": uuid.uuid4().hex, "facts": dict(batch.facts), "frames": batch.frames}
        deadline, repeat = time.monotonic() + self._timeout, 0.0
        while time.monotonic() < deadline:
            if time.monotonic() >= repeat:
                self._speaker.publish(question)
                repeat = time.monotonic() + REPEAT_S
            found = self._hearer.listen()
            if found is None:
                time.sleep(PAUSE_S)
            elif isinstance(found, dict) and found.get("id") == question["id"]:
                if "error" in found:
                    raise RuntimeError(found["error"])
                maps = np.asarray(found["maps"])
                return (maps, found["records"]) if found.get("records") is not None else maps
        raise TimeoutError(f"nobody answers on {self._topic}/maps within {self._timeout:g} s")


def serve_topic(
    answer: Callable[[WindowBatch], Answer],
    topic: str,
    middleware: str = "zeromq",
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Answers questions on a topic, on any machine that the middleware reaches, until ``stop()`` is true."""
    questions = subscriber(f"{topic}/windows", middleware)
    # The broker is the asker's: this side may come and go.
    answers = publisher(f"{topic}/maps", middleware, start_proxy_broker=False)
    last: dict[str, Any] = {}
    while not stop():
        question = questions.listen()
        if not isinstance(question, dict) or not {"id", "facts", "frames"} <= question.keys():
            time.sleep(PAUSE_S)
            continue
        if question["id"] != last.get("id"):
            last = _answered(question, answer)
        answers.publish(last)


def _answered(question: dict[str, Any], answer: Callable[[WindowBatch], Answer]) -> dict[str, Any]:
    try:
        found = answer(WindowBatch(np.asarray(question["frames"], np.uint8), question["facts"]))
    except Exception as error:
        return {"id": question["id"], "error": f"{type(error).__name__}: {error}"}
    maps, records = found if isinstance(found, tuple) else (found, None)
    return {"id": question["id"], "maps": maps, "records": records}
