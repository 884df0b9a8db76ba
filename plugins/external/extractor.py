"""The extractor ``external``: a program named in the config."""

from gazenet.cues.external.program_extractor import ProgramExtractor
from gazenet_plugins.external.spec import SPEC


class ExternalCue(ProgramExtractor):
    """An extractor whose maps come from the program that the config names."""

    spec = SPEC
