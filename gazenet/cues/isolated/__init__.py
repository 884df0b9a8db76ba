"""An extractor in a process of its own: a crash or an endless loop fails one input and nothing else.

:mod:`gazenet.cues.isolated.host` is the side of the run, :mod:`gazenet.cues.isolated.worker` that of the process. They
use the protocol of external programs (:mod:`gazenet.cues.external.protocol`) and pass on everything an extractor is
given; the maps are the same, byte for byte, as those computed in the process of the run.
"""
