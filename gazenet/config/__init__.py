"""Typed JSON configs of runs, checked before torch is imported."""
