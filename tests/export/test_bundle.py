"""One file from parts of several modules: it has what is used, in an order that runs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gazenet.cli import export
from gazenet.cues.standalone import Standalone
from gazenet.errors import UsageError
from gazenet.export.single_file import Bundle, python_file

MODULES = {
    "__init__": "from mine.base import Base\n",
    "base": '''
import math
from collections import deque as queue

LIMIT, UNUSED = 3, 4
"""How many."""
# Why it is so.
@staticmethod
def decorated(): return LIMIT

class Base:
    def area(self, r: float) -> float:
        return math.pi * r**2

def unused(): return queue()
''',
    "top": """
from __future__ import annotations
from typing import TYPE_CHECKING
import json
from mine import Base
from mine.base import LIMIT, unused
from mine.settings import chosen

if TYPE_CHECKING:
    from fractions import Fraction

class Top(Base):
    limit = LIMIT
    def rounded(self, part: Fraction = 1) -> int:
        return round(self.area(part)) + chosen()

if __name__ == "__main__":
    print(Top().rounded(2), Top.limit)
""",
    "settings": "import json\ndef chosen() -> int:\n    return json.loads('5')\n",
    "fixed": "def chosen() -> int:\n    return 100\n",
    "clash": "from mine.top import Top\nclass Base: ...\nclass Both(Top, Base): ...\n",
    "inside": "def late():\n    from mine.base import Base\n    return Base\n",
    "renamed": "from mine.base import LIMIT as MOST\ndef most(): return MOST\n",
    "whole": "import mine.base\ndef most(): return mine.base.LIMIT\n",
    "two": "from mine.json_user import other\nimport json as used\ndef both(): return used, other\n",
    "json_user": "import math as used\nother = used.pi\n",
}


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site" / "mine"
    folder.mkdir(parents=True)
    for name, text in MODULES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder.parent))
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        monkeypatch.delitem(sys.modules, name)


def run(text: str, folder: Path) -> str:
    (folder / "alone.py").write_text(text)
    done = subprocess.run([sys.executable, "-I", folder / "alone.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_used_is_taken_and_runs_alone(tmp_path: Path) -> None:
    text = Bundle(["mine.top:Top", "mine.top:__main__"]).text("Alone.")
    assert run(text, tmp_path) == "18 3\n"
    assert text.startswith('"""Alone."""\n')
    assert '"""How many."""' in text and "from fractions import Fraction" in text
    for absent in ("unused", "queue", "mine", "decorated", "TYPE_CHECKING"):
        assert absent not in text
    assert text.count("LIMIT, UNUSED = 3, 4") == 1


def test_comments_and_decorators_come_along() -> None:
    text = Bundle(["mine.base:decorated"]).text("")
    assert "# Why it is so.\n@staticmethod\ndef decorated" in text


def test_definitions_may_be_replaced(tmp_path: Path) -> None:
    offered = ["mine.top:Top", "mine.top:__main__"]
    text = Bundle(offered, {"mine.settings:chosen": "mine.fixed:chosen"}).text("")
    assert run(text, tmp_path) == "113 3\n" and "json" not in text
    text = Bundle(offered, {"mine.base:Base": "types:SimpleNamespace"}).text("")
    assert "from types import SimpleNamespace as Base" in text and "pi" not in text


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        ("mine.clash:Both", "Base is defined in mine.base and in mine.clash"),
        ("mine.inside:late", "mine.inside: imports mine.base inside a function"),
        ("mine.renamed:most", "mine.renamed imports mine.base as MOST"),
        ("mine.two:both", "used is imported from"),
        ("mine.nowhere:most", "mine.nowhere: no such module"),
        ("mine.whole:most", "mine.whole imports mine.base as mine"),
    ],
)
def test_what_cannot_be_one_file_is_said(offered: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"alone.py: cannot be written: .*{said}"):
        python_file(Standalone("alone.py", "", (offered,), {}))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tased"], "tased: has no standalone form"),
        (["embedded"], "embedded: is an integrator; --format standalone writes only extractors"),
        (["deeplab_saliency", "--batch", "1"], "--batch: only for onnx and tensorrt"),
        (["deeplab_saliency", "--precision", "fp16"], "--precision: only for onnx and tensorrt"),
        (["deeplab_saliency", "--weights", "none.pth"], "none.pth: no such file"),
        (["deeplab_saliency", "--output", "file"], "file: is a file; --format standalone writes a folder"),
        (["gaze_direction"], "gaze_direction: has no standalone form"),
        (["deeplab"], "unknown extractor 'deeplab'"),
    ],
)
def test_refusals_of_the_command(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert export.main([*arguments, "--format", "standalone"]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert not (tmp_path / "deeplab_saliency").exists()
