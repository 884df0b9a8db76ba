"""Names say what they hold: no private vocabulary, one module and one public class per name."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for top in ("gazenet", "plugins") for path in (ROOT / top).rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
BANNED = {"behind", "drawn", "elsewhere", "found", "given", "known", "made", "one", "told"}
"""Participles and pronouns that were used for everything; the name of the thing takes their place."""
ALLOWED: dict[str, int] = {
    "gazenet": 5,
    "gazenet/assets": 13,
    "gazenet/backbones": 27,
    "gazenet/cli": 33,
    "gazenet/config": 26,
    "gazenet/cues": 46,
    "gazenet/data": 38,
    "gazenet/evaluation": 32,
    "gazenet/export": 32,
    "gazenet/fusion": 5,
    "gazenet/guard": 6,
    "gazenet/inference": 90,
    "gazenet/maps": 6,
    "gazenet/media": 21,
    "gazenet/metrics": 3,
    "gazenet/recipes": 28,
    "gazenet/report": 3,
    "gazenet/testing": 50,
    "gazenet/training": 14,
    "plugins/active_speaker": 1,
    "plugins/avinet": 2,
    "plugins/binauraldave": 3,
    "plugins/blazeface": 7,
    "plugins/dave": 1,
    "plugins/deeplab_saliency": 11,
    "plugins/esr9": 2,
    "plugins/gaze360": 3,
    "plugins/gaze_following": 1,
    "plugins/mtcnn": 5,
    "plugins/s3fd": 5,
    "plugins/saliency": 1,
    "plugins/st_abn": 16,
    "plugins/stanet": 21,
    "plugins/stavis": 3,
    "plugins/stsanet": 11,
    "plugins/unisal": 6,
    "plugins/videogaze": 5,
}
"""Room to the number of such names that it still has. The numbers only fall; the table ends empty."""
CONVENTIONAL = {"__init__", "__main__"}


def room_of(path: Path) -> str:
    """``gazenet/ROOM`` or ``plugins/NAME``; the top level of the package is ``gazenet``."""
    return "/".join(path.relative_to(ROOT).parts[:-1][:2])


def bound(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The names that a module gives to variables, arguments, attributes, functions and classes, with their lines.

    Variables of loops and comprehensions are left out: ``for one in ...`` holds what its line says.
    """
    loops = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension)
        for name in ast.walk(node.target)
    }
    for node in ast.walk(tree):
        if node in loops:
            continue
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr, node.lineno
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.alias) and node.asname:
            yield node.asname, node.lineno
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name, node.lineno


def private_words() -> dict[str, list[str]]:
    """Room to the places where it uses a banned name."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in SOURCES:
        named = [*bound(TREES[path]), (path.stem, 1)]
        for name, line in named:
            if name.strip("_").lower() in BANNED:
                places[room_of(path)].append(f"{path.relative_to(ROOT)}:{line} {name}")
    return places


WORDS = private_words()


@pytest.mark.parametrize("room", sorted({*WORDS, *ALLOWED}))
def test_names_say_what_they_hold(room: str) -> None:
    places = WORDS.get(room, [])
    assert len(places) <= ALLOWED.get(room, 0), "\n".join(["call these by what they hold:", *places])


def test_module_names_are_unique() -> None:
    """Plugins may repeat the conventional ones (``spec``, ``network``, ``extractor`` ...), the platform may not."""
    stems = Counter(path.stem for path in SOURCES if path.is_relative_to(ROOT / "gazenet"))
    assert {name for name, count in stems.items() if count > 1} <= CONVENTIONAL


def test_public_class_names_are_unique() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in SOURCES:
        for node in TREES[path].body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
