"""What stands between the run and the code of plugins.

:class:`~gazenet.guard.guarded_call.guarded` is the one border: whatever a plugin raises, changes or leaves behind
within it becomes one line, and the process is as it was before.
"""
