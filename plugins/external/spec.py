"""Maps from a program of the user's: data only."""

from gazenet.plugins import ExtractorSpec, InputSpec

SPEC = ExtractorSpec(
    name="external",
    summary="Maps that a program of yours makes, in any language: frames in, maps out, over pipes",
    cue="other",
    implementation="gazenet_plugins.external.extractor:ExternalCue",
    input=InputSpec(height=360, width=640, keep_aspect=True, enlarge=False),
    batch=8,
    deterministic=False,
    checkpoints=("files",),
    parameters={"command": "", "files": "", "timeout": 10.0, "restarts": 2},
    licence="MIT; the program's own licence is yours to know",
)
