"""Speed, overhead and memory of the main job: ``python benchmarks/pipeline.py --input CLIP``.

The same as ``gasp_bench pipeline``: a 1280x720 clip at 25 frames/s, all five cues, fused, all outputs written; a run
of N and one of 4 N frames, each in a process of its own with an empty cache.
"""

from __future__ import annotations

import sys

from gazenet.cli.bench import main

if __name__ == "__main__":
    sys.exit(main(["pipeline", *sys.argv[1:]]))
