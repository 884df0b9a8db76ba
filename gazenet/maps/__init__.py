"""Maps on disk: the packed cache, the published per-frame layout, and colours."""
