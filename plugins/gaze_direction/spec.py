"""The spec of gaze direction, without heavy imports."""

from gazenet.plugins import ExtractorSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="gaze_direction",
    summary="A cone along every person's gaze: head axis from the face mesh, eyes from the irises",
    cue="gaze_direction",
    implementation="gazenet_plugins.gaze_direction.extractor:GazeDirection",
    window=WindowSpec(stride=2),
    needs=Needs(faces=True),
    batch=64,
    parameters={"half_angle": 0.25, "full_strength": 0.35},
    licence="MIT",
)
