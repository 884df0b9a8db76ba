"""One Python file from the parts of several modules that something needs: no second copy of it has to be kept.

Definitions are taken as they are written, found by the names that they use, and put in the order in which the modules
would be imported. What comes from elsewhere (torch, numpy) is imported at the top.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

OURS = "gazenet"
MAIN = "__main__"


@dataclass(frozen=True)
class Imported:
    """A name of a module that comes from another one; ``name`` None: that module itself."""

    module: str
    name: str | None

    def bound_to(self, local: str) -> str:
        """As part of a statement that binds ``local``."""
        own = self.name or self.module
        # ``import a.b`` binds ``a``.
        return own if local in (own, self.module.partition(".")[0]) else f"{own} as {local}"


@dataclass
class Source:
    """A module of ours: its text, and what each top-level name stands for. ``wanted``: the names that are needed."""

    name: str
    lines: list[str]
    defined: dict[str, ast.stmt] = field(default_factory=dict)
    notes: dict[str, ast.stmt] = field(default_factory=dict)
    imported: dict[str, Imported] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)

    def text(self, name: str) -> str:
        """A definition with its decorators, the comments above it and the docstring below it."""
        node = self.defined[name]
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]) - 1
        while first and self.lines[first - 1].startswith("#"):
            first -= 1
        return "\n".join(self.lines[first : self.notes.get(name, node).end_lineno])


class Bundle:
    """Collects definitions, beginning with some ``offered`` (``module:Name``), and writes them as one file.

    Args:
        replaced: definitions (``module:Name``) in whose place others are taken, of the same name where they are ours:
            what the project leaves open and one file does not, such as the container that weights lie in.

    Raises ValueError for what cannot be put into one file: two things of one name, modules of ours imported as such or
    inside functions.
    """

    def __init__(self, offered: Sequence[str], replaced: Mapping[str, str] | None = None) -> None:
        self._ours = {OURS, *(one.partition(".")[0] for one in offered)}
        self._replaced = dict(replaced or {})
        self._sources: dict[str, Source] = {}
        self._needs: dict[str, dict[str, None]] = {}
        self._outside: dict[str, Imported] = {}
        self._homes: dict[str, str] = {}
        for one in offered:
            module, _, name = one.partition(":")
            self._want(module, name)
        self._offered = [one.partition(":")[0] for one in offered]

    def text(self, summary: str) -> str:
        """The file; ``summary`` is its docstring."""
        parts = [f'"""{summary}"""', "from __future__ import annotations", _statements(self._outside)]
        for module in self._in_order():
            source = self._sources[module]
            nodes = {id(source.defined[name]): name for name in source.defined if name in source.wanted}
            parts += [source.text(name) for name in nodes.values()]
        return "\n\n\n".join(parts) + "\n"

    def _in_order(self) -> list[str]:
        """The modules, each behind those that it needs."""
        order: dict[str, None] = {}
        begun: set[str] = set()

        def visit(module: str) -> None:
            if module in begun:
                return
            begun.add(module)
            for other in self._needs.get(module, {}):
                visit(other)
            order[module] = None

        for module in self._offered:
            visit(module)
        return [module for module in order if module in self._sources]

    def _want(self, module: str, name: str) -> None:
        """Takes in what ``name`` stands for in a module of ours, and all that it uses."""
        place = self._replaced.get(f"{module}:{name}", "")
        if place:
            return self._take(module, name, Imported(*place.split(":")))
        source = self._source(module)
        if name in source.imported:
            return self._take(module, name, source.imported[name])
        if name not in source.defined or name in source.wanted:
            return  # a builtin, a local name, or there already
        home = self._homes.setdefault(name, module)
        if home != module and self._sources[home].text(name) != source.text(name):
            raise ValueError(f"{name} is defined in {home} and in {module}: one file can hold one of them")
        source.wanted |= {name} if home == module else set()
        for used in _names(source.defined[name], self._ours, module):
            self._want(module, used)

    def _take(self, module: str, name: str, found: Imported) -> None:
        """Takes in what a module has under ``name`` from elsewhere."""
        if found.module.partition(".")[0] not in self._ours:
            if self._outside.setdefault(name, found) != found:
                raise ValueError(f"{name} is imported from {self._outside[name].module} and from {found.module}")
            return
        if found.name != name:
            raise ValueError(f"{module} imports {found.module} as {name}: import what is needed by its own name")
        self._needs.setdefault(module, {})[found.module] = None
        self._want(found.module, name)

    def _source(self, module: str) -> Source:
        if module not in self._sources:
            spec = find_spec(module)
            if spec is None or spec.origin is None:
                raise ValueError(f"{module}: no such module")
            self._sources[module] = _read(module, Path(spec.origin))
        return self._sources[module]


def _read(module: str, path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    source, names = Source(module, text.splitlines()), list[str]()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            source.notes.update(dict.fromkeys(names, node))
        names = _defined(node)
        source.defined.update(dict.fromkeys(names, node))
        source.imported.update(_imported(node))
    return source


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
    if isinstance(node, ast.If) and MAIN in ast.unparse(node.test):
        return [MAIN]
    return []


def _imported(node: ast.stmt) -> Iterator[tuple[str, Imported]]:
    """What an import binds; also one that only readers of types see."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for inside in node.body:
            yield from _imported(inside)
    elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
        yield from ((one.asname or one.name, Imported(node.module or "", one.name)) for one in node.names)
    elif isinstance(node, ast.Import):
        yield from ((one.asname or one.name.partition(".")[0], Imported(one.name, None)) for one in node.names)


def _names(node: ast.stmt, ours: set[str], module: str) -> list[str]:
    """The names that a definition reads, its annotations included."""
    for one in ast.walk(node):
        inside = [found.module for _, found in _imported(one)] if isinstance(one, ast.Import | ast.ImportFrom) else []
        if any(name.partition(".")[0] in ours for name in inside):
            raise ValueError(f"{module}: imports {inside[0]} inside a function; import it at the top")
    loaded = [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)]
    return list(dict.fromkeys(loaded))


def _statements(outside: Mapping[str, Imported]) -> str:
    """The imports: modules first, then what is taken from modules."""
    modules = sorted(f"import {one.bound_to(local)}" for local, one in outside.items() if one.name is None)
    names: dict[str, list[str]] = {}
    for local, one in outside.items():
        if one.name is not None:
            names.setdefault(one.module, []).append(one.bound_to(local))
    return "\n".join(
        [*modules, *(f"from {module} import {', '.join(sorted(names[module]))}" for module in sorted(names))]
    )
