"""Training on coloured pictures and the frame itself: which extractors run, what clips hold, what is left behind."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_cache import FRAMES, blob_maps, fake_extract, make_config, train

from gazenet.config.inference import InferConfig
from gazenet.config.training import TrainConfig
from gazenet.cues.colour_pictures import as_pictures
from gazenet.errors import UsageError
from gazenet.fusion.gasp_integrator import load_gasp
from gazenet.inference.cache.recall import Recalled
from gazenet.recipes.gasp.extract_cues import cue_config
from gazenet.training.checkpoints import LAST


def planes(seed: int) -> np.ndarray:
    """The blob in red on a grey that says nothing, RGB planes ``[T, 3, h, w]``."""
    maps = blob_maps(seed)
    return np.stack([maps["active_speaker"], maps["saliency"], maps["saliency"]], 1)


def with_pictures(config: InferConfig, paths: Sequence[Path]) -> Mapping[Path, Recalled]:
    assert [one.name for one in config.extractors][-1] == "captured"
    found = {}
    for path, one in fake_extract(config, paths).items():
        maps = {**one.maps, "captured": one.maps["saliency"]}
        found[path] = Recalled(maps, one.times, pictures={"captured": planes(int(path.stem))})
    return found


def pictured(root: Path, output: Path, **changes: Any) -> TrainConfig:
    network = {"class": "GASPEncGMUConv", "latent": 4, "encoder": "Light"}
    given = {"network": json.dumps(network), "cues": '["captured","saliency"]', "rendering": "published", **changes}
    return make_config(root, output, trainer__max_epochs=2, **given)


def test_a_network_on_frames_learns_and_runs_from_its_checkpoint(data_root: Path, tmp_path: Path) -> None:
    loss = '{"mode":"published","bce":0.5,"cc":2,"nss":1,"dam":0.5}'
    result = train(pictured(data_root, tmp_path / "out", trainer__loss=loss), extract=with_pictures)
    assert np.isfinite(result.values["validation"]["nss"]["mean"])
    maps = {"captured": as_pictures(planes(3)), "saliency": blob_maps(3)["saliency"]}
    for file in (result.weights, tmp_path / "out" / LAST):
        loaded = load_gasp(str(file))
        assert loaded.spec.renderings == ("picture", "jet") and loaded.spec.output == "stretched"
        fused = loaded.fuse(maps)
        assert fused.saliency.shape[0] == FRAMES and fused.gates.shape == (FRAMES, 2)


def names(config: InferConfig) -> dict[str, Any]:
    return {one.name: one.parameters.get("mode") for one in config.extractors}


def test_stems_and_the_frame_name_the_extractors_to_run(tmp_path: Path) -> None:
    infer = tmp_path / "infer.json"
    infer.write_text(json.dumps({"extractors": [{"name": "dave"}, {"name": "saliency"}], "integrator": None}))
    config = pictured(tmp_path, tmp_path, cues='["captured","det_transformed_dave","saliency"]', infer_config=infer)
    assert names(cue_config(config)) == {"dave": "published", "saliency": None, "captured": None}
    with pytest.raises(UsageError, match="esr9 is not in the inference config"):
        cue_config(config.model_copy(update={"cues": ("captured", "det_transformed_esr9")}))
    with pytest.raises(UsageError, match=r"cues: .*dave would be several"):
        cue_config(config.model_copy(update={"cues": ("dave", "det_transformed_dave")}))
