"""The spec of gaze following, without heavy imports."""

from gazenet.plugins import ExtractorSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="gaze_following",
    summary="What people in the picture look at: gaze cones times saliency and the other faces",
    cue="gaze_following",
    implementation="gazenet_plugins.gaze_following.extractor:GazeFollowing",
    window=WindowSpec(stride=2),
    needs=Needs(faces=True, maps=("saliency",)),
    batch=64,
    parameters={"half_angle": 0.35, "full_strength": 0.35, "face_weight": 1.0},
    licence="MIT",
)
