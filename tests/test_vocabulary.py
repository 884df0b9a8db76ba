"""Names say what they hold: no private vocabulary, one module and one public class per name."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for top in ("gazenet", "plugins") for path in (ROOT / top).rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
BANNED = {"behind", "drawn", "elsewhere", "found", "given", "known", "made", "one", "told"}
"""Participles and pronouns that were used for everything; the name of the thing takes their place."""
CONVENTIONAL = {"__init__", "__main__"}


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


def private_words() -> list[str]:
    """The places that use a banned name."""
    return [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in SOURCES
        for name, line in [*bound(TREES[path]), (path.stem, 1)]
        if name.strip("_").lower() in BANNED
    ]


def test_names_say_what_they_hold() -> None:
    places = private_words()
    assert not places, "\n".join(["call these by what they hold:", *places])


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
