"""Extractors and gaze targets on other machines: ZeroMQ on loopback, two processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gazenet.cues.external import middleware
from gazenet.errors import UsageError

ASKER = """
import json, sys
import numpy as np
from gazenet.cues.external.middleware import Requester
from gazenet.cues.external.serve import WindowBatch
asker = Requester("/gazenet/test", timeout=float(sys.argv[1]))
for k in range(3):
    frames = np.full((2, 1, 4, 6, 3), 40 * k, np.uint8)
    facts = {"map_size": [2, 3], "anchor": 0, "index": [2 * k, 2 * k + 1]}
    try:
        maps, records = asker.ask(WindowBatch(frames, facts))
    except (TimeoutError, RuntimeError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        break
    print(json.dumps({"values": maps.tolist(), "type": str(maps.dtype), "records": records}), flush=True)
"""
SERVER = """
import numpy as np
from gazenet.cues.external.middleware import serve_topic
def answer(batch):
    if batch.anchors.max() > 70:
        raise ValueError("too bright")
    maps = np.repeat(batch.anchors.mean((1, 2, 3))[:, None, None], 2, 1).repeat(3, 2).astype(np.float32) / 255
    return maps, [{"frame": k} for k in batch.facts["index"]]
serve_topic(answer, "/gazenet/test")
"""
FOLLOWER = """
import json, sys, time
from gazenet.cues.external.middleware import subscriber
ear = subscriber("/gazenet/target")
print("listening", flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    heard = ear.listen()
    if heard is not None:
        print(json.dumps(heard), flush=True)
        break
    time.sleep(0.01)
"""
TALKER = """
import time
from gazenet.cues.external.middleware import publisher
topic = publisher("/gazenet/target", "zeromq")
for k in range(100):
    topic.publish({"frame": k, "yaw_deg": 12.5})
    time.sleep(0.1)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start() -> Iterator:
    """Starts Python programs that share a pair of ports of their own; ends them."""
    pytest.importorskip("wrapyfi", reason="Wrapyfi is not installed")
    pytest.importorskip("zmq", reason="pyzmq is not installed")
    ports = {f"WRAPYFI_ZEROMQ_SOCKET_{side}_PORT": str(free_port()) for side in ("PUB", "SUB")}
    running: list[subprocess.Popen[str]] = []

    def begin(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, *arguments]
        environment = {**os.environ, **ports}
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        return running[-1]

    begin.ports = ports  # type: ignore[attr-defined]
    yield begin
    for process in running:
        process.kill()
        process.wait()


def lines(process: subprocess.Popen[str]) -> list[str]:
    out, _ = process.communicate(timeout=60)
    return out.splitlines()


def test_maps_from_another_process(start) -> None:
    import json

    start(SERVER)
    first, second, third = map(json.loads, lines(start(ASKER, "20")))
    assert first == {"values": [[[0.0] * 3] * 2] * 2, "type": "float32", "records": [{"frame": 0}, {"frame": 1}]}
    assert np.allclose(second["values"], 40 / 255) and second["records"][0] == {"frame": 2}
    assert third == {"error": "ValueError: too bright"}


def test_nobody_answers(start) -> None:
    (told,) = lines(start(ASKER, "0.5"))
    assert "no answer on /gazenet/test/maps within 0.5 s" in told


def test_a_robot_hears_the_target(start) -> None:
    follower = start(FOLLOWER)
    assert follower.stdout is not None and follower.stdout.readline() == "listening\n"
    talker = start(TALKER)
    (heard,) = lines(follower)
    talker.kill()
    assert '"yaw_deg": 12.5' in heard


def test_the_bridge_is_a_program_for_the_external_extractor(start, tmp_path: Path, monkeypatch) -> None:
    import torch

    from gazenet.cues.registry import get
    from gazenet.testing.conformance import PluginEntry, run
    from gazenet.testing.synthetic import SyntheticVideo

    for name, port in start.ports.items():
        monkeypatch.setenv(name, port)
    start(
        SERVER.replace("> 70", "> 999")
        .replace("/gazenet/test", "/gazenet/bridge")
        .replace(
            "repeat(batch.anchors.mean((1, 2, 3))[:, None, None], 2, 1).repeat(3, 2)",
            "ones((len(batch.frames), *batch.map_size)) * batch.anchors.mean((1, 2, 3))[:, None, None]",
        )
    )
    time.sleep(0.5)
    entry = get("external")
    command = f"{sys.executable} -m gazenet.cues.external.bridge --topic /gazenet/bridge --timeout 20"
    parameters = {**entry.spec.parameters, "command": command, "timeout": 30.0}
    spec = entry.spec.model_copy(update={"parameters": parameters})
    video = SyntheticVideo(frames=3)
    maps, records = run(PluginEntry(entry.name, spec, entry.distribution, entry.load), video)
    assert [record["frame"] for record in records] == [0, 1, 2]
    brightness = [torch.tensor(video.image(k)).float().mean().item() for k in range(3)]
    assert np.allclose(maps.reshape(3, -1).mean(1), brightness, atol=2)


@pytest.mark.parametrize(
    ("topic", "middleware", "said"),
    [("gazenet", "zeromq", "must begin with '/'"), ("/gazenet", "pigeons", "not usable here; known: .*zeromq")],
)
def test_wrong_topics_and_middlewares(topic: str, middleware: str, said: str) -> None:
    from gazenet.cues.external.middleware import publisher, subscriber

    pytest.importorskip("wrapyfi", reason="Wrapyfi is not installed")
    for make in (subscriber, publisher):
        with pytest.raises(UsageError, match=said):
            make(topic, middleware)


def test_without_wrapyfi_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from gazenet.cues.external.middleware import publisher

    monkeypatch.setitem(sys.modules, "wrapyfi.connect", None)
    with pytest.raises(UsageError, match=r"pip install 'gazenet\[middleware\]'"):
        publisher("/gazenet/target")


SENDER = """
import pathlib, sys, time
import pandas, wrapyfi.plugins.pandas_data as plugin
from gazenet.cues.external.middleware import publisher
class Runs:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path(sys.argv[1]),)
_, message = plugin.PandasData().encode(Runs())
message["__wrapyfi__"] = list(message["__wrapyfi__"])
mouth = publisher("/gazenet/hostile")
for k in range(300):
    mouth.publish({"value": message})
    mouth.publish({"value": pandas.DataFrame({"a": [1]})})
    mouth.publish({"value": "plain", "pair": (1, 2)})
    time.sleep(0.05)
"""
HEARER = """
import sys, time
import wrapyfi.plugins.pandas_data  # with its decoder registered
from wrapyfi.utils.core_utils import PluginRegistrar
assert "PandasData" in PluginRegistrar.decoder_registry
from gazenet.cues.external.middleware import subscriber
ear = subscriber("/gazenet/hostile")
end, told = time.monotonic() + 40, []
while time.monotonic() < end and len(told) < 3:
    heard = ear.listen()
    if heard is not None:
        told.append(heard)
    time.sleep(0.002)
print(told)
"""
AS_WRAPYFI_DOES = """
import pathlib, sys
import wrapyfi.plugins.pandas_data as plugin
from wrapyfi.utils.serialization_encoders import JsonDecodeHook
class Runs:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path(sys.argv[1]),)
_, message = plugin.PandasData().encode(Runs())
JsonDecodeHook().object_hook(message)
"""


def test_a_message_with_a_pickle_is_not_unpickled(start, tmp_path: Path) -> None:
    """No code from data: what another machine sends is never run, although Wrapyfi would."""
    pytest.importorskip("pandas")
    ran = tmp_path / "ran"
    lines(start(AS_WRAPYFI_DOES, str(ran)))
    assert ran.exists(), "such a message runs where Wrapyfi decodes it"
    ran.unlink()
    sender = start(SENDER, str(ran))
    (heard,) = lines(start(HEARER))
    sender.kill()
    assert heard == str([{"value": "plain", "pair": (1, 2)}] * 3) and not ran.exists()


def test_only_plain_values_are_decoded() -> None:
    import base64
    import io

    def message(array: np.ndarray) -> dict:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        return {"__wrapyfi__": ["numpy.ndarray", base64.b64encode(buffer.getvalue()).decode(), "0"]}

    assert middleware.decoded({"a": 1}) == {"a": 1}
    assert middleware.decoded({"__wrapyfi__": ["tuple", [1, 2]]}) == (1, 2)
    assert middleware.decoded(message(np.arange(3))).tolist() == [0, 1, 2]
    for hostile in (message(np.array([print], object)), {"__wrapyfi__": ["PandasData", "x"]}, {"__wrapyfi__": []}):
        with pytest.raises(ValueError):
            middleware.decoded(hostile)
