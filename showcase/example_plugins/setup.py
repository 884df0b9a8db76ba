"""Third-party plugins for gazenet: installing this package is all it takes."""

from setuptools import setup

setup(
    name="gazenet-example",
    version="0.1.0",
    py_modules=["gazenet_example"],
    install_requires=["gazenet"],
    entry_points={
        "gazenet.extractors": ["motion = gazenet_example:Motion"],
        "gazenet.integrators": ["centred_motion = gazenet_example:CentredMotion"],
        "gazenet.sinks": ["peaks = gazenet_example:Peaks"],
        "gazenet.datasets": ["clips = gazenet_example:Clips"],
    },
)
