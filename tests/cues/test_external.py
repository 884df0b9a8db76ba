"""Programs as extractors: what they may do wrong, and that nothing of it hangs the platform."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gazenet.cues.external.program import Program, ProgramError
from gazenet.cues.external.program_extractor import ProgramExtractor
from gazenet.cues.external.protocol import ProtocolError, line, parse, payload_size
from gazenet.cues.extractor import Face, VideoContext, Windows
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec, WindowSpec
from gazenet.cues.registry import PluginEntry, get
from gazenet.errors import PluginError, UsageError
from gazenet.testing.conformance import run
from gazenet.testing.synthetic import SyntheticVideo

BRIGHT = """
import numpy as np
from gazenet.cues.external import serve

def bright(batch):
    print("a program may print")
    rows, columns = batch.map_size
    light = batch.anchors.mean(-1)
    y, x = np.arange(rows) * light.shape[1] // rows, np.arange(columns) * light.shape[2] // columns
    maps = light[:, y[:, None], x]
    records = [{"frame": index} for index in batch.facts["index"]]
    return maps.astype(np.uint8), records

serve(bright)
"""

# Speaks the protocol by hand: what a program without our helper does, with a fault to choose.
BY_HAND = """
import json, os, pathlib, sys, time
fault, marks = sys.argv[1], pathlib.Path(sys.argv[2])
marks.write_text(str(int(marks.read_text()) + 1) if marks.exists() else "1")
first_life = marks.read_text() == "1"
out = sys.stdout.buffer
def say(message, data=b""):
    out.write(json.dumps(message).encode() + b"\\n" + data)
    out.flush()
for text in iter(sys.stdin.buffer.readline, b""):
    message = json.loads(text)
    sys.stdin.buffer.read(message.get("bytes", 0))
    if message["type"] == "hello":
        say({"type": "ready", "protocol": 2 if fault == "protocol" else 1})
    if message["type"] != "windows":
        continue
    shape = [len(message["index"]), *message["map_size"]]
    size = shape[0] * shape[1] * shape[2]
    reply = {"type": "maps", "request": message["request"], "maps": shape, "dtype": "uint8", "bytes": size}
    if fault == "dies" or (fault == "dies once" and first_life):
        print("no more memory", file=sys.stderr, flush=True)
        os._exit(3)
    if fault == "hangs":
        time.sleep(60)
    if fault == "garbage":
        out.write(b"\\xff\\xfe hello\\n")
        out.flush()
    if fault == "floods":
        while True:
            out.write(b"x" * 65536)
    if fault == "bytes":
        reply["bytes"] = 1 << 40
    if fault == "shape":
        reply["maps"] = [1, 2, 3]
    if fault == "request":
        reply["request"] = 77
    if fault == "dtype":
        reply["dtype"] = "int64"
    if fault == "error":
        say({"type": "error", "request": message["request"], "message": "the lens cap is on"})
        continue
    if fault == "chatty":
        sys.stderr.write("y" * 300000)
    say(reply, b"\\x80" * size)
    if fault == "talks on":
        say({"type": "and another thing"})
