"""The key of a cache entry: video, extractor, version, fingerprint."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")
_SOURCE = re.compile(r"[A-Za-z0-9_-]{1,128}")
_NAME_LENGTH = 100


@dataclass(frozen=True)
class MapKey:
    """Identity of the maps of one video by one extractor; different content never shares a key.

    Attributes:
        source_id: content hash of the video; letters, digits, ``_`` and ``-`` only.
        extractor: name of the extractor.
        version: version of the extractor.
        fingerprint: hash of everything else the maps depend on: parameters, hashes of the weights, window, input.

    Raises:
        ValueError: a source id that is not a plain name, or an empty part.
    """

    source_id: str
    extractor: str
    version: str
    fingerprint: str

    def __post_init__(self) -> None:
        if not _SOURCE.fullmatch(self.source_id):
            raise ValueError(f"source id {self.source_id!r} is not made of letters, digits, '_' and '-'")
        if not (self.extractor and self.version and self.fingerprint):
            raise ValueError(f"{self} has an empty part")

    def folder(self, root: Path) -> Path:
        """Return the entry's own folder. Names cut short may meet there; the full key is in the entry and compared."""
        name = f"{self.extractor[:_NAME_LENGTH]}-{self.version[: _NAME_LENGTH // 2]}-{self.fingerprint[:16]}"
        return root / self.source_id[:2] / self.source_id / _UNSAFE.sub("_", name)

    def as_dict(self) -> dict[str, str]:
        """Return the key as it stands in manifest and log."""
        return asdict(self)


def without_folders(text: str, root: Path) -> str:
    """Replace paths of entries below ``root`` in a text by the names of their extractors."""
    entry = re.compile(re.escape(f"{root}{os.sep}") + r"[^/]{2}/[^/]+/([^/:]+?)-[^/:]+-[0-9a-zA-Z_]{1,16}(?=[/:\s]|$)")
    return re.sub(entry.pattern + r"(/[\w.]+)?", r"cached maps of \1", text)
