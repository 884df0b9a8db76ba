"""The structure of the code: no circles among modules, no long parameter lists."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"gazenet": ROOT / "gazenet", "gazenet_plugins": ROOT / "plugins"}
MOST_PARAMETERS = 6
"""Beside ``self`` or ``cls``; more of them travel together and are a record."""
NETWORKS = {
    "gazenet.backbones.resnet3d",
    "gazenet.fusion.gasp_config",
    "gazenet.fusion.gmu",
    "gazenet_plugins.stanet.sta",
}
"""Modules of networks and their configs, whose callables may have more."""


def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    named = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


class ImportedModules(ast.NodeVisitor):
    """Collects the modules that a module imports, in functions as well, but not for type checkers only."""

    def __init__(self, known: dict[str, Path]) -> None:
        self._modules = known
        self.names: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        """Leave out ``if TYPE_CHECKING:``."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """``import a.b``."""
        self.names |= {alias.name for alias in node.names if alias.name in self._modules}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from a import b``, where b may be a module itself."""
        assert node.level == 0, "imports are absolute"
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            self.names |= {inner if inner in self._modules else str(node.module)} & self._modules.keys()


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of modules that reach each other."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    reach = {name: reached(name) for name in graph}
    return {frozenset(m for m in reach[name] if name in reach[m]) for name in graph if name in reach[name]}


def test_modules_do_not_import_each_other_in_circles() -> None:
    paths = modules()
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        visitor = ImportedModules(paths)
        visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
        graph[name] = visitor.names - {name}
    assert len(graph) > 100
    assert [sorted(circle) for circle in circles(graph)] == []


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {frozenset({"b", "c"})}


def test_callables_have_few_parameters() -> None:
    long_lists = []
    for name, path in modules().items():
        if name in NETWORKS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
                count = len(arguments) - (arguments[:1] in (["self"], ["cls"]))
                long_lists += [f"{name}.{node.name}"] if count > MOST_PARAMETERS else []
    assert sorted(long_lists) == []
