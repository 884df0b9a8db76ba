"""A program for the ``external`` extractor whose maps come from another machine.

::

    gasp_infer ... 'extractors=[{"name": "external", "parameters":
        {"command": "python -m gazenet.cues.external.bridge --topic /gazenet/depth"}}]'

and there: ``serve_topic(answer, "/gazenet/depth")`` of :mod:`gazenet.cues.external.middleware`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from gazenet.cues.external.middleware import Requester
from gazenet.cues.external.serve import Answer, WindowBatch, serve
from gazenet.errors import UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point: passes every batch on, and the answers back."""
    parser = argparse.ArgumentParser(prog="python -m gazenet.cues.external.bridge", description=__doc__)
    parser.add_argument("--topic", required=True, help="windows go to TOPIC/windows, maps come from TOPIC/maps")
    parser.add_argument("--middleware", default="zeromq", help="zeromq, ros, ros2, yarp: what Wrapyfi can use here")
    parser.add_argument("--timeout", type=float, default=8.0, help="seconds; less than that of the extractor")
    options = parser.parse_args(argv)
    asker: list[Requester] = []

    def answer(batch: WindowBatch) -> Answer:
        # Made with the first batch: by then, what a middleware prints no longer goes to standard output.
        asker[:] = asker or [Requester(options.topic, options.middleware, options.timeout)]
        return asker[0].ask(batch)

    try:
        serve(answer)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
