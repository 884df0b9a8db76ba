"""gasp_plugins: listing with the broken ones, showing, checking, beginning a new cue, exit codes, light start."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gazenet.cli.plugins import main
from gazenet.cues.registry import EXTRACTORS
from gazenet.errors import UsageError
from gazenet.plugins.template import write_template
from gazenet.testing.fakes import write_distribution

BUNDLED = ("active_speaker", "facial_expression", "gaze_direction", "gaze_following", "saliency")
GOOD = """
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec, Needs, WindowSpec
SPEC = ExtractorSpec(
    name="glow_in_tests", summary="Glows", cue="other", implementation="glow_impl:Glow", version="7",
    window=WindowSpec(before=3, after=2, stride=4), input=InputSpec(height=20, width=30, keep_aspect=True),
    needs=Needs(faces=True, face_crops=64, maps=("saliency",)), assets=("glow_weights",), neutral=0.25,
    parameters={"base": 0.5}, licence="BSD", paper="On glowing", bibtex="@article{glow}",
)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed distributions: one plugin that works and one that does not."""
    folder = tmp_path / "site"
    modules = {"glow_in_tests_spec": GOOD, "broken_in_tests": "import nothing_of_this_name\n"}
    write_distribution(folder, "glow-dist", {EXTRACTORS: {"glow_in_tests": "glow_in_tests_spec:SPEC"}}, modules)
    write_distribution(folder, "broken-dist", {EXTRACTORS: {"broken_plugin": "broken_in_tests:SPEC"}})
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_list_shows_all_and_why_some_cannot_be_used(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["KIND", "NAME", "VERSION", "SUMMARY", "PACKAGE"]
    assert {line.split()[1] for line in lines[1:] if line.startswith("extractor")} >= {*BUNDLED, "glow_in_tests"}
    (broken,) = [line for line in lines if line.startswith("extractor broken_plugin")]
    assert "broken-dist 1.0" in broken and "No module named 'nothing_of_this_name'" in broken


def test_list_of_sound_plugins_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    kinds = {"extractor", "face", "landmark", "integrator", "sink", "reader", "recipe"}
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == {"KIND", *kinds}
    assert main(["list", "--kind", "face_detector"]) == 0
    assert all(line.startswith(("KIND", "face detector")) for line in capsys.readouterr().out.splitlines())


def test_list_for_machines(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    found = {one["name"]: one for one in told["extractors"]}
    assert found["glow_in_tests"]["window"] == {"before": 3, "after": 2, "stride": 4, "edge": "clamp"}
    assert found["glow_in_tests"]["distribution"] == "glow-dist 1.0"
    (error,) = told["errors"]
    assert (error["name"], error["distribution"]) == ("broken_plugin", "broken-dist 1.0")
    assert told["warnings"] == []


@pytest.mark.parametrize(
    ("arguments", "rows"),
    [
        (["show", "embedded"], {"kind": "integrator", "smoothing": "30"}),
        (["show", "published"], {"kind": "sink", "files": '["published.json"]', "live": "true"}),
        (["show", "diem"], {"kind": "reader", "implementation": "gazenet.data.diem:Diem"}),
        (["show", "stsanet", "--kind", "recipe"], {"kind": "recipe"}),
    ],
)
def test_show_knows_all_kinds(arguments: list[str], rows: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    out = capsys.readouterr().out
    shown = {line.split("  ")[0]: line.partition("  ")[2].strip() for line in out.splitlines() if "  " in line}
    assert rows.items() <= shown.items()


@pytest.mark.parametrize(
    "names", [["maps", "attention", "report"], ["embedded"], ["diem", "coutrot1"], ["centerface"]]
)
def test_what_comes_with_the_package_passes_its_checks(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *names]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out.splitlines()[-1] == "all passed"


def test_show_tells_everything_that_is_declared(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "glow_in_tests"]) == 0
    out = capsys.readouterr().out
    rows = {line.split("  ")[0]: line.partition("  ")[2].strip() for line in out.splitlines() if "  " in line}
    assert rows["version"] == "7" and rows["licence"] == "BSD" and rows["paper"] == "On glowing"
    assert rows["window"] == "3 frames before, 2 after; runs on one frame of 4, linear between"
    assert rows["needs"] == "faces, face crops of 64 x 64, maps of saliency"
    assert rows["assets"] == "glow_weights" and rows["input"] == "RGB inside 20 x 30" and rows["neutral"] == "0.25"
    assert json.loads(rows["parameters"]) == {"base": 0.5}
    assert out.endswith("@article{glow}\n")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (
            ["show", "salience"],
            2,
            "unknown plugin 'salience'; did you mean the extractor 'saliency'? (gasp_",
        ),
        (["check", "saliency", "qqq"], 2, "unknown plugin 'qqq' (gasp_plugins list"),
        (["show", "broken_plugin"], 1, "extractor 'broken_plugin' of broken-dist 1.0 cannot be used: "),
        (["new", "Not-A-Name"], 2, "'Not-A-Name': a plugin's name is lower case"),
        (["new", "maps", "--kind", "sink"], 2, "sink 'maps' is installed already"),
        (["new", "mine", "--kind", "recipe"], 2, "--kind recipe: there is no template; kinds: extractor, integrator"),
        (["list", "--kind", "sinks"], 2, "--kind sinks: not a kind of plugin"),
        (["show", "stsanet"], 2, "add --kind extractor or recipe"),
        (["new", "saliency"], 2, "extractor 'saliency' is installed already"),
        ([], 2, "COMMAND"),
        (["lst"], 2, "lst"),
        (["check"], 2, "NAME"),
    ],
)
def test_refusals_are_one_line(
    site: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, reason: str
) -> None:
    try:
        found = main(arguments)
    except SystemExit as end:
        found = int(end.code or 0)
    out, err = capsys.readouterr()
    assert (found, out) == (code, "")
    assert reason in err and err.startswith("gasp_plugins") and err.count("\n") == 1


CHECKED = """
import torch
from gazenet.cues.extractor_spec import ExtractorSpec, InputSpec
from gazenet.cues.extractor import CueMaps

