"""Labels of the audio switch: whether the sound that VGGSound hears supports the category of a video."""

from __future__ import annotations

from pathlib import Path

from gazenet.errors import UsageError

KEYWORDS = {
    "Acoustic guitar": "guitar",
    "Baby cry, infant cry": "baby",
    "Bark": "dog",
    "Female speech, woman speaking": "female",
    "Fixed-wing aircraft, airplane": "plane",
    "Frying (food)": "food",
    "Male speech, man speaking": "male",
    "Race car, auto racing": "car",
    "Rodents, rats, mice": "mouse",
    "Toilet flush": "toilet",
    "Train horn": "train",
    "Violin, fiddle": "violin",
}
"""Keywords in the names of sounds, by category; for other categories their complete name."""


def sound_names(path: str | Path) -> list[str]:
    """Read the class list of VGGSound in the order of its outputs. Raises UsageError for a file without names.

    The list is not quoted: of a name with a comma only the beginning is taken, and so sorted, as in the release.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a readable list of sounds ({error})") from None
    names = sorted(line.split(",")[0] for line in lines if line.strip())
    if not names:
        raise UsageError(f"{path}: holds no names of sounds")
    return names


def supports(sound: str, category: str, whole_words: bool = False) -> bool:
    """Return whether the name of a sound contains the keyword of a category, in lower case.

    As published the keyword may be part of a word: "male" is found in "female speech", "cat" in "cattle".
    ``whole_words`` does not.
    """
    keyword, name = KEYWORDS.get(category, category).lower(), sound.lower()
    if not whole_words:
        return keyword in name
    return f" {keyword} " in f" {' '.join(name.replace(',', ' ').split())} "
