"""Isolation of a run from the code of plugins.

Every call of a plugin runs inside :class:`~gazenet.guard.guarded_call.guarded`: an error, a change of process state or
a forked process becomes an error of one line, and the state of the process is restored.
"""
