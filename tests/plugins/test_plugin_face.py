"""The public face of plugins: complete, light, with examples that run, and all that bundled plugins import."""

from __future__ import annotations

import ast
import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import gazenet.plugins as face
from gazenet.errors import UsageError
from gazenet.plugins.kinds import KINDS, find, kind_called

ROOT = Path(__file__).parents[2]
ALLOWED = (
    "gazenet.plugins",  # the public face
    "gazenet.backbones",  # networks that several plugins share
    "gazenet.training",  # the recipe contract and its trainer
    # The contract of extractors and the helpers around it, of which the public face exports the names.
    "gazenet.cues",
    "gazenet.media",
    "gazenet.errors",
    "gazenet.files",
    "gazenet.npy",
)
"""What the plugins that come with the package may import of the platform."""


def test_every_name_of_the_face_loads() -> None:
    assert set(face.__all__) == set(face._PLACES) and dir(face) == face.__all__
    assert all(getattr(face, name) is not None for name in face.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Nobody'"):
        face.Nobody  # noqa: B018


def test_an_old_name_works_for_a_release_and_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(face._RENAMED, "CueSpec", "ExtractorSpec")
    with pytest.warns(DeprecationWarning, match=r"gazenet\.plugins\.CueSpec is now ExtractorSpec"):
        assert face.CueSpec is face.ExtractorSpec


def test_what_types_see_is_what_is_exported() -> None:
    tree = ast.parse((ROOT / "gazenet/plugins/__init__.py").read_text())
    typed = {
        (node.module, name.name)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert typed == {(module, name) for name, module in face._PLACES.items()}


def test_the_examples_run() -> None:
    assert doctest.testmod(face).failed == 0


def test_declarations_are_light_to_import() -> None:
    names = [name for name in face.__all__ if name.endswith("Spec")]
    probe = f"import sys; from gazenet.plugins import {', '.join(names)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert not {"torch", "cv2", "lightning", "av"} & set(done.stdout.split())


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 0}
    names |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    return {name for name in names if name.split(".")[0] == "gazenet"}


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda path: "/".join(path.parts[-2:]))
def test_bundled_plugins_import_only_what_plugins_may(path: Path) -> None:
    foreign = {name for name in imported(path) if not name.startswith(ALLOWED) and name != "gazenet"}
    assert foreign == set()


@pytest.mark.parametrize(
    "path",
    [*sorted((ROOT / "plugins").glob("*/spec.py")), ROOT / "showcase/example_plugins/gazenet_example.py"],
    ids=lambda path: "/".join(path.parts[-2:]),
)
def test_declarations_and_the_example_import_the_face_alone(path: Path) -> None:
    assert imported(path) == {"gazenet.plugins"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
def test_everything_that_is_installed_declares_itself(kind: object) -> None:
    found = kind.discover()  # type: ignore[attr-defined]
    assert found.errors == [] and found.usable
    for entry in found.usable.values():
        assert entry.spec.summary and entry.spec.implementation


def test_plugins_are_found_by_name_and_kind() -> None:
    assert find("maps")[0].noun == "sink" and find("facemesh")[0].noun == "landmark network"
    assert find("stsanet", "recipe")[0].noun == "recipe"
    with pytest.raises(UsageError, match="'stsanet' is the name of several plugins: add --kind extractor or recipe"):
        find("stsanet")
    with pytest.raises(UsageError, match="unknown plugin 'salincy'; did you mean the extractor 'saliency'"):
        find("salincy")
    with pytest.raises(UsageError, match="--kind sinks: not a kind of plugin; kinds: extractor, face detector"):
        kind_called("sinks")
