"""docs/promises.md and the marks of the tests say the same."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "promises.md"


def promised() -> dict[str, set[str]]:
    """Promise -> the tests that the page names for it."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines() if "::" in line]
    return {row[0]: set(re.findall(r"`(tests/\S+::\w+)`", row[-1])) for row in rows if len(row) == 3}


def marked() -> dict[str, set[str]]:
    """Promise -> the tests that carry its mark, wherever they are."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text("utf-8")
        if "mark.promise(" not in text:
            continue
        for node in ast.parse(text).body:
            for mark in getattr(node, "decorator_list", ()):
                if ast.unparse(mark).startswith("pytest.mark.promise("):
                    assert isinstance(node, ast.FunctionDef) and node.name.startswith("test_"), f"{path}: {node}"
                    name = ast.literal_eval(mark.args[0])
                    found.setdefault(name, set()).add(f"{path.relative_to(ROOT).as_posix()}::{node.name}")
    return found


def test_twelve_promises_have_tests_that_name_them() -> None:
    page = promised()
    assert len(page) == 12 and all(page.values())
    assert marked() == page
