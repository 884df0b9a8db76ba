"""An extractor in a process of its own: what kills a process (a crash, an endless loop) fails one input, and no more.

:mod:`gazenet.cues.isolated.host` is the side of the run, :mod:`gazenet.cues.isolated.worker` that of the process. They
talk as with external programs (:mod:`gazenet.cues.external.protocol`), with everything that an extractor is given;
the maps are those that it makes in the process of the run, byte for byte.
"""
