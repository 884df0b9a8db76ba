"""docs/architecture.md against the tree: every place that it names is where it says."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Where things happen\n")[2].partition("\n## ")[0]
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|")) for line in SECTION.splitlines() if line[:1] == "|"
][2:]
NEWCOMERS = (
    *(
        "frame decoded",
        "linked over frames",
        "attention.csv",
        "--set",
        "loop over the frames",
        "learning-rate schedule",
    ),
    *("GASPExp002", "NMS", "tensor of the network", "fingerprint", "metrics.csv", "onnxruntime"),
)
"""What people who are new to the code ask first."""
PROSE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def names_in(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """The names that statements define, with their definitions."""
    names: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id: node for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return names


def defines(file: Path, name: str) -> bool:
    """Whether a module defines ``name``, or a class of it the member ``Class.name``."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for part in name.split("."):
        node = names_in(body).get(part)
        if node is None:
            return False
        body = node.body if isinstance(node, ast.ClassDef) else []
    return True


def resolves(dotted: str) -> bool:
    """Whether ``package.module.Name`` is a package, a module, or a name that one defines or lists."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.exists():
            name = ".".join(parts[count:])
            return not name or defines(file, name) or f'"{name}"' in file.read_text(encoding="utf-8")
    return False


@pytest.mark.parametrize(("question", "file", "name"), ROWS, ids=[row[0] for row in ROWS])
def test_it_happens_where_the_page_says(question: str, file: str, name: str) -> None:
    path = ROOT / file.strip("`")
    assert path.is_file(), f"{question} {file} is not there"
    assert defines(path, name.strip("`")), f"{question} {file} defines no {name}"


@pytest.mark.parametrize("words", NEWCOMERS)
def test_the_questions_of_newcomers_are_answered(words: str) -> None:
    assert sum(words in question or words in file for question, file, _ in ROWS) == 1


def test_the_rooms_are_those_of_the_import_rules() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    layers = rules["importlinter:contract:rooms"]["layers"].replace("gazenet.", "").strip().splitlines()
    block = re.search(r"```\n(cli\n.*?)```", PAGE, re.DOTALL)
    assert block and block[1].splitlines() == [layer.strip() for layer in layers]
    named = set(re.findall(r"`gazenet\.([\w.]+)`", PAGE.partition("## Rooms")[2].partition("\n## ")[0]))
    folders = {path.name for path in (ROOT / "gazenet").iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in (ROOT / "gazenet").glob("*.py")} - {"__init__"}
    assert folders | modules <= {name.partition(".")[0] for name in named}


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_modules_that_a_page_names_exist(page: Path) -> None:
    groups = set(re.findall(r'"(gazenet\.\w+)"\]', (ROOT / "pyproject.toml").read_text(encoding="utf-8")))
    named = set(re.findall(r"\bgazenet\.[a-z_]+(?:\.\w+)*", page.read_text(encoding="utf-8"))) - groups
    assert sorted(name for name in named if not resolves(name)) == []
