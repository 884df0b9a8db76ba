"""A run on many machines: Ray starts, places and restarts the processes; the cache is what they share."""
