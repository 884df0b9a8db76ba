"""Map three top-level folders to import names. The metadata of the package is in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
MAPPED = {"gazenet_plugins": "plugins", "gazenet_configs": "configs", "gazenet_datasets": "datasets"}


def mapped_packages() -> list[str]:
    """Name the packages below each mapped folder, the folder itself included."""
    names = []
    for name, folder in MAPPED.items():
        names.append(name)
        names += [f"{name}.{sub}" for sub in find_packages(str(HERE / folder))]
    return names


setup(packages=[*find_packages(include=["gazenet", "gazenet.*"]), *mapped_packages()], package_dir=MAPPED)
