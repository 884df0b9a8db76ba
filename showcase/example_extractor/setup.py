"""A third-party cue for gazenet: installing this package is all it takes."""

from setuptools import setup

setup(
    name="gazenet-example-motion",
    version="0.1.0",
    py_modules=["gazenet_example_motion"],
    install_requires=["gazenet"],
    entry_points={"gazenet.extractors": ["motion = gazenet_example_motion:Motion"]},
)
