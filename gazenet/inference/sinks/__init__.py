"""Outputs of a run: one module per kind, each a plugin of group ``gazenet.sinks``."""
