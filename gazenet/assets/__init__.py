"""Published weights: what there is, fetching it, and the verified local file of each."""

from __future__ import annotations

from gazenet.assets.asset_store import asset_path

__all__ = ["asset_path"]
