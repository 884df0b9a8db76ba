"""A whole run wherever it is started: without streams, home or temporary folder, on full and read-only disks."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.kill_subjects import Files, Infer

HOME = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

Run = Callable[..., subprocess.CompletedProcess[str]]


class Bench:
    """Runs ``gasp_infer`` on a made-up clip as a line of a shell; ``{run}`` in the line is the command."""

    def __init__(self, home: Path) -> None:
        inputs = home / "inputs"
        inputs.mkdir()
        self._subject = Infer(inputs)
        config = inputs / "infer.json"
        values = json.loads(config.read_text())
        values |= {"inputs": values["inputs"][:1], "outputs": {"saliency_video": True}}
        config.write_text(json.dumps(values))
        self.peace = home / "peace"
        self.peace.mkdir()
        assert self.run(self.peace).returncode == 0
        self.wanted = self.outcome(self.peace)

    def run(self, folder: Path, line: str = "{run}", *more: str, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "gazenet.cli.infer", *self._subject.arguments, *more]
        environment = {**os.environ, **self._subject.environment(folder), "OMP_NUM_THREADS": "1", **variables}
        environment["PYTHONPATH"] = os.pathsep.join([environment["PYTHONPATH"], str(HOME)])
        return subprocess.run(
            ["sh", "-c", line.format(run=shlex.join(command))],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def outcome(self, folder: Path) -> Files:
        files = self._subject.outcome(folder)
        return {name: data for name, data in files.items() if "run.json" not in name}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("surroundings"))


def private_mounts() -> bool:
    """Whether a process here may have file systems of its own."""
    try:
        command = ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"]
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def in_private(*mounts: str) -> str:
    """A line that runs the command where these commands have changed what is mounted."""
    return "unshare -m sh -c " + shlex.quote(" && ".join([*mounts, '"$@"'])) + " sh {run}"


needs_mounts = pytest.mark.skipif(not private_mounts(), reason="needs the right to mount file systems")


@pytest.mark.parametrize("line", ["{run} 2>&-", "{run} <&- >&- 2>&-", "{run} 2>&1 | head -c1"])
def test_without_streams(line: str, bench: Bench, tmp_path: Path) -> None:
    assert bench.run(tmp_path, line).returncode == 0
    assert bench.outcome(tmp_path) == bench.wanted


def test_without_home_temporary_folder_and_locale(bench: Bench, tmp_path: Path) -> None:
    nowhere = {"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "LC_ALL": "POSIX", "PYTHONUTF8": "0"}
    done = bench.run(tmp_path, "unset HOME; ulimit -n 64; {run}", **nowhere, PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0, done.stderr
    assert bench.outcome(tmp_path) == bench.wanted and "Traceback" not in done.stderr


def test_from_a_deleted_folder(bench: Bench, tmp_path: Path) -> None:
    done = bench.run(tmp_path, "mkdir gone && cd gone && rmdir ../gone && {run}")
    assert done.returncode == 2
    assert done.stderr == ("gasp_infer: the working directory was deleted: change to one that exists and run again\n")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_in_a_process_that_was_not_forked(method: str, bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "start.py"
    script.write_text(
        "import multiprocessing, sys\nfrom gazenet.cli.infer import main\n"
        "def work(words): sys.exit(main(words))\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({method!r})\n"
        "    child = multiprocessing.Process(target=work, args=(sys.argv[3:],))\n"
        "    child.start(); child.join(); sys.exit(child.exitcode)\n"
    )
    # The command is "python -m gazenet.cli.infer ..."; its words from the third on are the arguments.
    done = bench.run(tmp_path, f"start() {{{{ python=$1; shift; $python {script} $@; }}}}; start {{run}}")
    assert done.returncode == 0, done.stderr
    assert bench.outcome(tmp_path) == bench.wanted


def test_while_the_clock_jumps(bench: Bench, tmp_path: Path) -> None:
    """Every look at the clock finds it days before or after the one before."""
    (tmp_path / "sitecustomize.py").write_text(
        "import itertools, time\nreal, looks = time.time, itertools.count()\n"
        "def jumping():\n    k = next(looks)\n    return real() + 86400 * (k if k % 2 else -k)\n"
        "time.time = jumping\n"
    )
    line = f"PYTHONPATH={tmp_path}:$PYTHONPATH {{run}}"
    assert bench.run(tmp_path, line).returncode == 0
    assert bench.outcome(tmp_path) == bench.wanted
    assert "finished before" in bench.run(tmp_path, line).stderr


@needs_mounts
def test_with_a_tiny_shared_memory(bench: Bench, tmp_path: Path) -> None:
    done = bench.run(tmp_path, in_private("mount -t tmpfs -o size=4k none /dev/shm"))
    assert done.returncode == 0, done.stderr
    assert bench.outcome(tmp_path) == bench.wanted


@needs_mounts
def test_from_a_read_only_installation(bench: Bench, tmp_path: Path) -> None:
    folders = sorted({str(HOME), sys.prefix})
    mounts = [f"mount --bind {one} {one} && mount -o remount,ro,bind {one}" for one in folders]
    done = bench.run(tmp_path, in_private(*mounts, f"! touch {HOME}/probe 2>/dev/null"))
    assert done.returncode == 0, done.stderr
    assert bench.outcome(tmp_path) == bench.wanted


@needs_mounts
def test_into_a_read_only_folder(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    done = bench.run(tmp_path, in_private("mount --bind out out", "mount -o remount,ro,bind out"))
    assert done.returncode == 2
    assert done.stderr == "gasp_infer: output_dir out: cannot be written (Read-only file system); choose another\n"


@needs_mounts
def test_onto_a_full_disk_and_again_with_room(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    line = in_private(
        "mount -t tmpfs -o size=160k none out",
        '! "$@"',
        "mount -o remount,size=100m out",
        '"$@"',
        "cp -r out kept",
        "umount out && rmdir out && mv kept out && set -- true",
    )
    done = bench.run(tmp_path, line)
    assert done.returncode == 0, done.stderr
    failures = [one for one in done.stderr.splitlines() if one.startswith("error: ")]
    assert len(failures) == 1 and ("disk full" in failures[0] or "No space left" in failures[0])
    assert "Traceback" not in done.stderr
    assert bench.outcome(tmp_path) == bench.wanted


@pytest.mark.parametrize("blocks", [8, 40])
def test_under_a_limit_on_the_size_of_files(blocks: int, bench: Bench, tmp_path: Path) -> None:
    done = bench.run(tmp_path, f"ulimit -f {blocks}; {{run}}")
    assert done.returncode == 1, done.stderr
    assert len([one for one in done.stderr.splitlines() if one.startswith("error: ")]) == 1
    assert "Traceback" not in done.stderr
    assert bench.run(tmp_path).returncode == 0
    assert bench.outcome(tmp_path) == bench.wanted
