"""Whoever kills a run and starts it again gets the bytes of a run that was left in peace, without repeated work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gazenet.inference.engine.pipeline import run
from tests.inference.calls import CHUNK, Calls, cached, durable, settings, wait_for_chunk, wait_for_end

DEVICES = """
import sys
from pathlib import Path
from gazenet.config.load import load_config
from gazenet.inference.engine.device_pool import DevicesEngine
from gazenet.inference.engine.pipeline import run
config = load_config("infer", Path(sys.argv[1]))
folder = Path(config.output_dir)
sys.exit(run(config, [Path(name) for name in sys.argv[2:]], folder, engine=DevicesEngine(["cpu", "cpu"])).exit_code)
"""


@pytest.fixture
def address(request: pytest.FixtureRequest, odd: Calls) -> Iterator[str]:
    """Of a cluster that outlives the drivers, where a test is about one."""
    if "cluster" not in request.node.callspec.params.values():
        yield ""
        return
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    yield made.address
    made.shutdown()


def command(engine: str, file: Path, clips: list[Path], address: str) -> list[str]:
    names = [str(clip) for clip in clips]
    if engine == "devices":
        return [sys.executable, "-c", DEVICES, str(file), *names]
    more = ["--workers", "2"]
    more += [] if engine == "local" else ["--engine", "ray", "--ray_address", address or "local"]
    return [sys.executable, "-m", "gazenet.cli.infer", "--infer_config_file", str(file), "--input", *names, *more]


def begun(arguments: list[str], pause: float, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        environment: dict[str, Any] = {**os.environ, "ODD_PAUSE": str(pause)}
        return subprocess.Popen(arguments, stdout=file, stderr=file, env=environment)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("embedded_weights")
@pytest.mark.parametrize("engine", ["local", "devices", "ray", "cluster"])
def test_a_killed_driver_costs_no_finished_work(
    engine: str, address: str, odd: Calls, clips: list[Path], tmp_path: Path
) -> None:
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    whole, killed, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "said"
    assert run(settings(whole), clips, whole).exit_code == 0
    everything, peaceful = set(odd()), sum(odd().values())
    file = tmp_path / "config.json"
    file.write_text(json.dumps(settings(killed).model_dump(mode="json")))
    arguments = command(engine, file, clips, address)

    driver = begun(arguments, 0.1, log)
    try:
        odd.wait_for(3 * CHUNK)
        wait_for_chunk(killed)
    finally:
        driver.kill()
        driver.wait()
    wait_for_end(set(odd.processes()[peaceful:]))
    before, kept = odd(), durable(killed)
    assert kept and kept < everything, "killed in the middle"

    driver = begun(arguments, 0.0, log)
    assert driver.wait() == 0, log.read_text()
    again = odd() - before
    assert not set(again) & kept, "finished work is not repeated"
    assert set(again) == everything - kept and set(again.values()) == {1}
    # How much was computed and not yet on the disk depends on the disk; nothing is computed a third time.
    assert set(odd().values()) <= {2, 3}, "once in peace, once or twice around the kill"
    assert cached(whole) == cached(killed)
