"""Typed JSON configs: what a run does, checked before anything heavy is imported."""
