"""The shape of the tree: small modules, documented folders, nothing that belongs elsewhere."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES, MAX_FUNCTION_LINES = 400, 60
SOURCES = sorted(
    path for top in ("gazenet", "plugins", "configs", "datasets", "benchmarks") for path in (ROOT / top).rglob("*.py")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module_is_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    tree = ast.parse(text)
    if tree.body:
        assert ast.get_docstring(tree), "the module has no docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, f"{node.name} is too long"


def test_every_source_folder_is_a_package() -> None:
    assert len(SOURCES) > 20
    missing = {path.parent for path in SOURCES if not (path.parent / "__init__.py").exists()}
    assert {folder.relative_to(ROOT).parts[0] for folder in missing} <= {"benchmarks"}


def test_test_files_have_unique_names() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_no_large_file_but_weights_is_committed() -> None:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in done.stdout.split("\0") if name]
    large = [path.name for path in files if path.is_file() and path.stat().st_size > 5_000_000]
    assert [name for name in large if not name.endswith(".safetensors")] == []


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_links_and_named_files_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    named = re.findall(r"`((?:gazenet|configs|tests|docs|plugins)/[A-Za-z0-9_./-]+)`", text)
    missing = [name for name in linked if not (ROOT / page).parent.joinpath(name).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert missing == []
