"""Extractors that live in a program of their own, in any language, and talk over its standard input and output.

The protocol is in :mod:`gazenet.cues.external.protocol`; :func:`serve` is its other side for programs in Python, and
:class:`gazenet.cues.external.program_extractor.ProgramExtractor` the side of the platform.
"""

from gazenet.cues.external.serve import WindowBatch, serve

__all__ = ["WindowBatch", "serve"]
