"""``python -m gazenet_plugins.stanet.train VIDEOS LIST OUTPUT``: the whole training chain."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gazenet.errors import GazenetError
from gazenet_plugins.stanet.ave import read_list
from gazenet_plugins.stanet.chain import run
from gazenet_plugins.stanet.fitting import Chain
from gazenet_plugins.stanet.optimise import Recipe
from gazenet_plugins.stanet.trunks import RESNEXT, SMALL
from gazenet_plugins.stanet.workspace import Workspace

TRUNKS = {trunk.name: trunk for trunk in (RESNEXT, SMALL)}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line where a file or folder is not what it should be."""
    options = _parser().parse_args(argv)
    recipe = Recipe(epochs=options.epochs, batch=options.batch, lr=options.lr)
    chain = Chain(
        Workspace(options.output),
        TRUNKS[options.trunk],
        recipe,
        options.numbering,
        options.device,
        options.visual,
        options.sound,
    )
    try:
        weights = run(chain, read_list(options.list), options.videos)
    except GazenetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"saliency network: {weights}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gazenet_plugins.stanet.train", description=__doc__)
    parser.add_argument("videos", type=Path, help="folder with ID.mp4")
    parser.add_argument("list", type=Path, help="list of videos in the format of AVE")
    parser.add_argument("output", type=Path, help="folder for everything the chain makes")
    parser.add_argument("--trunk", choices=sorted(TRUNKS), default=RESNEXT.name, help="the network that sees")
    parser.add_argument("--visual", default="", help="its pretrained weights")
    parser.add_argument("--sound", default="", help="pretrained weights of VGGSound with NetVLAD")
    parser.add_argument("--epochs", type=int, default=30, help="of each classifier; the saliency network: at most 15")
    parser.add_argument("--batch", type=int, default=64, help="largest batch; the published ones are smaller or equal")
    parser.add_argument("--lr", type=float, default=1e-4, help="rate of the backbone's weights")
    parser.add_argument("--numbering", choices=("files", "sorted"), default="files", help="order of the classes")
    parser.add_argument("--device", default="cpu", help="cpu or cuda:0")
    return parser


if __name__ == "__main__":
    sys.exit(main())
