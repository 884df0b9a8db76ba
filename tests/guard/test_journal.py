"""What a process that died without a word leaves behind, and what the next run makes of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from gazenet.config.inference import InferConfig
from gazenet.guard import journal
from gazenet.guard.guarded_call import guarded
from gazenet.inference.engine.failures import at_work, died_at


def config(*isolated: str) -> InferConfig:
    extractors = [{"name": name, "isolated": name in isolated} for name in ("saliency", "odd")]
    return InferConfig.model_validate({"extractors": extractors})


def die_at_work(folder: Path, how: int) -> None:
    """A process that ends in a plugin."""
    child = os.fork()
    if child == 0:
        with journal.note_calls(folder):
            journal.set_input("clip.mp4")
            with guarded("saliency", "frames 0 to 7"):
                pass
            with guarded("odd", "frames 8 to 15"):
                os.kill(os.getpid(), how) if how else os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.parametrize("how", [0, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_the_plugin_at_work_is_known_after_any_death(how: int, tmp_path: Path) -> None:
    die_at_work(tmp_path, how)
    assert journal.read_unfinished_calls(tmp_path) == [journal.ActiveCall("clip.mp4", "odd", "frames 8 to 15")]
    assert journal.read_unfinished_calls(tmp_path) == [] and not list(tmp_path.iterdir())


def test_the_next_run_names_it_once_with_the_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    die_at_work(tmp_path, signal.SIGKILL)
    for _ in range(2):
        with at_work(config(), tmp_path):
            pass
    (line,) = capsys.readouterr().err.splitlines()
    assert "clip.mp4: odd: frames 8 to 15" in line and "saliency" not in line
    assert line.endswith("--set extractors.1.isolated=true")


def test_one_that_is_isolated_already_needs_no_advice() -> None:
    calls = [journal.ActiveCall("clip.mp4", "odd", "frames 8 to 15")]
    assert "--set" in died_at(config(), calls)[0] and "--set" not in died_at(config("odd"), calls)[0]
    assert died_at(config(), []) == []


def test_a_run_that_ends_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), at_work(config(), tmp_path), guarded("odd", "loading"):
        signal.raise_signal(signal.SIGINT)
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_still_at_work_is_left_alone(tmp_path: Path) -> None:
    with journal.note_calls(tmp_path), guarded("odd", "loading"):
        other = os.fork()
        if other == 0:
            os._exit(len(journal.read_unfinished_calls(tmp_path)))
        assert os.waitpid(other, 0)[1] == 0 and len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with journal.note_calls(tmp_path / "file"), guarded("odd", "loading"):
        pass
