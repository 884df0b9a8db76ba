"""Extractors as one Python file with their weights beside it, made from the source of several modules.

Definitions are found by the names that they read and written in the order in which their modules would be imported.
Names from other packages (torch, numpy) are imported at the top of the file.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import torch

from gazenet import __version__
from gazenet.cues.extractor import AssetPath
from gazenet.cues.registry import get
from gazenet.cues.standalone import Standalone
from gazenet.errors import UsageError
from gazenet.files import write_bytes
from gazenet.overwrite_check import OutputTarget, named_files, refuse_overwriting

OURS = "gazenet"
MAIN = "__main__"

Origin = tuple[str, str]
"""A module and a name in it; an empty name stands for the module itself."""


def write_standalone(name: str, parameters: Mapping[str, object], folder: Path, asset_path: AssetPath) -> list[Path]:
    """Write the file of an extractor and the files beside it into a folder; return their paths, the file first.

    Args:
        name: of the extractor.
        parameters: changes of the parameters in its spec, such as ``weights``.
        folder: created if it does not exist; files of these names are replaced.
        asset_path: finds declared weights.

    Raises UsageError for an unknown extractor or parameter, an extractor without such a form, and a folder that cannot
    be written.
    """
    entry = get(name)
    extractor = entry.load()(**entry.spec.with_parameters(parameters))
    if not callable(getattr(extractor, "standalone", None)):
        raise UsageError(f"{name}: has no standalone form (docs/export.md says how to add one); use --format onnx")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; --format standalone writes a folder")
    extractor.load(torch.device("cpu"), torch.float32, asset_path)
    lent: Standalone = extractor.standalone()
    contents = {lent.file: python_file(lent).encode(), **lent.beside}
    refuse_overwriting([OutputTarget(folder / file, "--output") for file in contents], named_files(parameters))
    try:
        for file, content in reversed(contents.items()):
            write_bytes(folder / file, content)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); choose another --output") from None
    return [folder / file for file in contents]


def python_file(lent: Standalone) -> str:
    """Return the text of the file. Raises UsageError where the definitions cannot be put into one file."""
    try:
        text = Bundle(lent.offered, lent.replaced).text(f"{lent.summary}\n\nWritten by gazenet {__version__} (MIT).\n")
        compile(text, lent.file, "exec")
    except (ValueError, SyntaxError) as error:
        raise UsageError(f"{lent.file}: cannot be written: {error}") from None
    return text


@dataclass
class Source:
    """A module: definition, text and origin of its top-level names, those that are taken, and modules it needs."""

    defined: dict[str, ast.stmt] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    imported: dict[str, Origin] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    needs: dict[str, None] = field(default_factory=dict)


class Bundle:
    """The definitions that ``offered`` ones (``module:Name``) need.

    ``replaced``: definitions (``module:Name``) in whose place others of the same name are taken, such as a reader of
    files that only one file needs. Raises ValueError for two definitions of one name, and for modules of ours that are
    imported as modules or inside functions.
    """

    def __init__(self, offered: Sequence[str], replaced: Mapping[str, str] | None = None) -> None:
        self._ours = {OURS, *(place.partition(".")[0] for place in offered)}
        self._replaced = {_origin(place): _origin(other) for place, other in (replaced or {}).items()}
        self._sources: dict[str, Source] = {}
        self._outside: dict[str, Origin] = {}
        self._homes: dict[str, str] = {}
        self._offered = [_origin(place) for place in offered]
        for module, name in self._offered:
            self._take(module, name)

    def text(self, summary: str) -> str:
        """Return the file; ``summary`` is its docstring."""
        order: dict[str, None] = {}
        for module, _ in self._offered:
            self._visit(module, order, set())
        sources = [self._sources[module] for module in order if module in self._sources]
        texts = [dict.fromkeys(text for name, text in s.texts.items() if name in s.taken) for s in sources]
        head = [f'"""{summary}"""', "from __future__ import annotations", _statements(self._outside)]
        return "\n\n\n".join([*head, *(text for part in texts for text in part)]) + "\n"

    def _visit(self, module: str, order: dict[str, None], begun: set[str]) -> None:
        """Append a module to ``order``, after the modules that it needs."""
        if module in begun:
            return
        begun.add(module)
        for other in self._sources[module].needs if module in self._sources else ():
            self._visit(other, order, begun)
        order[module] = None

    def _take(self, module: str, name: str) -> None:
        """Take what ``name`` stands for in a module of ours, and all that it reads."""
        source = self._source(module)
        origin = self._replaced.get((module, name)) or source.imported.get(name)
        if origin is not None:
            self._follow(module, name, origin)
        elif name in source.defined and name not in source.taken:  # neither a builtin nor local
            home = self._homes.setdefault(name, module)
            if home != module and self._sources[home].texts[name] != source.texts[name]:
                raise ValueError(f"{name} is defined in {home} and in {module}: one file can hold one of them")
            if home == module:
                source.taken.add(name)
            for used in _names(source.defined[name], self._ours, module):
                self._take(module, used)

    def _follow(self, module: str, name: str, origin: Origin) -> None:
        """Take the ``name`` of a module that comes from another one."""
        if origin[0].partition(".")[0] not in self._ours:
            if self._outside.setdefault(name, origin) != origin:
                raise ValueError(f"{name} is imported from {self._outside[name][0]} and from {origin[0]}")
        elif origin[1] != name:
            raise ValueError(f"{module} imports {origin[0]} as {name}: import what is needed by its own name")
        else:
            self._source(module).needs[origin[0]] = None
            self._take(*origin)

    def _source(self, module: str) -> Source:
        if module not in self._sources:
            spec = find_spec(module)
            if spec is None or spec.origin is None:
                raise ValueError(f"{module}: no such module")
            self._sources[module] = _read(Path(spec.origin).read_text(encoding="utf-8"))
        return self._sources[module]


def _origin(place: str) -> Origin:
    module, _, name = place.partition(":")
    return module, name


def _read(text: str) -> Source:
    """Parse a module. Texts include decorators, the comments above and the docstring below a definition."""
    source, lines, names, first = Source(), text.splitlines(), list[str](), 0
    for node in ast.parse(text).body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            source.texts.update(dict.fromkeys(names, "\n".join(lines[first : node.end_lineno])))
        names = _defined(node)
        first = min([node.lineno, *(part.lineno for part in getattr(node, "decorator_list", []))]) - 1
        while first and lines[first - 1].startswith("#"):
            first -= 1
        source.defined.update(dict.fromkeys(names, node))
        source.texts.update(dict.fromkeys(names, "\n".join(lines[first : node.end_lineno])))
        source.imported.update(_imported(node))
    return source


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
    return [MAIN] if isinstance(node, ast.If) and MAIN in ast.unparse(node.test) else []


def _imported(node: ast.AST) -> Iterator[tuple[str, Origin]]:
    """Yield the names that an import binds, also one for type checkers, and their origins."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for inner in node.body:
            yield from _imported(inner)
    elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
        yield from ((alias.asname or alias.name, (node.module or "", alias.name)) for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from ((alias.asname or alias.name.partition(".")[0], (alias.name, "")) for alias in node.names)


def _names(node: ast.stmt, ours: set[str], module: str) -> dict[str, None]:
    """Return the names that a definition reads, its annotations included."""
    for _, (other, _) in (name for inner in ast.walk(node) for name in _imported(inner)):
        if other.partition(".")[0] in ours:
            raise ValueError(f"{module}: imports {other} inside a function; import it at the top")
    loads = (part for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load))
    return dict.fromkeys(part.id for part in loads)


def _statements(outside: Mapping[str, Origin]) -> str:
    """Return the imports: modules first, then names."""
    plain, members = list[str](), dict[str, list[str]]()
    for local, (module, name) in outside.items():
        # ``import a.b`` binds ``a``.
        bound = name or module
        bound += "" if local in (bound, module.partition(".")[0]) else f" as {local}"
        if name:
            members.setdefault(module, []).append(bound)
        else:
            plain.append(f"import {bound}")
    froms = [f"from {module} import {', '.join(sorted(members[module]))}" for module in sorted(members)]
    return "\n".join([*sorted(plain), *froms])
