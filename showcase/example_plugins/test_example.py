"""The conformance kit, and what makes each plugin what it is."""

import numpy as np
import pytest

from gazenet.plugins.kinds import find
from gazenet.testing.conformance import checks_of, run
from gazenet.testing.synthetic import SyntheticVideo

ENTRIES = [find(name)[1] for name in ("motion", "centred_motion", "peaks", "clips")]
CASES = [(entry, check) for entry in ENTRIES for check in checks_of(entry)]


@pytest.mark.parametrize(("entry", "check"), CASES, ids=[f"{entry.name}-{check.__name__}" for entry, check in CASES])
def test_conformance(entry, check):
    check(entry)


def test_the_moving_disc_is_found():
    video = SyntheticVideo(frames=6)
    maps, _ = run(ENTRIES[0], video)
    column = maps[4].max(0).argmax() * video.size[1] / maps.shape[2]
    centre = video.size[1] * (0.2 + 0.6 * 4 / 20)
    assert abs(column - centre) < video.size[0] / 4
    assert np.all(maps[0] == 0)


def test_motion_in_the_middle_counts_more():
    from gazenet_example import CentredMotion

    maps = np.zeros((1, 9, 17), np.uint8)
    maps[0, 4, 8] = maps[0, 0, 0] = 200
    result = CentredMotion().fuse({"motion": maps})
    assert result.saliency[0].argmax() == 4 * 17 + 8 and result.gates[0, 0] == pytest.approx(200 / 255)


def test_fixations_are_those_of_the_frame(tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "a.csv").write_text("0,10,20\n0.08,30,40\n")
    for check in checks_of(ENTRIES[3], tmp_path):
        check(ENTRIES[3])
