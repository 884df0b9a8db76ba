"""Which function runs a golden of the social cues' networks, face detectors and maps: data only."""

from __future__ import annotations

_ROOM = "gazenet.testing.goldens_cues"

CUES: dict[str, str] = {
    **{
        f"net:{name}": f"{_ROOM}:residual"
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
        f"net:{name}_fc1_fc2": f"{_ROOM}:residual_two_layers"
        for name in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
    },
    "net:alexnet": f"{_ROOM}:alexnet",
    "op:face_crops": f"{_ROOM}:face_crops",
    "net:gaze360": f"{_ROOM}_gaze360:network",
    "op:gaze360_loss": f"{_ROOM}_gaze360:loss",
    "op:gaze_direction_map": f"{_ROOM}_gaze360:direction_map",
    "net:videogaze": f"{_ROOM}_videogaze:network",
    "net:videogaze.saliency_pathway": f"{_ROOM}_videogaze:saliency_pathway",
    "net:videogaze.cone_pathway": f"{_ROOM}_videogaze:cone_pathway",
    "net:videogaze.transformation_path": f"{_ROOM}_videogaze:transformation_path",
    "op:videogaze_cone": f"{_ROOM}_videogaze:projected_cone",
    "op:gaze_following_map": f"{_ROOM}_videogaze:following_map",
    "net:s3fd": f"{_ROOM}_detectors:s3fd",
    "op:s3fd_decode": f"{_ROOM}_detectors:s3fd_decode",
    "net:mtcnn": f"{_ROOM}_detectors:mtcnn_cascade",
    **{f"net:mtcnn_{name}": f"{_ROOM}_detectors:mtcnn_network" for name in ("pnet", "rnet", "onet")},
    "net:esr9_base": f"{_ROOM}_esr9:base",
    "net:esr9_branch": f"{_ROOM}_esr9:branch",
    "net:esr9": f"{_ROOM}_esr9:ensemble",
    "op:facial_expression_map": f"{_ROOM}_esr9:expression_map",
}
"""A key of the table of adapters to a dotted ``"module:function"``."""
