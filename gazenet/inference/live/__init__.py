"""Live work: the newest frame counts, every stage keeps its own pace, what is dropped is counted."""
