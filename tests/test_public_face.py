"""The public face for Python: what it exports, that importing it is light, and that its examples run."""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import gazenet
from gazenet.assets.asset_store import asset_path

ROOT = Path(__file__).resolve().parents[1]
FACES = ("gazenet",)
"""Packages whose every exported function and class carries a runnable example."""
WITH_EXAMPLES = sorted(
    ".".join(("gazenet", *path.relative_to(ROOT / "gazenet").with_suffix("").parts)).removesuffix(".__init__")
    for path in (ROOT / "gazenet").rglob("*.py")
    if "\n    >>> " in (text := path.read_text(encoding="utf-8")) or "\n>>> " in text
)
WITH_WEIGHTS = {
    "gazenet.inference.predict": (
        *("open_nsfw", "centerface", "face_landmarks", "expression_weights", "expression_manifest", "silero_vad"),
    )
}
"""Modules whose examples run the embedded networks, and the assets that those need."""
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def exported() -> Iterator[tuple[str, str, object]]:
    for face in FACES:
        module = import_module(face)
        for name in module.__all__:
            yield face, name, getattr(module, name)


def test_every_exported_name_exists_and_nothing_else_is_shown_by_help() -> None:
    assert sorted(gazenet.__all__) == sorted(set(gazenet.__all__)) and set(gazenet.__all__) <= set(dir(gazenet))
    assert [name for _, name, thing in exported() if thing is None] == []
    with pytest.raises(AttributeError, match="module 'gazenet' has no attribute 'predcit'"):
        _ = gazenet.predcit


def test_the_package_is_light_until_something_is_used() -> None:
    heavy = "'torch', 'lightning', 'cv2', 'av', 'numpy', 'pydantic'"
    code = f"import sys, gazenet; print([name for name in ({heavy}) if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("face", ["gazenet", "gazenet.media"])
def test_no_exported_name_is_that_of_a_module(face: str) -> None:
    """Importing the module would put it in the place of the name."""
    package = import_module(face)
    modules = {path.stem if path.suffix else path.name for path in Path(package.__path__[0]).iterdir()}
    assert sorted(modules & set(package.__all__)) == []


def test_every_exported_function_and_class_has_a_runnable_example() -> None:
    missing = [
        f"{face}.{name}" for face, name, thing in exported() if callable(thing) and ">>> " not in (thing.__doc__ or "")
    ]
    assert missing == []


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for asset in WITH_WEIGHTS.get(name, ()):
        try:
            asset_path(asset)
        except gazenet.UsageError as error:
            pytest.skip(str(error))
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(import_module(name), optionflags=OPTIONS)
    assert outcome.attempted > 0 and outcome.failed == 0, f"{outcome.failed} examples of {name} fail"
