"""Published weights and data: the catalogue, downloads, and the verified local file of each asset."""

from __future__ import annotations

from gazenet.assets.asset_store import asset_path

__all__ = ["asset_path"]
