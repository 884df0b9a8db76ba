"""The spec of maps from a program of the user, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec

SPEC = ExtractorSpec(
    name="external",
    summary="Maps of a program of your own, in any language: frames in, maps out, over pipes",
    cue="other",
    implementation="gazenet_plugins.external.extractor:ExternalCue",
    input=InputSpec(height=360, width=640, keep_aspect=True, enlarge=False),
    batch=8,
    deterministic=False,
    checkpoints=("files",),
    parameters={"command": "", "files": "", "timeout": 10.0, "restarts": 2},
    licence="MIT; the program's own licence is yours to know",
)
