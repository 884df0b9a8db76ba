"""A program for the ``external`` extractor that gets its maps from another machine.

::

    gasp_infer ... 'extractors=[{"name": "external", "parameters":
        {"command": "python -m gazenet.cues.external.bridge --topic /gazenet/depth"}}]'

and on the other machine: ``serve_topic(answer, "/gazenet/depth")`` of :mod:`gazenet.cues.external.middleware`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import cache

from gazenet.cues.external.middleware import Requester
from gazenet.cues.external.serve import Answer, WindowBatch, serve
from gazenet.errors import UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program: pass every batch on, and the answers back."""
    parser = argparse.ArgumentParser(prog="python -m gazenet.cues.external.bridge", description=__doc__)
    parser.add_argument("--topic", required=True, help="windows go to TOPIC/windows, maps come from TOPIC/maps")
    parser.add_argument(
        "--middleware", default="zeromq", help="zeromq, ros, ros2 or yarp, as far as Wrapyfi supports it here"
    )
    parser.add_argument("--timeout", type=float, default=8.0, help="in seconds, less than that of the extractor")
    options = parser.parse_args(argv)

    @cache
    def requester() -> Requester:
        # Created with the first batch: from then on, what a middleware prints no longer goes to standard output.
        return Requester(options.topic, options.middleware, options.timeout)

    def answer(batch: WindowBatch) -> Answer:
        return requester().ask(batch)

    try:
        serve(answer)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
