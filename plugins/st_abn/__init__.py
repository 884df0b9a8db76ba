"""Spatial and temporal attention of an action network."""
