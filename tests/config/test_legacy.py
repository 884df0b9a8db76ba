"""Original config files of both kinds: what they become, and what is said about the rest."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from gazenet.config.inference import InferConfig
from gazenet.config.legacy import is_legacy, nest
from gazenet.config.load import load_config
from gazenet.config.training import TrainConfig
from gazenet.config.training_experiments import find_experiment
from gazenet.errors import UsageError

FLAGSHIP = "GASPExp002_SeqDAMALSTMGMU1x1Conv_10Norm"
STEMS = [
    "captured",
    "det_transformed_dave",
    "det_transformed_esr9",
    "det_transformed_vidgaze",
    "det_transformed_gaze360",
]


def dataset(split: str, **more: Any) -> dict[str, Any]:
    return {
        "csv_file": f"datasets/processed/{split}.csv",
        "video_dir": "datasets/processed/Grouped_frames",
        "inp_img_names_list": STEMS,
        "gt_img_names_list": ["transformed_salmap", "transformed_fixmap"],
        **more,
    }


def training(**changes: Any) -> dict[str, Any]:
    """An original training file of the flagship, complete."""
    model = "SequenceGASPDAMEncALSTMGMUConv"
    return {
        "config_info": {"summary": "The flagship,\n as its authors wrote it"},
        "inferer_name": "GASPInference",
        "model_name": model,
        "model_properties": {"modalities": 5, "batch_size": 4, "sequence_len": 10, "sequence_norm": True},
        "log_dir": "logs",
        "logger": "comet",
        "project_name": "gasp_runs",
        "experiment_name": model,
        "checkpoint_model_dir": f"gazenet/models/saliency_prediction/gasp/checkpoints/pretrained_{model.lower()}",
        "train_dataset_properties": dataset("train_ave"),
        "val_dataset_properties": dataset("validation_ave"),
        "test_dataset_properties": dataset("test_ave"),
        **changes,
    }


def entry(model: str, window: int, frames: list[int], **properties: Any) -> list[Any]:
    return [model, window, frames, properties, {}, {"keep_audio": False}]


def inference(**changes: Any) -> dict[str, Any]:
    gasp = ["GASPInference", 10, [9], {"weights_file": "damgmu"}, {"inp_img_names_list": STEMS}, {}]
    return {
        "config_info": {"summary": "Stage one and two"},
        "reader": "DIEMSampleReader",
        "sampler": "DIEMSample",
        "face_detector": "SFDFaceDetection",
        "model_groups": [[entry("TASEDInference", 32, [31]), entry("ESR9Inference", 16, [15])], [gasp]],
        "max_w_size": 32,
        "enable_audio": True,
        "write_videos": True,
        "compute_metrics": False,
        "control_robot": False,
        "device": "cuda:1",
        **changes,
    }


@pytest.fixture
def file(tmp_path: Path) -> Any:
    def write(data: dict[str, Any], name: str = "mine") -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(data))
        return path

    return write


def read(path: Path, caplog: pytest.LogCaptureFixture) -> tuple[TrainConfig, list[str]]:
    with caplog.at_level(logging.WARNING):
        config = load_config("train", path)
    return config, [record.getMessage() for record in caplog.records]


def test_a_complete_training_file_equals_the_experiment(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    config, said = read(file(training(), FLAGSHIP), caplog)
    expected = load_config("train", FLAGSHIP)
    assert config.summary == "The flagship, as its authors wrote it"
    assert config.model_copy(update={"summary": expected.summary}) == expected
    assert "original release" in said[0]
    assert [line for line in said if "checkpoint_model_dir" in line] and len(said) == 2


def test_a_part_lies_over_the_experiment_of_its_name(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    for data, name in (({"logger": "tensorboard"}, FLAGSHIP), ({"__name__": FLAGSHIP, "logger": "tensorboard"}, "x")):
        config, _ = read(file({"project_name": "mine", **data}, name), caplog)
        expected = load_config("train", FLAGSHIP, ["logger=tensorboard", "project=mine"])
        assert config == expected
    assert find_experiment(FLAGSHIP).project == "gasp_runs"  # type: ignore[union-attr]


def test_an_unknown_name_lies_over_the_base(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    properties = {"modalities": 5, "learning_rate": 0.01, "loss_weights": [1, 0, 0, 0, 0], "num_workers": 3, "odd": 1}
    config, said = read(file(training(model_properties=properties, model_name="GASPEncGMUConv")), caplog)
    assert config.experiment == "" and config.output == "runs/train/mine"
    assert config.network == {"class": "GASPEncGMUConv", "modalities": 5}
    assert (config.trainer.learning_rate, config.trainer.workers, config.trainer.batch_size) == (0.01, 3, 8)
    assert config.trainer.loss.bce == 1 and config.trainer.loss.cc == 0
    assert any("mine is not a published experiment" in line for line in said)
    assert any("model_properties.odd" in line for line in said)


def test_what_has_no_counterpart_is_said(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    data = training(
        logger="wandb",
        model_data_name="OtherData",
        experiment_tags=["a"],
        metrics_list=["cc"],
        colour="red",
        train_dataset_properties=dataset("train_ave", sample_stride=2),
    )
    config, said = read(file(data, FLAGSHIP), caplog)
    assert config.logger == "csv"
    for words in ("wandb", "OtherData", "experiment_tags", "metrics_list", "colour: unknown", "sample_stride"):
        assert any(words in line for line in said), words


def test_own_tables_and_frames_are_kept(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    own = dataset("train_ave", csv_file="my/split.csv", video_dir="my/frames")
    parts = dict.fromkeys(("train_dataset_properties", "val_dataset_properties", "test_dataset_properties"), own)
    config, _ = read(file(training(**parts)), caplog)
    assert config.data.frames_root == "my/frames"
    assert [(source.dataset, source.split) for source in config.data.validation] == [("*", "my/split.csv")]


def test_a_flattened_file_is_the_same(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    flat: dict[str, Any] = {}

    def flatten(value: Any, key: str) -> None:
        items = value.items() if isinstance(value, dict) else ((f"[{k}]", v) for k, v in enumerate(value))
        for name, item in items:
            path = f"{key}.{name}" if key else name
            if isinstance(item, dict | list):
                flatten(item, path)
            else:
                flat[path] = item

    flatten(training(), "")
    assert flat["train_dataset_properties.inp_img_names_list.[1]"] == "det_transformed_dave"
    config, _ = read(file(flat, FLAGSHIP), caplog)
    assert config == read(file(training(), FLAGSHIP), caplog)[0]
    assert nest({"a.[1]": 2, "a.[0]": 1, "a.[10]": 3}, "x") == {"a": [1, 2, 3]}
    with pytest.raises(UsageError, match=r"x: a\.b: a already has a value"):
        nest({"a": 1, "a.b": 2}, "x")


def infer(path: Path, caplog: pytest.LogCaptureFixture) -> tuple[InferConfig, list[str]]:
    with caplog.at_level(logging.WARNING):
        config = load_config("infer", path)
    return config, [record.getMessage() for record in caplog.records]


def test_inference_entries_become_extractors_and_integrator(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    config, said = infer(file(inference()), caplog)
    assert [e.name for e in config.extractors] == ["tased", "esr9", "dave", "videogaze", "gaze360"]
    assert config.integrator is not None and config.integrator.name == "damgmu"
    assert (config.faces.detector, config.device, config.summary) == ("s3fd_published", "cuda:1", "Stage one and two")
    assert config.outputs.saliency_video and config.outputs.overlay and not config.outputs.report
    assert config.data is not None and (config.data.reader, config.data.split) == ("diem", None)
    assert config.metrics is None and config.output_dir == "runs/infer/mine"
    for words in (
        "max_w_size",
        "enable_audio",
        "TASEDInference becomes",
    ):
        assert any(words in line for line in said), words
    assert not any("control_robot" in line or "compute_metrics" in line for line in said)


def test_cues_alone_have_no_integrator(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    groups = [[entry("STAViSInference", 16, [15], audiovisual=False, weights_file="/w/s.pth", size=3)]]
    config, said = infer(file(inference(model_groups=groups, face_detector="DlibFaceDetection", odd=1)), caplog)
    assert config.integrator is None
    assert config.extractors[0].parameters == {"mode": "published", "sound": False, "weights": "/w/s.pth"}
    for words in ("model_groups.0.0: size is ignored", "DlibFaceDetection", "odd: unknown"):
        assert any(words in line for line in said), words


def test_models_without_counterpart_are_left_out(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    groups = [[entry("GreedyGazeInference", 1, [0]), entry("ESR9Inference", 16, [15])]]
    config, said = infer(file(inference(model_groups=groups)), caplog)
    assert [e.name for e in config.extractors] == ["esr9"]
    assert any("model_groups.0.0: GreedyGazeInference has no counterpart" in line for line in said)
    with pytest.raises(UsageError, match="none of its models has a counterpart"):
        load_config("infer", file(inference(model_groups=[groups[0][:1]])))


LISTED: dict[str, Any] = json.loads((Path(__file__).resolve().parents[1] / "data" / "infer_configs.json").read_text())
POSITIONS = ("model", "window", "source_frames", "model_properties", "preproc_properties", "postproc_properties")


def original(listed: dict[str, Any]) -> dict[str, Any]:
    """The file behind an entry of the published list, which sorts its keys into parts."""
    groups = [[[one[position] for position in POSITIONS] for one in group] for group in listed["model_groups"]]
    parts = {
        key: value
        for part in ("input", "detectors", "output", "metrics", "run")
        for key, value in listed[part].items()
    }
    info = {"summary": listed["purpose"]}
    return {
        **parts,
        "config_info": info,
        "model_groups": groups,
        "inference_properties": listed["inference_properties"],
    }


@pytest.mark.parametrize("name", LISTED["configs"])
def test_every_published_file_is_the_config_of_its_name(
    name: str, file: Any, caplog: pytest.LogCaptureFixture
) -> None:
    listed = LISTED["configs"][name]
    config, said = infer(file(original(listed), name), caplog)
    assert config.summary == listed["purpose"]
    named = load_config("infer", name)
    assert config.model_copy(update={"summary": named.summary}) == named
    assert not any("unknown to this project" in line for line in said), said


def test_binaural_dave_is_an_extractor(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    config, _ = infer(file(inference(model_groups=[[entry("BinauralDAVEInference", 16, [15])]])), caplog)
    assert [one.name for one in config.extractors] == ["binauraldave"] and config.integrator is None


def test_readers_splits_outputs_and_metrics_of_ones_own(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    data = inference(
        sampling_properties={"eye": "right", "color_map": "hot"},
        inference_properties={"color_map": "cool"},
        datasplitter_properties={"train_csv_file": "my/split.csv", "test_csv_file": "x/test_ave.csv", "odd": 1},
        write_images=True,
        width=512,
        height=320,
        compute_metrics=True,
        metrics_list=["aucb", "ifg"],
        metrics_mappings={"pred_salmap": "det_transformed_tased", "gt_baseline": "b.jpg"},
        metrics_save_file="scores.csv",
    )
    config, said = infer(file(data), caplog)
    assert config.data is not None and config.metrics is not None and config.outputs.published is not None
    assert config.data.tables == ("my/split.csv", "test_ave")
    assert config.data.options == {"behaviour": "published", "eye": "right"}
    layout = config.outputs.published
    assert (layout.size, layout.colour, layout.truth_colour) == ((320, 512), "cool", "hot")
    scores = config.metrics
    assert scores.names == ("auc_borji", "information_gain") and scores.definitions == "original"
    assert (scores.prediction, scores.baseline, scores.file) == ("tased", "b.jpg", "scores.csv")
    assert any("datasplitter_properties.odd: ignored" in line for line in said)


def test_what_nothing_makes_is_judged_by_the_integrator(file: Any, caplog: pytest.LogCaptureFixture) -> None:
    mappings = {"pred_salmap": "det_transformed_gazenet"}
    config, said = infer(file(inference(compute_metrics=True, metrics_list=["cc"], metrics_mappings=mappings)), caplog)
    assert config.metrics is not None and config.metrics.prediction == ""
    assert any("no model makes det_transformed_gazenet" in line for line in said)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (inference(model_groups=[[["DAVEInference", 16, [15], {}]]]), "model_groups.0.0: must have six positions"),
        (inference(model_groups=[[["DAVEInference", 16, [15], 1, {}, {}]]]), "positions 4 to 6 must be objects"),
        (inference(model_groups={"a": 1}), "must be a list of groups"),
        (training(), "pass it to gasp_train --train_config_file"),
        (inference(datasplitter_properties=["a"]), "datasplitter_properties: must be an object"),
        (inference(datasplitter_properties={"test_csv_file": 3}), "test_csv_file: must be a text or null, not 3"),
        (inference(compute_metrics=True, metrics_list=["auc"]), "metrics_list: auc: known: aucj"),
        (inference(compute_metrics=True), "metrics_list: is empty: known: aucj"),
        (inference(device="eval(gpu())"), "device: 'eval(' is not evaluated, because configs hold data, not code"),
    ],
)
def test_broken_inference_files(file: Any, data: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config("infer", file(data))
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (inference(), "pass it to gasp_infer --infer_config_file"),
        (training(model_name=3), "model_name: must be a text"),
        (training(model_properties=[]), "model_properties: must be an object"),
        (training(val_dataset_properties=1), "val_dataset_properties: must be an object"),
        (training(test_dataset_properties=dataset("test_ave", video_dir="other")), "video_dir differs"),
        (training(model_properties={"loss_weights": [1, 2]}), "loss_weights: must be five numbers"),
        (training(train_dataset_properties={"inp_img_names_list": "captured"}), "must be a list of texts"),
        (training(train_dataset_properties={"csv_file": 3}), "csv_file: must be a text"),
        (training(model_properties={"batch_size": "eval(@BS)"}), "model_properties.batch_size: 'eval('"),
    ],
)
def test_broken_training_files(file: Any, data: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config("train", file(data, FLAGSHIP))
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_placeholders_in_an_original_file(file: Any) -> None:
    properties = {"modalities": 5, "batch_size": "@BS", "sequence_len": 10, "sequence_norm": True}
    path = file(training(model_properties=properties), FLAGSHIP)
    assert load_config("train", path, placeholders={"BS": "2"}).trainer.batch_size == 2


def test_own_files_are_not_taken_for_original_ones() -> None:
    for kind, name in (("train", "embedded"), ("infer", "default")):
        assert not is_legacy(load_config(kind, name).model_dump())  # type: ignore[call-overload]
    assert is_legacy({"config_info": {}}) and is_legacy({"model_properties.batch_size": 4})
