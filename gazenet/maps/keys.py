"""What a cache entry is an entry of."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

_SAFE = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class MapKey:
    """Content hash of the video, extractor, its version, and a hash of everything else its maps depend on."""

    source_id: str
    extractor: str
    version: str
    fingerprint: str

    def folder(self, root: Path) -> Path:
        """The entry's own folder."""
        name = f"{self.extractor}-{self.version}-{self.fingerprint[:16]}"
        return root / self.source_id[:2] / self.source_id / _SAFE.sub("_", name)

    def as_dict(self) -> dict[str, str]:
        return asdict(self)