"""


class Probe(ProgramExtractor):
    spec = ExtractorSpec(
        name="probe",
        summary="A program",
        cue="other",
        implementation="test_external:Probe",
        window=WindowSpec(before=1),
        input=InputSpec(height=36, width=64),
        batch=4,
        parameters={"command": "", "files": "", "timeout": 10.0, "restarts": 0},
    )


def windows(count: int = 3) -> Windows:
    return Windows(
        index=np.arange(count),
        times=np.zeros((count, 2)),
        size=(72, 128),
        map_size=(9, 16),
        anchor=1,
        frames=torch.zeros((count, 2, 3, 36, 64), dtype=torch.uint8),
    )


@pytest.fixture
def by_hand(tmp_path: Path):
    """Makes a probe whose program has a fault; the file counts its starts."""
    program, marks = tmp_path / "program.py", tmp_path / "starts"
    program.write_text(BY_HAND)

    def make(fault: str, **settings: float) -> tuple[Probe, Path]:
        command = f"{sys.executable} {program} {fault!r} {marks}"
        probe = Probe(command=command, **{"timeout": 5.0, "restarts": 0, **settings})
        probe.load(torch.device("cpu"), torch.float32, lambda name: tmp_path)
        probe.begin(VideoContext("made up", 72, 128, 25.0, None))
        return probe, marks

    return make


@pytest.fixture
def bright(tmp_path: Path) -> str:
    program = tmp_path / "bright.py"
    program.write_text(BRIGHT)
    return f"{sys.executable} {program}"


def test_a_python_program_is_an_extractor_like_any_other(bright: str) -> None:
    spec = Probe.spec.model_copy(update={"parameters": {**Probe.spec.parameters, "command": bright}})
    entry = PluginEntry("probe", spec, "tests", lambda: Probe)
    video = SyntheticVideo(frames=9)
    maps, records = run(entry, video)
    assert [record["frame"] for record in records] == list(range(9))
    for k in (0, 5, 8):
        row, column = np.unravel_index(maps[k].argmax(), maps[k].shape)
        y, x = (row + 0.5) * video.size[0] / maps.shape[1], (column + 0.5) * video.size[1] / maps.shape[2]
        assert video.image(k)[int(y), int(x)].sum() > 300


def test_float_maps_and_faces(tmp_path: Path) -> None:
    program = tmp_path / "faces.py"
    program.write_text(
        "import numpy as np\nfrom gazenet.cues.external import serve\n"
        "serve(lambda batch: np.array([len(found) / 4 for found in batch.facts['faces']], 'f4')[:, None, None]"
        " * np.ones((1, *batch.map_size), 'f4'))\n"
    )
    probe = Probe(command=f"{sys.executable} {program}")
    probe.load(torch.device("cpu"), torch.float32, lambda name: tmp_path)
    probe.begin(VideoContext("made up", 72, 128, 25.0, None))
    face = Face(7, (1.0, 2.0, 30.0, 40.0), 0.9)
    given_faces = [[(), (face,)], [(face,), (face, face)]]
    found = probe.extract(Windows(**{**windows(2).__dict__, "faces": given_faces}))
    assert found.maps[:, 0, 0].tolist() == [0.25, 0.5]
    assert found.maps.shape == (2, 9, 16)


def test_a_program_that_dies_is_started_again_and_given_the_same_batch(by_hand) -> None:
    probe, starts = by_hand("dies once", restarts=1)
    assert (probe.extract(windows()).maps == 128 / 255).all()
    assert starts.read_text() == "2"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("dies", "ended with exit code 3; it said: no more memory"),
        ("hangs", "did not answer within 0.5 s"),
        ("garbage", "where a line of JSON was expected"),
        ("floods", "without the end of a line"),
        ("bytes", "announced 1099511627776 bytes where"),
        ("shape", r"as uint8 \[1, 2, 3\], expected uint8 or float32 \[3, 9, 16\]"),
        ("request", "answered maps to request 77"),
        ("dtype", "as int64"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(by_hand, fault: str, said: str) -> None:
    probe, _ = by_hand(fault, timeout=0.5 if fault == "hangs" else 5.0)
    with pytest.raises(PluginError, match=said) as caught:
        probe.extract(windows())
    assert "probe:" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_restarts_are_used_up(by_hand) -> None:
    probe, starts = by_hand("dies", restarts=2)
    with pytest.raises(PluginError, match="no restarts are left"):
        probe.extract(windows())
    assert starts.read_text() == "3"


def test_an_error_that_the_program_reports_is_no_reason_to_start_it_again(by_hand) -> None:
    probe, starts = by_hand("error", restarts=2)
    with pytest.raises(PluginError, match="frames 0 to 2: the program says: the lens cap is on"):
        probe.extract(windows())
    assert starts.read_text() == "1"


def test_what_is_said_unasked_counts_against_the_program(by_hand) -> None:
    probe, _ = by_hand("talks on")
    assert probe.extract(windows()).maps.shape == (3, 9, 16)
    with pytest.raises(PluginError, match=r"spoke without being asked|answered and another thing"):
        for _ in range(2):
            time.sleep(0.2)
            probe.extract(windows())


def test_much_on_standard_error_does_not_block(by_hand) -> None:
    probe, _ = by_hand("chatty")
    assert probe.extract(windows()).maps.shape == (3, 9, 16)


def test_another_protocol_is_refused(by_hand) -> None:
    with pytest.raises(UsageError, match="expected ready, protocol 1"):
        by_hand("protocol")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"command": ""}, "command is empty"),
        ({"command": "no-such-program --fast"}, "cannot be run"),
        ({"command": "echo 'x"}, "No closing quotation"),
        ({"command": "cat", "timeout": 0.0}, "timeout must be positive"),
        ({"command": "cat", "files": "/no/such/file"}, "does not exist"),
    ],
)
def test_wrong_requests(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Probe(**settings).load(torch.device("cpu"), torch.float32, lambda name: tmp_path)  # type: ignore[arg-type]


def test_one_that_is_not_ready_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gazenet.cues.external.program_extractor.LOADING_S", 0.3)
    begun = time.monotonic()
    with pytest.raises(UsageError, match=r"probe: sleep did not answer within 0\.3 s") as caught:
        Probe(command="sleep 60", restarts=9).load(torch.device("cpu"), torch.float32, lambda name: tmp_path)
    assert time.monotonic() - begun < 15 and "\n" not in str(caught.value)


def test_a_program_that_does_not_read_is_noticed() -> None:
    program = Program("sleep 30")
    with pytest.raises(ProgramError, match="did not read within"):
        program.send({"type": "windows"}, b"x" * (1 << 22), timeout=0.3)
    program.close()


def test_nothing_it_started_outlives_it(tmp_path: Path) -> None:
    program = Program(f"sh -c 'sleep 60 & echo $! > {tmp_path}/child; sleep 60'")
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text().strip():
        time.sleep(0.01)
    child = int((tmp_path / "child").read_text())
    program.close()
    stat = Path(f"/proc/{child}/stat")
    # Whoever adopts the orphan may not have collected it yet: a zombie is dead as well.
    for _ in range(200):
        if not stat.exists() or stat.read_text().split(")")[1].split()[0] == "Z":
            return
        time.sleep(0.01)
    os.kill(child, 9)
    pytest.fail("the program's child is still running")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV])
def test_nothing_outlives_a_run_that_is_killed(ending: signal.Signals, tmp_path: Path) -> None:
    source = (
        "import sys, time\nfrom gazenet.cues.external.program import Program\n"
        f"program = Program(\"sh -c 'echo $$ > {tmp_path}/parent; sleep 60 & echo $! > {tmp_path}/child; wait'\")\n"
        "time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", source])
    pids = [tmp_path / "parent", tmp_path / "child"]
    deadline = time.monotonic() + 60
    while not all(path.exists() and path.read_text().strip() for path in pids):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    run.send_signal(ending)
    run.wait()
    left = [int(path.read_text()) for path in pids]
    deadline = time.monotonic() + 20
    while alive := [pid for pid in left if is_alive(pid)]:
        assert time.monotonic() < deadline, f"{alive} are still running"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whoever adopts an orphan may not have collected it yet: a zombie is dead as well."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_command_is_named_once_before_it_is_started(by_hand, capsys: pytest.CaptureFixture[str]) -> None:
    probe, starts = by_hand("dies once", restarts=1)
    probe.extract(windows())
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(f"probe: starting the program: {sys.executable} ") and starts.read_text() == "2"
    with pytest.raises(UsageError):
        Probe(command="no-such-program --fast").load(torch.device("cpu"), torch.float32, lambda name: Path())
    assert capsys.readouterr().err == "probe: starting the program: no-such-program --fast\n"


def test_the_bundled_one_asks_for_a_command() -> None:
    entry = get("external")
    assert entry.spec.checkpoints == ("files",)
    with pytest.raises(UsageError, match="command is empty"):
        run(entry, SyntheticVideo(frames=1))


@given(st.binary(max_size=80))
def test_any_line_is_a_message_or_an_error(text: bytes) -> None:
    try:
        message = parse(text)
    except ProtocolError as error:
        assert "\n" not in str(error)
    else:
        assert parse(line(message)) == message


@pytest.mark.parametrize("size", [-1, 1.5, "9", True, None])
def test_sizes_are_counts(size: object) -> None:
    with pytest.raises(ProtocolError, match="announced"):
        payload_size({"type": "maps", "bytes": size})
