"""Many inputs whose maps are in the cache already, whatever the number of threads."""

from __future__ import annotations

from pathlib import Path

import pytest

from gazenet.config.inference import InferConfig
from gazenet.inference.engine.pipeline import run
from tests.clips import make_clip
from tests.compiled import compiling_threads
from tests.inference.calls import Calls

INPUTS = 20


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    """Links to one clip of twelve frames."""
    clip = make_clip(tmp_path / "clip.mp4", 12, (32, 48))
    links = [tmp_path / f"c{k:02d}.mp4" for k in range(INPUTS)]
    for link in links:
        link.symlink_to(clip)
    return links


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_every_cached_input_is_done(tmp_path: Path, many: list[Path], odd: Calls, workers: int) -> None:
    data = {"extractors": [{"name": "odd"}, {"name": "captured"}], "integrator": None, "chunk": 4, "map_size": 16}
    data |= {"faces": {"mesh": False, "stride": 12}, "outputs": {"maps": False, "overlay": False, "attention": False}}
    data |= {"cache_dir": str(tmp_path / "cache"), "workers": workers, "threads": 1}
    config = InferConfig.model_validate({**data, "outputs": {**data["outputs"], "report": False}})
    assert run(config, many[:1], tmp_path / "first").exit_code == 0
    computed = odd()
    with compiling_threads() as compiled:
        result = run(config, many, tmp_path / "out")
    assert (result.exit_code, len(result.finished), result.failures) == (0, INPUTS, [])
    assert odd() == computed, "all maps were in the cache"
    assert [name for name in compiled if name.startswith("gazenet")] == []
