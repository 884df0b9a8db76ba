"""A run on many machines: Ray starts, places and restarts the processes, which share the cache."""
