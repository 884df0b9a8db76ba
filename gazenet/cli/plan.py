"""What ``gasp_infer --dry_run`` says: inputs, extractors, weights and the files that would be written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gazenet.assets.store import installed_catalogue, is_verified, local_path
from gazenet.cli.common import FAILED, OK, USAGE
from gazenet.config.infer import InferConfig
from gazenet.errors import GazenetError
from gazenet.inference.sizes import map_size
from gazenet.media.decode import probe
from gazenet.media.source import IMAGE_SUFFIXES
from gazenet.media.types import VideoInfo

FILES = {
    "maps": "saliency.npy",
    "overlay": "overlay.mp4",
    "saliency_video": "saliency.mp4",
    "attention": "attention.csv",
    "report": "report.html",
}


def print_plan(config: InferConfig) -> int:
    """Print the plan and return the exit code a run would begin with: 1 bad inputs, 2 missing weights. No writing."""
    code = OK
    print(f"device {config.device}, results in {config.output_dir}, cue maps in {config.resolved_cache_dir}")
    for path in config.inputs:
        try:
            print(describe_input(Path(path), config))
        except GazenetError as error:
            print(f"input {path}: cannot be used: {error}")
            code = FAILED
    for extractor in config.extractors:
        stride = f", every {extractor.stride}. frame" if extractor.stride else ""
        print(f"extractor {extractor.name}{stride}")
    print(f"integrator {config.integrator.name if config.integrator else 'none, cue maps only'}")
    missing = []
    for asset_id in wanted_assets(config):
        asset = installed_catalogue().get(asset_id)
        present = is_verified(asset, local_path(asset))
        print(f"weights {asset_id}: {'present' if present else f'missing ({asset.size_text})'}")
        if not present:
            missing.append(asset_id)
    if missing:
        print(f"first run: gasp_download_manager --models {' '.join(missing)}")
        return USAGE
    return code


def describe_input(path: Path, config: InferConfig) -> str:
    """One line about an input and what it would leave behind. Raises MediaError."""
    info = _picture(path) if path.suffix.lower() in IMAGE_SUFFIXES else probe(path)
    height, width = map_size((info.height, info.width), config.map_size)
    frames = info.declared_frames or round((info.duration or 0) * info.rate)
    sound = f"{info.audio_channels} x {info.audio_rate} Hz" if info.has_audio else "no sound"
    size = f"about {frames * height * width * 2 / 1e6:.1f} MB" if frames else "length unknown"
    files = [name for key, name in FILES.items() if getattr(config.outputs, key)]
    return (
        f"input {path}: {info.width}x{info.height}, {float(info.rate):.3f} fps, {frames or '?'} frames declared, "
        f"{sound}; maps {width}x{height} ({size}); writes {path.stem}/: {', '.join([*files, 'run.json'])}"
    )


def _picture(path: Path) -> VideoInfo:
    from gazenet.media.stills import StillReader

    return StillReader(path).info


def wanted_assets(config: InferConfig) -> Iterator[str]:
    """Catalogue ids of all weights a run reads, each once. Raises UsageError for an unknown plugin."""
    from gazenet.cues.faces.spec import FaceModelSpec
    from gazenet.cues.registry import discover, get

    given = [(get(extractor.name).spec, extractor.parameters) for extractor in config.extractors]
    ids = [asset for spec, parameters in given for asset in spec.assets_with(parameters)]
    # Faces are looked for in every run: the attention table and the report tell each person's share.
    ids += get(config.faces.detector, "gazenet.face_detectors", FaceModelSpec).spec.assets
    if config.faces.mesh:
        for landmarks in discover("gazenet.face_landmarks", FaceModelSpec).found.values():
            ids += landmarks.spec.assets
    yield from dict.fromkeys(ids)
