"""The container of the GPU environment: it asks for what the package has, and copies all that the package is."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
STATEMENTS = [
    (line.partition(" ")[0], line.partition(" ")[2].strip())
    for line in re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    if line.strip() and not line.startswith("#")
]


def of(keyword: str) -> list[str]:
    return [rest for one, rest in STATEMENTS if one == keyword]


def argument(name: str) -> str:
    return next(rest.partition("=")[2] for rest in of("ARG") if rest.startswith(f"{name}="))


def declared(name: str) -> Any:
    """A constant of setup.py."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return ast.literal_eval(node.value)
    raise KeyError(name)


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def copied() -> list[str]:
    return [source for rest in of("COPY") for source in shlex.split(rest)[:-1]]


def test_every_statement_is_one_that_docker_knows() -> None:
    assert {keyword for keyword, _ in STATEMENTS} <= {"ARG", "FROM", "RUN", "ENV", "WORKDIR", "COPY", "USER", "CMD"}
    assert [keyword for keyword, _ in STATEMENTS][:2] == ["ARG", "FROM"]
    assert of("FROM") == ["nvidia/cuda:${CUDA}"]


def test_extras_exist() -> None:
    extras = argument("EXTRAS").split(",")
    assert (
        set(extras) <= set(PROJECT["optional-dependencies"]) and "export" in extras and len(extras) == len(set(extras))
    )
    assert any('".[${EXTRAS}]"' in run for run in of("RUN"))


def test_torch_is_the_version_of_the_makefile() -> None:
    pinned = re.search(r"^TORCH := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert pinned and argument("TORCH") == pinned[1]


def test_the_whole_package_is_copied_and_nothing_of_it_ignored() -> None:
    folders = {"gazenet", *declared("MAPPED").values()}
    assert folders <= set(copied()) and {"setup.py", "constraints.txt", "README.md"} <= set(copied())
    assert [name for name in copied() if not (ROOT / name).exists()] == []
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*" and {rule[1:] for rule in rules if rule.startswith("!")} == set(copied())


@pytest.mark.parametrize("name", [".git", ".venv", "runs", "demo", "tests"])
def test_what_is_not_the_package_stays_outside(name: str) -> None:
    kept = True
    for rule in (ROOT / ".dockerignore").read_text().splitlines():
        if fnmatch(name, rule.removeprefix("!")):
            kept = rule.startswith("!")
    assert not kept


def test_it_does_not_run_as_root_and_calls_commands_that_exist() -> None:
    users = of("USER")
    assert users and users[-1] not in ("root", "0")
    last_user = max(k for k, (keyword, _) in enumerate(STATEMENTS) if keyword == "USER")
    assert not any(keyword == "RUN" for keyword, _ in STATEMENTS[last_user:])
    assert any(f"useradd --create-home {users[-1]}" in run for run in of("RUN"))
    called = set(re.findall(r"\bgasp_\w+", (ROOT / "Dockerfile").read_text()))
    assert called and called <= set(PROJECT["scripts"])