class Flat:
    spec = ExtractorSpec(name="{name}", summary="", cue="other", implementation="x:Y", assets={assets})
    def load(self, device, dtype, asset_path):
        for asset in self.spec.assets:
            asset_path(asset)
    def begin(self, video):
        pass
    def extract(self, windows):
        return CueMaps(torch.full((len(windows), *windows.map_size), {value}))
"""


def install_flat(site: Path, name: str, value: float, assets: tuple[str, ...] = ()) -> None:
    source = CHECKED.format(name=name, value=value, assets=assets)
    write_distribution(site, f"dist-{name}", {EXTRACTORS: {name: f"{name}_module:Flat"}}, {f"{name}_module": source})


def test_check_runs_the_kit(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install_flat(site, "flat_sound", 0.5)
    assert main(["check", "flat_sound"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 12 and lines[-1] == "all passed"
    assert all(line.startswith("pass  flat_sound  ") for line in lines[:-1])


def test_check_says_what_is_wrong(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install_flat(site, "flat_wrong", 1.5)
    assert main(["check", "flat_wrong"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "FAIL  flat_wrong  gives one map per frame  flat_wrong: frame 0: the map spans 1.5 to 1.5" in lines[1]
    assert lines[-1].endswith(" failed")


def test_check_without_weights_is_a_wrong_request(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install_flat(site, "flat_weighty", 0.5, assets=("weights_of_nobody",))
    assert main(["check", "flat_weighty"]) == 2
    assert "weights_of_nobody" in capsys.readouterr().err


def test_new_writes_a_package_and_never_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my_cue"]) == 0
    out = capsys.readouterr().out
    files = sorted(path.name for path in (tmp_path / "my_cue").iterdir())
    assert files == ["README.md", "gazenet_my_cue.py", "setup.py", "test_my_cue.py"]
    assert "gasp_plugins check my_cue" in out
    (tmp_path / "my_cue" / "setup.py").write_text("mine")
    assert main(["new", "my_cue"]) == 2
    assert (tmp_path / "my_cue" / "setup.py").read_text() == "mine"
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["none", "true", "class", "a", "x1_y2", "two__lines"])
@pytest.mark.parametrize("noun", ["extractor", "integrator", "sink", "reader"])
def test_any_good_name_gives_valid_python(tmp_path: Path, name: str, noun: str) -> None:
    for file in write_template(name, tmp_path, noun):
        if file.suffix == ".py":
            ast.parse(file.read_text())


@pytest.mark.parametrize("name", ["", "1a", "_a", "A", "ä", "a-b", "a b", "../a"])
def test_bad_names_write_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        write_template(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_cue_passes_its_own_test(tmp_path: Path) -> None:
    """As a folder on the path; tests of the showcase install one for real."""
    write_template("my_glow", tmp_path)
    write_distribution(tmp_path, "gazenet-my-glow", {EXTRACTORS: {"my_glow": "gazenet_my_glow:MyGlowCue"}})
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_my_glow.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "setup.py").read_text().count("my_glow = gazenet_my_glow:MyGlowCue") == 1


@pytest.mark.parametrize(
    "arguments", [["list"], ["list", "--json"], ["show", "saliency"], ["--help"], ["check", "-h"]]
)
def test_looking_imports_nothing_heavy(arguments: list[str]) -> None:
    probe = (
        "import sys\nfrom gazenet.cli.plugins import main\ntry:\n    code = main(sys.argv[1:])\n"
        "except SystemExit as end:\n    code = end.code\n"
        "print(code, [m for m in ('torch', 'cv2', 'lightning', 'av', 'onnxruntime', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("0 []\n")


def test_help_teaches_by_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    out = capsys.readouterr().out
    for command in ("list", "show saliency", "check saliency", "new my_cue"):
        assert f"  gasp_plugins {command}" in out
