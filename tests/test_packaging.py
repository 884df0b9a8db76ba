"""The metadata in pyproject.toml says what the code says: version, Pythons, and every dependency is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import gazenet

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
PACKAGES = {"PIL": "pillow", "cv2": "opencv-python-headless"}
"""Import names whose distribution has another name."""
OURS = {"gazenet", "gazenet_plugins", "gazenet_configs", "gazenet_datasets"}
BY_OTHERS = {
    "tensorboard": "lightning",  # its TensorBoardLogger writes with it
    "pyzmq": "wrapyfi",  # its default transport
}
"""Dependencies that a library imports on our behalf, and the library."""
OF_DEVELOPERS = {"pytest"}
"""Imported only by the pytest plugin, which pytest itself loads."""
OF_PIP = {"pip"}
"""Part of every environment: the download manager runs it as a program."""
PENDING: set[str] = set()
"""Hard dependencies whose use is still being written; the test fails once they are used and listed here."""


LOGGERS = {"comet", "tensorboard"}
"""Extras whose hint is one message with the name of the logger in it."""
BY_CONSTANT = {"tensorrt": "gazenet/export/tensorrt_build.py"}
"""Dependencies that are imported by a name that a constant of the file holds."""


def name_of(requirement: str) -> str:
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of the modules that a file imports, also by ``import_module`` and ``find_spec``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in ("import_module", "find_spec", "_need"):
                yield str(node.args[0].value).partition(".")[0]


def distributions() -> dict[str, set[str]]:
    """Distribution name to the files of the package that import it."""
    users: dict[str, set[str]] = {}
    for folder in ("gazenet", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
                if module and module not in sys.stdlib_module_names and module not in OURS:
                    name = PACKAGES.get(module, module).lower().replace("_", "-")
                    users.setdefault(name, set()).add(path.relative_to(ROOT).as_posix())
    for name, file in BY_CONSTANT.items():
        assert f'"{name}"' in (ROOT / file).read_text(encoding="utf-8")
        users.setdefault(name, set()).add(file)
    return users


USED = distributions()
HARD = {name_of(requirement) for requirement in PROJECT["dependencies"]}
OPTIONAL = {name_of(requirement) for requirements in EXTRAS.values() for requirement in requirements}


def test_every_hard_dependency_is_imported_by_something_that_a_user_runs() -> None:
    run = {name for name, files in USED.items() if any(not file.startswith("gazenet/testing/") for file in files)}
    assert HARD - run == PENDING


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_extra_is_imported_by_its_feature_which_names_it(extra: str) -> None:
    for requirement in EXTRAS[extra]:
        name = name_of(requirement)
        assert name in USED or BY_OTHERS.get(name) in USED, f"{name} is imported by nothing"
    sources = [path for folder in ("gazenet", "plugins") for path in (ROOT / folder).rglob("*.py")]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    hints = [f"gazenet[{extra}]", *(f"pip install {name_of(requirement)}" for requirement in EXTRAS[extra])]
    assert any(hint in texts for hint in hints) or extra in LOGGERS, "no message says how to install it"


def test_every_import_is_declared_once() -> None:
    undeclared = {name: files for name, files in USED.items() if name not in HARD | OPTIONAL | OF_DEVELOPERS | OF_PIP}
    assert undeclared == {}
    assert not HARD & OPTIONAL, "both required and an extra"


def test_one_version() -> None:
    assert metadata.version("gazenet") == gazenet.__version__
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.+)$", citation, re.MULTILINE)[1] == gazenet.__version__
    assert PROJECT["dynamic"] == ["version"]


def test_the_pythons_that_are_named_are_those_of_the_continuous_integration() -> None:
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    matrix = re.search(r"python: \[(.*)\]", (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert matrix and [version.strip(' "') for version in matrix[1].split(",")] == named
    assert PROJECT["requires-python"] == f">={named[0]}"
