"""The conformance kit, and what makes this cue the cue that it is."""

import numpy as np
import pytest

from gazenet.cues.registry import get
from gazenet.testing.conformance import CHECKS, run
from gazenet.testing.synthetic import SyntheticVideo


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check):
    check(get("motion"))


def test_the_moving_disc_is_found():
    video = SyntheticVideo(frames=6)
    maps, _ = run(get("motion"), video)
    column = maps[4].max(0).argmax() * video.size[1] / maps.shape[2]
    centre = video.size[1] * (0.2 + 0.6 * 4 / 20)
    assert abs(column - centre) < video.size[0] / 4
    assert np.all(maps[0] == 0)
