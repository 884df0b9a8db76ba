"""Extractors that are programs of their own, in any language, and talk over standard input and output.

The protocol is in :mod:`gazenet.cues.external.protocol`; :func:`serve` implements it for programs in Python, and
:class:`gazenet.cues.external.program_extractor.ProgramExtractor` for the platform.
"""

from gazenet.cues.external.serve import WindowBatch, serve

__all__ = ["WindowBatch", "serve"]
