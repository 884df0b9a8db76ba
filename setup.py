"""Packaging: three top-level folders become import names; console scripts and plugins are entry points."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
MAPPED = {"gazenet_plugins": "plugins", "gazenet_configs": "configs", "gazenet_datasets": "datasets"}


def mapped_packages() -> list[str]:
    """The import names below each mapped folder, the folder itself included."""
    names = []
    for name, folder in MAPPED.items():
        names.append(name)
        names += [f"{name}.{sub}" for sub in find_packages(str(HERE / folder))]
    return names


EMBEDDED = ["saliency", "gaze_direction", "gaze_following", "facial_expression", "active_speaker"]
PUBLISHED = [
    "captured",
    "gaze360",
    "videogaze",
    "esr9",
    "st_abn",
    "stsanet",
    "deeplab_saliency",
    "stanet",
    "unisal",
    "tased",
    "vinet",
    "avinet",
    "dave",
    "binauraldave",
    "stavis",
]
OUTSIDE = ["external"]
DETECTORS = ["centerface", "s3fd", "mtcnn", "blazeface"]
RELEASED = ["seqdamalstmgmu", "seqdamalstmgmu_110nofer", "seqdamalstmgmu_101nogf", "seqdamgmualstm", "damgmu"]

EXTRAS = {
    "tensorboard": ["tensorboard>=2.14"],
    "comet": ["comet-ml>=3.40"],
    "export": ["onnx>=1.16", "onnxscript>=0.3"],
    "tensorrt": ["tensorrt>=10"],
    # From 2.52 on a cluster can ask for a token (RAY_AUTH_MODE=token).
    "ray": ["ray>=2.52"],
    "realtime": ["sounddevice>=0.4.6"],
    "middleware": ["wrapyfi>=0.5", "pyzmq>=25"],
    # S3FD and BlazeFace are written here; with the package their tests compare them with its own.
    "faces": ["face-alignment>=1.4"],
    "matlab73": ["h5py>=3"],
    "sevenzip": ["py7zr>=0.22"],
}

setup(
    name="gazenet",
    version="0.1.0",
    description="Predict where people look in social video: social-cue extractors fused by GASP",
    long_description=(HERE / "README.md").read_text(encoding="utf-8") if (HERE / "README.md").exists() else "",
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=[*find_packages(include=["gazenet", "gazenet.*"]), *mapped_packages()],
    package_dir=MAPPED,
    package_data={
        "gazenet": ["py.typed", "**/*.json", "**/*.html", "**/*.css", "**/*.js", "**/*.safetensors", "**/*.md"],
        "gazenet_plugins": ["**/*.safetensors", "**/*.json", "**/*.md"],
        "gazenet_configs": ["**/*.json"],
        "gazenet_datasets": ["**/*.csv", "**/*.md"],
    },
    install_requires=[
        "torch>=2.4",
        "lightning>=2.4",
        "torchmetrics>=1.4",
        "numpy>=1.26",
        "pandas>=2.0",
        "scipy>=1.11",
        "av>=14",
        "soundfile>=0.12",
        "opencv-python-headless>=4.9",
        "pydantic>=2.7",
        "safetensors>=0.4",
        "onnx>=1.16",
        "onnxruntime>=1.18",
        "ai-edge-litert>=1.2",
        "filelock>=3.12",
        "rich>=13",
        "matplotlib>=3.8",
        "pillow>=10",
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": [
            "gasp_infer = gazenet.cli.infer:main",
            "gasp_train = gazenet.cli.train:main",
            "gasp_download_manager = gazenet.cli.download_manager:main",
            "gasp_plugins = gazenet.cli.plugins:main",
            "gasp_scripts = gazenet.cli.scripts:main",
            "gasp_bench = gazenet.cli.bench:main",
            "gasp_evaluate = gazenet.cli.evaluate:main",
            "gasp_export = gazenet.cli.export:main",
            "gasp_compare = gazenet.cli.compare:main",
        ],
        "gazenet.extractors": [
            f"{name} = gazenet_plugins.{name}.spec:SPEC" for name in EMBEDDED + PUBLISHED + OUTSIDE
        ],
        "gazenet.face_detectors": [
            *(f"{name} = gazenet_plugins.{name}.spec:SPEC" for name in DETECTORS),
            "s3fd_published = gazenet_plugins.s3fd.spec:PUBLISHED",
            "mtcnn_published = gazenet_plugins.mtcnn.spec:PUBLISHED",
            "blazeface_back = gazenet_plugins.blazeface.spec:BACK",
        ],
        "gazenet.face_landmarks": ["facemesh = gazenet_plugins.facemesh.spec:SPEC"],
        "gazenet.integrators": [
            "embedded = gazenet.fusion.embedded_integrator:SPEC",
            *(f"{name} = gazenet.fusion.released_integrators:{name.upper()}" for name in RELEASED),
        ],
        "gazenet.datasets": [
            "findwho = gazenet.data.reader_spec:FINDWHO",
            "osie = gazenet.data.reader_spec:OSIE",
            "crowd = gazenet.data.reader_spec:CROWD",
            "coutrot1 = gazenet.data.reader_spec:COUTROT1",
            "coutrot2 = gazenet.data.reader_spec:COUTROT2",
            "diem = gazenet.data.reader_spec:DIEM",
            "summeetmd = gazenet.data.reader_spec:SUMMEETMD",
            "mvva = gazenet.data.reader_spec:MVVA",
            "fairplay = gazenet.data.reader_spec:FAIRPLAY",
            "wtmsimgaze = gazenet.data.reader_spec:WTMSIMGAZE",
            "processed = gazenet.data.reader_spec:PROCESSED",
            "sequences = gazenet.data.reader_spec:SEQUENCES",
        ],
        "gazenet.recipes": [
            "deeplab_saliency = gazenet_plugins.deeplab_saliency.recipe:SPEC",
            "st_abn = gazenet_plugins.st_abn.recipe:SPEC",
            "stanet = gazenet_plugins.stanet.recipe:SPEC",
            "stsanet = gazenet_plugins.stsanet.recipe:SPEC",
        ],
        "gazenet.sinks": [
            "maps = gazenet.inference.sinks.sink_specs:MAPS",
            "overlay = gazenet.inference.sinks.sink_specs:OVERLAY",
            "saliency_video = gazenet.inference.sinks.sink_specs:SALIENCY_VIDEO",
            "attention = gazenet.inference.sinks.sink_specs:ATTENTION",
            "report = gazenet.inference.sinks.sink_specs:REPORT",
            "published = gazenet.inference.sinks.sink_specs:PUBLISHED",
        ],
        "pytest11": ["gazenet = gazenet.testing.pytest_plugin"],
    },
    classifiers=[
        "License :: OSI Approved :: MIT License",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
