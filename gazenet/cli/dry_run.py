"""``gasp_infer --dry_run``: print inputs, extractors, weights and the files that would be written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gazenet.assets.asset_store import installed_catalogue, is_verified, local_path, state
from gazenet.cli.command import FAILED, OK, USAGE
from gazenet.config.inference import InferConfig
from gazenet.config.sink_spec import SINKS, SinkSpec
from gazenet.errors import GazenetError, UsageError
from gazenet.media.decode import probe_and_count
from gazenet.media.frames import VideoInfo
from gazenet.media.media_files import IMAGE_SUFFIXES
from gazenet.plugin_registry import get


def print_plan(config: InferConfig) -> int:
    """Print the plan, write nothing, and return an exit code: 1 for bad inputs, 2 for missing weights."""
    code = OK
    print(f"device {config.device}, results in {config.output_dir}, cue maps in {config.resolved_cache_dir}")
    for path, name in planned_inputs(config).items():
        try:
            print(describe_input(path, config, name))
        except GazenetError as error:
            print(f"input {path}: cannot be used: {error}")
            code = FAILED
    stored = config.data is not None and config.data.maps == "stored"
    if stored:
        print("cue maps are read from stored pictures; no extractor runs")
    for extractor in () if stored else config.extractors:
        stride = f", on every {ordinal(extractor.stride)} frame" if extractor.stride else ""
        print(f"extractor {extractor.name}{stride}")
    print(f"integrator {config.integrator.name if config.integrator else 'none, cue maps only'}")
    if config.outputs.published is not None:
        print(f"pictures of every frame in {config.outputs.published.root}")
    if config.data is not None and config.metrics is not None:
        print(f"scores {', '.join(config.metrics.names)} in {config.metrics.table(config.output_dir)}")
    missing = []
    for asset in map(installed_catalogue().get, wanted_assets(config)):
        present = is_verified(asset, local_path(asset))
        print(f"weights {asset.id}: {'present' if present else f'missing ({asset.size_text})'}")
        if not present:
            missing.append(asset.id)
    if missing:
        print(f"first run: gasp_download_manager --models {' '.join(missing)}")
        return USAGE
    return code


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th ... 11th ..."""
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th") if number % 100 not in (11, 12, 13) else "th"
    return f"{number}{ending}"


def check_weights(config: InferConfig) -> None:
    """Raise UsageError where weights of the config are missing, with one command that fetches all of them."""
    assets = map(installed_catalogue().get, wanted_assets(config))
    missing = [asset.id for asset in assets if state(asset, local_path(asset)) not in ("present", "not published")]
    if missing:
        raise UsageError(
            f"weights are missing; run: gasp_download_manager --models {' '.join(missing)}; or, without any download, "
            "on a video of your own: gasp_infer --infer_config default --input VIDEO"
        )


def planned_inputs(config: InferConfig) -> dict[Path, str]:
    """The inputs of a run and the names of their results. Raises UsageError for missing files."""
    if config.inputs or config.data is None:
        from gazenet.inference.inputs.input_paths import expand, result_folders

        files = expand([Path(path) for path in config.inputs], print)
        return {path: folder.name for path, folder in result_folders(files, Path(config.output_dir)).items()}
    from gazenet.inference.inputs.dataset_inputs import choose

    return {video.path: video.name for video in choose(config.data)}


def describe_input(path: Path, config: InferConfig, name: str) -> str:
    """Describe an input and the files of its results, under ``name``, in one line. Raises MediaError, CacheError."""
    info = _info(path)
    height, width = config.map_shape((info.height, info.width))
    frames = info.declared_frames or round((info.duration or 0) * info.rate)
    sound = f"{info.audio_channels} x {info.audio_rate} Hz" if info.has_audio else "no sound"
    size = f"about {frames * height * width * 2 / 1e6:.1f} MB" if frames else "length unknown"
    specs = [get(name, SINKS, SinkSpec).spec for name in config.outputs.wanted]
    files = [name for spec in specs if config.integrator or not spec.saliency for name in spec.files]
    return (
        f"input {path}: {info.width}x{info.height}, {float(info.rate):.3f} fps, {frames or '?'} frames declared, "
        f"{sound}; maps {width}x{height} ({size}); writes {name}/: {', '.join([*files, 'run.json'])}"
    )


def _info(path: Path) -> VideoInfo:
    if not path.is_dir() and path.suffix.lower() not in IMAGE_SUFFIXES:
        return probe_and_count(path)
    from gazenet.inference.inputs.sources import open_frames

    return open_frames(path).info


def wanted_assets(config: InferConfig) -> Iterator[str]:
    """Catalogue ids of all weights a run reads, each once. Raises UsageError for an unknown plugin."""
    yield from dict.fromkeys([*_integrator_assets(config), *_stage_one_assets(config)])


def _integrator_assets(config: InferConfig) -> list[str]:
    from gazenet.fusion.integrator_contract import INTEGRATORS, IntegratorSpec

    # A file describes itself; a name is that of a plugin.
    if config.integrator is None or "." in Path(config.integrator.name).name or "/" in config.integrator.name:
        return []
    spec = get(config.integrator.name, INTEGRATORS, IntegratorSpec).spec
    return list(spec.tuned(config.integrator.parameters).assets_with(config.integrator.parameters))


def _stage_one_assets(config: InferConfig) -> list[str]:
    from gazenet.cues.faces.face_specs import DETECTORS, LANDMARKS, FaceModelSpec
    from gazenet.cues.registry import get

    if config.data is not None and config.data.maps == "stored":
        return []
    extractors = [(get(extractor.name).spec, extractor.parameters) for extractor in config.extractors]
    ids = [asset for spec, parameters in extractors for asset in spec.assets_with(parameters)]
    # Faces are detected in every run: the attention table and the report have each person's share.
    ids += get(config.faces.detector, DETECTORS, FaceModelSpec).spec.assets
    if config.faces.mesh:
        ids += get(config.faces.landmarks, LANDMARKS, FaceModelSpec).spec.assets
    return ids
