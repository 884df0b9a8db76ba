"""The Gaussian of the ground truth: that of the data set, pixels, or degrees of what observers saw."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from made_up_cache import make_config, train

from gazenet.data import source_items
from gazenet.data.density import GaussianWidth, ViewingConditions
from gazenet.data.findwho import FindWho
from gazenet.errors import UsageError
from gazenet.recipes.gasp.extract_cues import choose_items, truth_sigma


def sigma(root: Path, view: float | None = None, **data: Any) -> float:
    """In pixels of the 1280 pixels of a FindWho frame."""
    source = {"dataset": "findwho", "items": ["001"], "field_of_view": view}
    changes = {f"data__{key}": json.dumps(value) for key, value in data.items()}
    config = make_config(root, root / "out", data__train=json.dumps([source]), **changes)
    (one,) = choose_items(config, config.data.train)
    return truth_sigma(config, one)


def test_pixels_and_degrees_of_the_same_gaussian_agree(data_root: Path) -> None:
    assert sigma(data_root) == 40
    assert sigma(data_root, sigma=25.0) == 25
    view = 2 * math.degrees(math.atan(0.5))
    found = sigma(data_root, view, sigma=1.0, sigma_unit="degrees")
    # The screen is as wide as its distance: a degree at the centre is tan 0.5 degrees, twice, of 1280 pixels.
    assert found == pytest.approx(2 * math.tan(math.radians(0.5)) * 1280)
    assert sigma(data_root, view, sigma=2.0, sigma_unit="degrees") == pytest.approx(2 * found, rel=1e-3)
    assert sigma(data_root, view) == 40


def test_degrees_need_to_know_what_was_seen(data_root: Path) -> None:
    with pytest.raises(UsageError, match=r"data set findwho: data\.sigma is in degrees.*field_of_view"):
        sigma(data_root, sigma=1.0, sigma_unit="degrees")
    with pytest.raises(UsageError, match="field_of_view"):
        sigma(data_root, 200.0)


def test_degrees_by_what_the_reader_knows(data_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = ViewingConditions(screen_cm=50.0, distance_cm=57.3)
    opened = FindWho(data_root / "findwho", spread=GaussianWidth(1.0, "degrees", viewing=known))
    monkeypatch.setattr(source_items, "open_dataset", lambda *_: opened)
    assert sigma(data_root) == pytest.approx(known.pixels(1.0, 1280))
    assert sigma(data_root, sigma=1.5, sigma_unit="degrees") == pytest.approx(known.pixels(1.5, 1280))
    assert sigma(data_root, 40.0, sigma=1.5, sigma_unit="degrees") == pytest.approx(
        ViewingConditions.spanning(40).pixels(1.5, 1280)
    )


@pytest.mark.parametrize("key", ["cues", "test_cues"])
def test_unknown_cues_are_named_before_anything_is_done(data_root: Path, tmp_path: Path, key: str) -> None:
    def forbidden(*_: object) -> Any:
        raise AssertionError("cues were made")

    asked = {key: json.dumps(["saliency", "activ_speaker"])}
    config = make_config(data_root, tmp_path / "out", **asked)
    with pytest.raises(UsageError, match=r"activ_speaker is not in .* default \(did you mean 'active_speaker'\?\)"):
        train(config, extract=forbidden)
    assert not (tmp_path / "out").exists()


def test_a_cue_whose_extractor_is_not_installed_is_named_before_anything_is_done(
    data_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "infer.json").write_text(json.dumps({"extractors": [{"name": "saliency"}, {"name": "spoken_to"}]}))
    asked = {"cues": json.dumps(["saliency", "spoken_to"]), "infer_config": str(tmp_path / "infer.json")}
    with pytest.raises(UsageError, match="unknown extractor 'spoken_to'"):
        train(make_config(data_root, tmp_path / "out", **asked))
    assert not (tmp_path / "out").exists()
