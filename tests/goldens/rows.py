"""The functions that run goldens, by what their JSON names.

A key is ``<field>:<value>`` of a golden's config (``class:GASPEncConv``, ``function:log_mel``), or ``layout:<name>``
for goldens that are recognised by their members. A golden without a row fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gazenet.cues.registry import import_object
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES
from gazenet.testing.goldens import SELECTORS, Golden, GoldenRunner, GoldenSkipped

PARTS = (
    "AttentiveLSTM",
    "DAMLayer",
    "GBU",
    "GBUConv2d",
    "GMU",
    "GMUConv2d",
    "ModalityEncoder",
    "RGMU",
    "RGMUConv2d",
    "SELayer",
    "SequenceAttentiveLSTM",
)

TABLE: dict[str, str] = {
    **{f"class:{name}": "gasp:integrator" for name in PUBLISHED_CLASSES},
    **{f"class:{name}": "gasp:part" for name in PARTS},
    "part:scam": "stanet:scam",
    "part:overlay": "stanet:overlay",
    "part:matlab_post": "stanet:matlab",
    "part:spectrogram": "stanet:spectrogram",
    "part:losses": "stanet:losses",
    **{f"network:{name}": "stanet_networks:network" for name in ("S", "SA", "ST", "STA", "AudioSwitch", "VGGSound")},
    "network:deeplab_saliency": "deeplab:network",
    "layout:training steps": "training:steps",
    "layout:losses": "training:losses",
    "layout:metrics": "metrics:metrics",
    "layout:eight-bit frames": "metrics:eight_bit_frames",
    **{
        f"net:{name}": "cues:residual"
        for name in (
            "resnet18",
            "resnet34",
            "resnet50",
            "resnet101",
            "resnet152",
            "resnext50_32x4d",
            "resnext101_32x8d",
            "wide_resnet50_2",
            "wide_resnet101_2",
        )
    },
    **{
        f"net:{name}_fc1_fc2": "cues:residual_two_layers"
        for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
    },
    "net:alexnet": "cues:alexnet",
    "op:face_crops": "cues:face_crops",
    "net:gaze360": "gaze360:network",
    "op:gaze360_loss": "gaze360:loss",
    "op:gaze_direction_map": "gaze360:direction_map",
    "net:videogaze": "videogaze:network",
    "net:videogaze.saliency_pathway": "videogaze:saliency_pathway",
    "net:videogaze.cone_pathway": "videogaze:cone_pathway",
    "net:videogaze.transformation_path": "videogaze:transformation_path",
    "op:videogaze_cone": "videogaze:projected_cone",
    "op:gaze_following_map": "videogaze:following_map",
    "net:s3fd": "detectors:s3fd",
    "op:s3fd_decode": "detectors:s3fd_decode",
    "net:mtcnn": "detectors:mtcnn_cascade",
    **{f"net:mtcnn_{name}": "detectors:mtcnn_network" for name in ("pnet", "rnet", "onet")},
    "net:esr9_base": "esr9:base",
    "net:esr9_branch": "esr9:branch",
    "net:esr9": "esr9:ensemble",
    "op:facial_expression_map": "esr9:expression_map",
    "net:mobilenetv2_unisal": "visual:mobilenet",
    "network:unisal": "visual:unisal",
    **{f"network:{name}": f"visual:{name}" for name in ("tased", "vinet", "avinet")},
    **{
        f"function:{name}": f"visual:{runner}"
        for name, runner in (
            ("load_clip", "clip"),
            ("audio_excerpt", "excerpt"),
            ("post_unisal", "finished_unisal"),
            ("post_tased", "finished_tased"),
            ("post_tased_upstream", "finished_tased"),
            ("post_avinet", "finished_avinet"),
            ("post_vinet_upstream", "finished_vinet"),
        )
    },
    "network:dave": "audiovisual:dave",
    "network:stavis": "audiovisual:stavis",
    **{f"class:{name}": "audiovisual:binauraldave" for name in ("BinauralDAVE", "MonauralDAVE", "VisDAVE")},
    **{
        f"function:{name}": f"audiovisual:{runner}"
        for name, runner in (
            ("log_mel_examples", "features"),
            ("log_mel_examples_stereo", "features_of_two"),
            ("windowed_audio", "rows"),
            ("dave_audio_packet", "examples_of_a_frame"),
            ("post_dave", "finished_dave"),
            ("post_stavis", "finished_stavis"),
        )
    },
    "model:STSANet": "stsanet:network",
    **{
        f"model:{kind}resnet{depth}{version}": f"st_abn:{runner}"
        for kind, version, runner in (
            ("", "", "residual"),
            ("abn_", "", "attention_branch"),
            ("abn_", "_v2", "attention_branch"),
        )
        for depth in (18, 34, 50, 101, 152)
    },
}
"""``module:function`` below this package, imported on use."""

# UNISAL's GRU amplifies rounding: the reference itself is 2e-4 from the same computation in double precision.
LIMITS: Mapping[str, float] = {
    "layout:training steps": 1e-3,
    "layout:metrics": 1e-9,
    "layout:eight-bit frames": 1e-9,
    "network:unisal": 5e-4,
    "model:STSANet": 1e-3,
}
"""The largest errors of goldens that do not name one themselves."""

_LAYOUTS: Mapping[str, frozenset[str]] = {
    "training steps": frozenset({"steps", "optimizer"}),
    "losses": frozenset({"original", "conversions"}),
    "eight-bit frames": frozenset({"original", "bone_grey_lut"}),
    "metrics": frozenset({"original", "pysaliency"}),
}


def key_of(meta: Mapping[str, Any]) -> str:
    """The key of a golden's JSON; empty where it names nothing that could be one."""
    for name, members in _LAYOUTS.items():
        if members <= meta.keys():
            return f"layout:{name}"
    config = meta.get("config", {})
    # A class is more exact than the network or part of which it is a variant.
    return next((f"{field}:{config[field]}" for field in SELECTORS if field in config), "")


def runner_of(golden: Golden) -> GoldenRunner:
    """Return what runs a golden.

    Raises LookupError for a golden without a row, GoldenSkipped for JSON that is not a golden.
    """
    if not isinstance(golden.meta, dict):
        raise GoldenSkipped(f"a JSON {type(golden.meta).__name__}, not a golden")
    key = key_of(golden.meta)
    if key not in TABLE:
        raise LookupError(f"no row for {key or 'a golden of this kind'}")
    return GoldenRunner(import_object(f"{__package__}.{TABLE[key]}"), LIMITS.get(key))
