"""What ``benchmarks/kills.py`` kills: three commands on made-up inputs, each busy for a few seconds.

Every command runs in a folder of its own with relative paths, so that two runs differ in nothing but time.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from gazenet.files import write_json
from gazenet.media.encode import VideoWriter
from gazenet.testing.fakes import write_distribution

Files = dict[str, bytes]

PLUGINS = '''
import time
import numpy as np
import torch
from gazenet.cues.faces.face_specs import FaceModelSpec
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec
from gazenet.cues.extractor import CueMaps

class Light:
    """How bright each place is, slowly."""
    spec = ExtractorSpec(name="slow_light", summary="light", cue="saliency", implementation="slow_plugins:Light",
                         input=InputSpec(height=16, width=16))
    def load(self, device, dtype, asset_path): pass
    def begin(self, video): pass
    def extract(self, windows):
        time.sleep(0.02 * len(windows))
        frames = windows.frames.float().mean((1, 2)) / 255
        return CueMaps(torch.nn.functional.interpolate(frames[:, None], windows.map_size)[:, 0])

class Dark(Light):
    spec = ExtractorSpec(name="slow_dark", summary="dark", cue="other", implementation="slow_plugins:Dark",
                         input=InputSpec(height=16, width=16))
    def extract(self, windows):
        made = super().extract(windows)
        return CueMaps(1 - made.maps)

class Nobody:
    """A detector that finds no face."""
    def load(self, asset_path): pass
    def detect(self, image): return np.zeros((0, 15), np.float32)

NOBODY = FaceModelSpec(name="nobody", summary="finds no face", implementation="slow_plugins:Nobody")
'''
POINTS = {
    "gazenet.extractors": {"slow_light": "slow_plugins:Light.spec", "slow_dark": "slow_plugins:Dark.spec"},
    "gazenet.face_detectors": {"nobody": "slow_plugins:NOBODY"},
}
FRAMES, SIZE = 40, (90, 160)
VIDEOS = ("001", "002")
CUES = ("det_transformed_dave", "det_transformed_esr9")
EVERY_RUN = ("log", "wall_s", "timings", "frames_per_s", "versions", "digests")
"""Keys of records that tell of the run itself; digests are of files that are compared, or of the report."""


class Subject:
    """A command, what it works on, and what it leaves behind."""

    name: str
    module: str
    arguments: list[str]

    def __init__(self, inputs: Path) -> None:
        """Makes the inputs in the folder ``inputs``, for all runs."""
        self.inputs = inputs

    def environment(self, folder: Path) -> dict[str, str]:
        """Variables for a run in ``folder``."""
        return {}

    def outcome(self, folder: Path) -> Files:
        """What a finished run in ``folder`` leaves that must not depend on how often it was killed."""
        raise NotImplementedError

    def reported(self, folder: Path, said: str) -> Files:
        """The files of all that a run has said to be done."""
        raise NotImplementedError


class Infer(Subject):
    """``gasp_infer`` on two clips: slow cues, a tiny integrator, all sinks."""

    name, module = "infer", "gazenet.cli.infer"

    def __init__(self, inputs: Path) -> None:
        super().__init__(inputs)
        clips = [make_clip(inputs / f"{name}.mp4", seed) for seed, name in enumerate(VIDEOS)]
        write_distribution(inputs / "site", "slow-plugins", POINTS, {"slow_plugins": PLUGINS})
        make_integrator(inputs / "tiny.safetensors", ("slow_light", "slow_dark"))
        write_json(
            inputs / "infer.json",
            {
                "inputs": [str(clip) for clip in clips],
                "output_dir": "out",
                "chunk": 8,
                "map_size": 32,
                "threads": 1,
                "faces": {"detector": "nobody", "mesh": False},
                "extractors": [{"name": "slow_light"}, {"name": "slow_dark"}],
                "integrator": {"name": str(inputs / "tiny.safetensors")},
                "outputs": {"saliency_video": True, "published": {"root": "out/Grouped_frames"}},
            },
        )
        self.arguments = ["--infer_config_file", str(inputs / "infer.json")]

    def environment(self, folder: Path) -> dict[str, str]:
        """The variables that let the command find the faulty plugin."""
        return {"PYTHONPATH": str(self.inputs / "site")}

    def outcome(self, folder: Path) -> Files:
        """Outputs by relative path; times are taken out of records."""
        found = read(folder, "out/*/saliency.npy", "out/*/attention.csv", "out/*/*.mp4", "out/.cache/**/maps.npy")
        found |= read(folder, "out/Grouped_frames/**/*.jpg", "out/Grouped_frames/**/*.npy")
        for path in folder.glob("out/*/run.json"):
            record = json.loads(path.read_text(encoding="utf-8"))
            found[str(path.relative_to(folder))] = json.dumps(timeless(record), sort_keys=True).encode()
        for path in folder.glob("out/*/report.html"):
            found[str(path.relative_to(folder))] = path.read_bytes()[-20:]
        return found

    def reported(self, folder: Path, said: str) -> Files:
        """The files of the results that the command named as finished."""
        names = re.findall(r"results in (\S+?)[:;]?(?:\s|$)", said)
        return {key: data for name in names for key, data in read(folder, f"{name}/*").items()}


class Train(Subject):
    """``gasp_train``: the integrator on made-up pictures of two cues."""

    name, module = "train", "gazenet.cli.train"

    def __init__(self, inputs: Path) -> None:
        super().__init__(inputs)
        make_pictures(inputs / "frames" / "diem")
        config = {
            "network": {"order": ["gmu"], "in_channels": 3, "latent": 4, "encoder": "Light", "head": "density"},
            "cues": list(CUES),
            "rendering": "published",
            "input_size": [18, 32],
            "data": {
                "frames_root": str(inputs / "frames"),
                "train": [{"dataset": "diem", "items": [VIDEOS[0]]}],
                "validation": [{"dataset": "diem", "items": [VIDEOS[1]]}],
                "augment": {"flip": False, "shift": 0, "scale": 0},
                "frame_stride": 1,
                "validation_min_observers": 1,
            },
            "trainer": {"max_epochs": 5, "batch_size": 2, "samples_per_epoch": 16, "threads": 1},
            "output": "out",
        }
        write_json(inputs / "train.json", config)
        # From the first start on, so that all runs are the same command.
        self.arguments = ["--train_config_file", str(inputs / "train.json"), "--resume"]

    def outcome(self, folder: Path) -> Files:
        """The weights, the checkpoint and the scores."""
        return read(folder, "out/integrator.safetensors", "out/last_model.pt", "out/scores.json")

    def reported(self, folder: Path, said: str) -> Files:
        """Weights and scores appear last and whole."""
        return self.outcome(folder) if (folder / "out" / "scores.json").exists() else {}


class Download(Subject):
    """``gasp_download_manager``: an archive with a published hash, one without, and a file, from a slow server."""

    name, module = "download", "gazenet.cli.download_manager"

    def __init__(self, inputs: Path, address: str, files: Files) -> None:
        super().__init__(inputs)
        files |= {"known.tar.gz": archive_tar(1), "unknown.zip": archive_zip(2), "alone.bin": noise(3, 300_000)}
        assets = []
        for file, data in files.items():
            name, known = file.partition(".")[0], file != "unknown.zip"
            steps = [] if file == "alone.bin" else [{"step": "extract", "archive": file}]
            source = {"kind": "http", "url": f"{address}/{file}"}
            entry = {"save_as": file, "sources": [source]}
            entry |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} if known else {}
            result = ["alone.bin"] if file == "alone.bin" else ["a.bin", "b.bin"]
            told = {"kind": "published", "role": "dataset", "licence": "MIT", "source": "made up"}
            assets.append({"id": name, "files": [entry], "steps": steps, "result": result, **told})
        write_json(inputs / "catalogue.json", {"assets": assets})
        ids = [asset["id"] for asset in assets]
        self.arguments = ["--catalogue", str(inputs / "catalogue.json"), "--datasets", *map(str, ids)]

    def outcome(self, folder: Path) -> Files:
        """The files of all data sets."""
        return read(folder, "datasets/*/*.bin")

    def reported(self, folder: Path, said: str) -> Files:
        """The files of the data sets that the command reported as right."""
        names = re.findall(r"^(\w+): ok, ", said, re.MULTILINE)
        return {key: data for name in names for key, data in read(folder, f"datasets/{name}/*.bin").items()}


def read(folder: Path, *patterns: str) -> Files:
    """Path below ``folder`` to content of the files that patterns find."""
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(found)}


def timeless(record: dict[str, object]) -> dict[str, object]:
    """A record of a run without what differs from run to run."""
    return {key: value for key, value in record.items() if key not in EVERY_RUN and key != "files"}


def make_clip(path: Path, seed: int) -> Path:
    """A bright square that wanders over noise."""
    random = np.random.default_rng(seed)
    with VideoWriter(path, SIZE[1], SIZE[0], Fraction(25), None) as writer:
        for frame in range(FRAMES):
            image = random.integers(0, 60, (*SIZE, 3), dtype=np.uint8)
            image[30:60, 10 + 2 * frame : 40 + 2 * frame] = 220
            writer.write(image, frame / 25)
    return path


def make_pictures(folder: Path) -> None:
    """A bright spot that wanders, in the published layout of map pictures, in each of ``VIDEOS``."""
    rows, columns = np.mgrid[:36, :64]
    for start, name in enumerate(VIDEOS):
        for frame in range(10):
            distance = (columns - 10 - 20 * start - 2 * frame) ** 2 + (rows - 18) ** 2
            spot = (255 * np.exp(-distance / 60)).astype(np.uint8)
            pictures = {"transformed_salmap": spot, "transformed_fixmap": np.uint8(255) * (spot > 220)}
            pictures |= {CUES[0]: np.stack([spot] * 3, -1), CUES[1]: np.stack([255 - spot] * 3, -1)}
            home = folder / name / str(frame + 1)
            home.mkdir(parents=True)
            for stem, picture in pictures.items():
                Image.fromarray(picture).save(home / f"{stem}_1.jpg", quality=95)


def make_integrator(path: Path, cues: tuple[str, ...]) -> None:
    """A network with weights from a seed."""
    import torch

    from gazenet.fusion.gasp import build
    from gazenet.fusion.gasp_config import GaspConfig
    from gazenet.fusion.gasp_spec import GaspSpec
    from gazenet.fusion.integrator_files import save_integrator

    torch.manual_seed(0)
    config = GaspConfig(order=("gmu",), modalities=len(cues), in_channels=1, latent=4, encoder="Light", head="density")
    spec = GaspSpec(name="tiny", cues=cues, input_size=(18, 32))
    save_integrator(path, build(config).eval(), spec, {})


def noise(seed: int, size: int) -> bytes:
    """Bytes that cannot be compressed."""
    return np.random.default_rng(seed).bytes(size)


def archive_tar(seed: int) -> bytes:
    """A tar archive of two files."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for number, name in enumerate(("a.bin", "b.bin")):
            data = noise(10 * seed + number, 150_000)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return made.getvalue()


def archive_zip(seed: int) -> bytes:
    """A zip archive of two files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number, name in enumerate(("a.bin", "b.bin")):
            archive.writestr(name, noise(10 * seed + number, 150_000))
    return made.getvalue()


@contextmanager
def serving(files: Files, bytes_per_s: int = 250_000) -> Iterator[str]:
    """A slow file server on loopback that can continue a file; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = files[self.path.lstrip("/")]
            tag = f'"{hashlib.md5(data).hexdigest()}"'
            wanted, unless = self.headers.get("Range", ""), self.headers.get("If-Range", tag)
            start = int(wanted[6:-1]) if wanted and unless == tag else 0
            self.send_response(206 if start else 200)
            self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(data) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.end_headers()
            for place in range(start, len(data), 8192):
                self.wfile.write(data[place : place + 8192])
                time.sleep(8192 / bytes_per_s)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:  # The other side was killed.
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
