"""Makes the demo clip: two portraits that talk to each other, eight seconds, with sound, the same bytes every time.

    python showcase/make_clip.py --output demo/social_clip.mp4

Only pictures in the public domain that installed packages carry are used (see showcase/README.md); the mouths are
moved by warping, the voices are made by formulas and say nothing.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from voice import CONTROL, RATE, Speech, Voice, speak

from gazenet.media.encode import VideoWriter, X264Settings
from gazenet.media.picture_file import read_image

Image = NDArray[np.uint8]
WIDTH, HEIGHT, FPS, SECONDS = 1280, 720, 25, 8.0
ASTRONAUT = ("skimage", "data/astronaut.png")
ADMIRAL = ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
BACKDROP = ("skimage", "data/rocket.jpg")


@dataclass(frozen=True)
class Portrait:
    """A person in the clip; picture coordinates are pixels of the original.

    ``crop``: (left, top, width) of what the tile shows; ``tile``: (left, top, right, bottom) in the clip;
    ``seam``: (x, y) where the lips part; ``lips``: half their width; ``chin``: y of the chin; ``turns``: when the
    person speaks, seconds; ``pan``: volume left and right.
    """

    picture: tuple[str, str]
    crop: tuple[float, float, float]
    tile: tuple[int, int, int, int]
    seam: tuple[float, float]
    lips: float
    chin: float
    voice: Voice
    turns: tuple[tuple[float, float], ...]
    pan: tuple[float, float]


CAST = (
    Portrait(
        ASTRONAUT, (22, 8, 430), (40, 52, 630, 668), (223, 147.5), 19, 179,
        Voice(212, 1.0, 5), ((0.5, 2.6), (5.2, 6.5)), (0.9, 0.45),
    ),
    Portrait(
        ADMIRAL, (22, 36, 478), (650, 52, 1240, 668), (268, 279.5), 29, 334,
        Voice(165, 0.94, 11), ((2.9, 4.9), (6.7, 7.7)), (0.45, 0.9),
    ),
)  # fmt: skip


def find_picture(source: tuple[str, str]) -> Image:
    """A picture inside an installed package, RGB; SystemExit names a package that is missing."""
    package, member = source
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise SystemExit(f"make_clip: the package of {package} is not installed; it carries {member}")
    return read_image(Path(found.origin).parent / member)


def make_clip(output: Path, seconds: float = SECONDS) -> None:
    """Writes the first ``seconds`` of the clip."""
    speeches = [speak(person.voice, list(person.turns), SECONDS) for person in CAST]
    pictures = [find_picture(person.picture) for person in CAST]
    backdrop = _backdrop()
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        write_sound(sound, speeches, seconds)
        with VideoWriter(output, WIDTH, HEIGHT, Fraction(FPS), sound_from=sound, x264=X264Settings(crf=20)) as writer:
            for k in range(round(seconds * FPS)):
                time = k / FPS
                image = _push(backdrop, time)
                for person, picture, speech in zip(CAST, pictures, speeches, strict=True):
                    left, top, right, bottom = person.tile
                    opening = float(speech.mouth[min(round(time * CONTROL), speech.mouth.size - 1)])
                    image[top:bottom, left:right] = draw_person(person, picture, time, opening)
                writer.write(image, time)


def write_sound(path: Path, speeches: Sequence[Speech], seconds: float) -> None:
    """A stereo WAV of the voices, each on its side, over a faint hiss of the room."""
    count = round(seconds * RATE)
    stereo = 0.0015 * np.random.default_rng(1).standard_normal((count, 2))
    for person, speech in zip(CAST, speeches, strict=True):
        stereo += speech.samples[:count, None] * np.array(person.pan)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(stereo, -1, 1) * 32767).astype("<i2").tobytes())


def _backdrop() -> Image:
    """The launch pad at dusk, out of focus, somewhat larger than the clip."""
    large = cv2.resize(find_picture(BACKDROP), (1400, 934), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), 9), np.uint8)


def _push(backdrop: Image, time: float) -> Image:
    """The slowly wandering part of the backdrop behind the people."""
    left, top = 60 + 55 * np.sin(0.35 * time), 130 + 20 * np.cos(0.3 * time)
    place = np.array([[1, 0, left], [0, 1, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(backdrop, place, (WIDTH, HEIGHT), flags=flags), np.uint8)


def draw_person(person: Portrait, picture: Image, time: float, opening: float) -> Image:
    """The person's tile at a time: a slow camera, a head that sways, a mouth open by ``opening`` 0..1."""
    left, top, right, bottom = person.tile
    shape = (bottom - top, right - left)
    x, y = _camera(person, shape, time)
    gap = opening * 0.6 * person.lips
    below = y - person.seam[1]
    # The jaw goes down as a whole: most at the middle of the mouth, not at all above the lips or beyond the chin.
    across = np.cos(np.clip((x - person.seam[0]) / (1.9 * person.lips), -1, 1) * np.pi / 2) ** 2
    fade = np.clip(1 - (y - person.chin) / (0.5 * (person.chin - person.seam[1])), 0, 1)
    drop = np.minimum(np.maximum(below, 0), gap * across * fade)
    warped = cv2.remap(picture, x, (y - drop).astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    # Between the lips it is dark, with an edge soft over about a pixel of the original; closed lips leave no line.
    inside = gap * np.clip(1 - ((x - person.seam[0]) / person.lips) ** 2, 0, 1) ** 0.5
    dark = (np.clip(np.minimum(below + 0.5, inside - below) / 1.5, 0, 1) * np.clip(inside, 0, 1))[..., None] * 0.88
    return np.asarray(warped * (1 - dark) + np.array([58, 20, 22], np.float32) * dark + 0.5, np.uint8)


def _camera(person: Portrait, shape: tuple[int, int], time: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Picture coordinates (x, y) of every pixel of the tile, each ``[H, W]``."""
    left, top, width = person.crop
    scale = width / shape[1]
    mood = person.voice.seed
    zoom = scale * (0.985 - 0.012 * np.sin(0.5 * time + mood))
    angle = 0.014 * np.sin(1.1 * time + mood) + 0.006 * np.sin(2.7 * time)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    dx, dy = (columns - shape[1] / 2) * zoom, (rows - shape[0] / 2) * zoom
    x = left + width / 2 + dx * np.cos(angle) - dy * np.sin(angle) + 2.5 * np.sin(0.8 * time + mood)
    y = top + scale * shape[0] / 2 + dx * np.sin(angle) + dy * np.cos(angle) + 1.6 * np.sin(1.7 * time + mood)
    return x.astype(np.float32), y.astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Make the demo clip of public-domain portraits.")
    parser.add_argument("path", nargs="?", type=Path, help="the file; the same as --output")
    parser.add_argument("--output", type=Path, default=Path("demo/social_clip.mp4"), help="the file (%(default)s)")
    given = parser.parse_args(arguments)
    make_clip(given.path or given.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
