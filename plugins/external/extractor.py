"""The external extractor under its general name."""

from gazenet.cues.external.program_extractor import External
from gazenet_plugins.external.spec import SPEC


class ExternalCue(External):
    """Any program, named in the config."""

    spec = SPEC
