"""What is read stays, under whatever name something is to be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gazenet.errors import UsageError
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A video, also under other names, and a folder with another one."""
    monkeypatch.chdir(tmp_path)
    Path("clip.mp4").write_bytes(b"video")
    Path("link.mp4").symlink_to("clip.mp4")
    os.link("clip.mp4", "hard.mp4")
    Path("folder/deep").mkdir(parents=True)
    Path("folder/deep/other.mp4").write_bytes(b"other")
    Path("folder/.clip.tmp.mp4").write_bytes(b"odd name")
    Path("way").symlink_to("folder")
    return tmp_path


CLASHES = {
    "itself": ("clip.mp4", "clip.mp4", {}),
    "by another path": ("folder/../clip.mp4", "clip.mp4", {}),
    "through a link": ("link.mp4", "clip.mp4", {}),
    "of a link": ("clip.mp4", "link.mp4", {}),
    "a hard link": ("hard.mp4", "clip.mp4", {}),
    "through a folder's link": ("way/deep/other.mp4", "folder/deep/other.mp4", {}),
    "inside a folder that is replaced": ("folder", "folder/deep/other.mp4", {"whole": True}),
    "inside a folder behind a link": ("way", "folder/deep/other.mp4", {"whole": True}),
    "link inside a folder that is replaced": ("folder", "way/deep/other.mp4", {"whole": True}),
    "unfinished by its name": ("folder", "folder/.clip.tmp.mp4", {"cleared": True}),
}


@pytest.mark.parametrize("case", CLASHES)
def test_a_target_that_is_an_input_is_refused(here: Path, case: str) -> None:
    target, read, how = CLASHES[case]
    with pytest.raises(UsageError, match=r"output_dir: .* would replace the input .*: choose another place") as caught:
        refuse_overwriting(
            [OutputTarget(Path("new.npy"), "x"), OutputTarget(Path(target), "output_dir", **how)], [Path(read)]
        )
    assert "\n" not in str(caught.value) and Path(read).exists()


@pytest.mark.parametrize(
    ("target", "read", "how"),
    [
        ("new.mp4", "clip.mp4", {}),
        ("folder", "clip.mp4", {"whole": True, "cleared": True}),
        ("folder", "folder/deep/other.mp4", {"cleared": True}),
        ("folder", "folder/deep/other.mp4", {}),
        ("clip.mp4", "not there.mp4", {}),
        ("missing", "clip.mp4", {"whole": True}),
    ],
)
def test_other_targets_are_fine(here: Path, target: str, read: str, how: dict[str, bool]) -> None:
    refuse_overwriting([OutputTarget(Path(target), "output_dir", **how)], [Path(read)])


def test_a_disk_that_does_not_tell_case_apart(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.stat

    def stat(path: Path, **more: bool) -> os.stat_result:
        return real(str(path).lower() if "CLIP" in str(path) else path, **more)

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(UsageError, match=r"would replace the input clip\.mp4"):
        refuse_overwriting([OutputTarget(Path("CLIP.MP4"), "output_dir")], [Path("clip.mp4")])


def test_files_that_a_config_names(here: Path) -> None:
    config = {"inputs": ["clip.mp4", "gone.mp4"], "deep": {"weights": "hard.mp4", "out": "link.mp4"}, "size": 3}
    named = list(named_files({**config, "odd": "a\0b", "long": "x" * 5000}, leave_out=("deep.out",)))
    assert named == [Path("clip.mp4"), Path("hard.mp4")]
