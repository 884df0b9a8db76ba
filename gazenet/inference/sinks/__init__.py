"""Where results go: one module per kind of output, each a plugin of group ``gazenet.sinks``."""
