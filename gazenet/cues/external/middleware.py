"""Messages between machines and robots through Wrapyfi: ZeroMQ by default; ROS, ROS 2 and YARP by its configuration.

Wrapyfi's publishers and listeners send plain objects with NumPy arrays under a topic. The first message may be lost
while connections are established, so :class:`Requester` repeats its question until it is answered, and
:func:`serve_topic` answers a repeated question without computing the answer again.

Wrapyfi decodes some types (of pandas, PyArrow and others) by pickle, which runs code from the message. Received
messages are decoded by :func:`decoded` instead, which accepts numbers, strings, lists, objects and arrays of numbers,
and nothing else. Messages are still neither signed nor encrypted: use this in networks that you trust.
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
    # The broker runs in threads of the publisher, which end with its process; there is no monitor to wait for.
    "zeromq": {
        "proxy_broker_spawn": "thread",
        "pubsub_monitor_listener_spawn": "thread",
        "start_pubsub_monitor_broker": False,
    }
}
MARK = "__wrapyfi__"
"""Key of an object that encodes a value JSON cannot hold: its type, then its content."""
HOOK = "_plugin_decoder_hook"
"""The attribute of Wrapyfi's listeners that holds the function which decodes the objects of a message."""
PAUSE_S = 0.005
"""Seconds between two looks for a message."""
REPEAT_S = 1.0
"""Seconds after which an unanswered question is repeated."""

_LOG = logging.getLogger(__name__)


class Publisher(Protocol):
    """A publisher of Wrapyfi: sends objects on a topic."""

    def publish(self, message: Any) -> None:
        """Send an object."""

    def close(self) -> None:
        """Close the connection."""


class Subscriber(Protocol):
    """A listener of Wrapyfi: receives objects on a topic."""

    def listen(self) -> Any:
        """Return the next object; None if there is none yet."""

    def close(self) -> None:
        """Close the connection."""


def publisher(topic: str, middleware: str = "zeromq", **options: Any) -> Publisher:
    """Open a publisher. Raises UsageError without Wrapyfi, the middleware, or a topic that begins with ``/``."""
    connection: Publisher = _connect("Publishers", topic, middleware, options)
    return connection


def subscriber(topic: str, middleware: str = "zeromq", **options: Any) -> Subscriber:
    """Open a listener that decodes by :func:`decoded`. Raises UsageError as :func:`publisher` does."""
    options.pop("start_proxy_broker", None)
    connection: Subscriber = _connect("Listeners", topic, middleware, options)
    if not hasattr(connection, HOOK):
        connection.close()
        raise UsageError(f"middleware {middleware!r}: this version of Wrapyfi is not supported; install another one")
    setattr(connection, HOOK, decoded)
    return _TolerantSubscriber(connection, topic)


class _TolerantSubscriber:
    """A listener that skips messages which cannot be decoded, and warns once."""

    def __init__(self, inner: Subscriber, topic: str) -> None:
        self._inner, self._topic, self._warned = inner, topic, False

    def listen(self) -> Any:
        try:
            return self._inner.listen()
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            if not self._warned:
                _LOG.warning("%s: skipping messages that cannot be decoded: %s", self._topic, error)
            self._warned = True
            return None

    def close(self) -> None:
        self._inner.close()


def decoded(value: dict[str, Any]) -> Any:
    """Decode an object of a message: to itself, a tuple, a set, or an array of numbers.

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
    raise ValueError(f"cannot decode type {str(kind)[:60]}: send numbers, strings, lists and NumPy arrays")


def _connect(kind: str, topic: str, middleware: str, options: Mapping[str, Any]) -> Any:
    if not topic.startswith("/"):
        raise UsageError(f"topic {topic!r}: must begin with '/', for example /gazenet/target")
    try:
        from wrapyfi.connect import listeners, publishers
    except ImportError as error:
        raise UsageError(f"middleware: cannot import Wrapyfi ({error}); {INSTALL}") from None
    registry = publishers.Publishers if kind == "Publishers" else listeners.Listeners
    registry.scan()
    names = sorted(key.removeprefix("NativeObject:") for key in registry.registry if key.startswith("NativeObject:"))
    if middleware not in names:
        raise UsageError(f"middleware {middleware!r}: not usable here; known: {', '.join(names) or 'none'}")
    settings = {**OPTIONS.get(middleware, {}), **options}
    if kind == "Listeners":
        settings.pop("proxy_broker_spawn", None)
    return registry.registry[f"NativeObject:{middleware}"]("gazenet", topic, should_wait=False, **settings)


class Requester:
    """Publishes questions on ``<topic>/windows`` and waits for their answers on ``<topic>/maps``.

    ``timeout``: seconds to wait for one answer.
    """

    def __init__(self, topic: str, middleware: str = "zeromq", timeout: float = 10.0) -> None:
        self._answers = subscriber(f"{topic}/maps", middleware)
        self._questions = publisher(f"{topic}/windows", middleware)
        self._topic, self._timeout = topic, timeout

    def ask(self, batch: WindowBatch) -> Answer:
        """Return the answer to a batch. Raises TimeoutError, and RuntimeError with the error of the other side."""
        question = {"id": uuid.uuid4().hex, "facts": dict(batch.facts), "frames": batch.frames}
        deadline, repeat = time.monotonic() + self._timeout, 0.0
        while time.monotonic() < deadline:
            if time.monotonic() >= repeat:
                self._questions.publish(question)
                repeat = time.monotonic() + REPEAT_S
            reply = self._answers.listen()
            if reply is None:
                time.sleep(PAUSE_S)
            elif isinstance(reply, dict) and reply.get("id") == question["id"]:
                if "error" in reply:
                    raise RuntimeError(reply["error"])
                maps = np.asarray(reply["maps"])
                return (maps, reply["records"]) if reply.get("records") is not None else maps
        raise TimeoutError(f"no answer on {self._topic}/maps within {self._timeout:g} s")


def serve_topic(
    answer: Callable[[WindowBatch], Answer],
    topic: str,
    middleware: str = "zeromq",
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Answer questions on a topic, on any machine that the middleware reaches, until ``stop()`` is true."""
    questions = subscriber(f"{topic}/windows", middleware)
    # The requester runs the broker, so that this side may restart at any time.
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
        result = answer(WindowBatch(np.asarray(question["frames"], np.uint8), question["facts"]))
    except Exception as error:
        return {"id": question["id"], "error": f"{type(error).__name__}: {error}"}
    maps, records = result if isinstance(result, tuple) else (result, None)
    return {"id": question["id"], "maps": maps, "records": records}
