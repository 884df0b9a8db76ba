"""The external extractor under its general name."""

from gazenet.cues.external.program_extractor import ProgramExtractor
from gazenet_plugins.external.spec import SPEC


class ExternalCue(ProgramExtractor):
    """Any program, named in the config."""

    spec = SPEC
