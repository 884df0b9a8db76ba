"""The frame as a cue."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gazenet.cues.windows import WindowBuilder
from gazenet.testing.conformance import MAP_SIZE
from gazenet.testing.synthetic import SyntheticVideo
from gazenet_plugins.captured.extractor import Captured
from gazenet_plugins.captured.spec import SPEC


def test_the_picture_is_the_frame_and_the_map_its_luminance() -> None:
    video, cue = SyntheticVideo(frames=5), Captured()
    cue.load(torch.device("cpu"), torch.float32, lambda asset_id: None)  # type: ignore[arg-type, return-value]
    cue.begin(video.context())
    found = cue.extract(WindowBuilder(SPEC, torch.device("cpu"), video.context(), MAP_SIZE).build([0, 3], 4, video))
    assert found.pictures is not None and len(found.pictures) == 2
    assert np.array_equal(found.pictures[1], video.image(3))
    want = (video.image(3) @ np.array([0.299, 0.587, 0.114])).mean() / 255
    assert float(found.maps[1].mean()) == pytest.approx(want, abs=1e-3)
