"""Discovery over made-up distributions: what works is found, what does not is told, nothing hides anything else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gazenet.cues.extractor_spec import ExtractorSpec
from gazenet.cues.registry import EXTRACTORS, discover, get, noun_of
from gazenet.errors import PluginError, UsageError
from gazenet.guard.exception_text import first_line_of
from gazenet.plugin_registry import PluginSpec, installed_names
from gazenet.testing.fakes import write_distribution

GROUP = "gazenet.made_up_things"
SPEC_SOURCE = """
from gazenet.cues.extractor_spec import ExtractorSpec
SPEC = ExtractorSpec(name={name!r}, summary="x", cue="other", implementation="{module}_impl:Thing", api_version={api})
"""
METHODS = (
    "    def load(self, device, dtype, asset_path): pass\n"
    "    def begin(self, video): pass\n    def extract(self, windows): pass\n"
)
IMPLEMENTATION = f"class Thing:\n{METHODS}"

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs a distribution whose one plugin has its spec in a module of its own."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(
        distribution: str,
        name: str,
        source: str | None = None,
        *,
        value: str | None = None,
        implementation: str = IMPLEMENTATION,
        spec_name: str | None = None,
        api: int = 1,
    ) -> None:
        module = f"made_up_{distribution.replace('-', '_')}_{tmp_path.name.replace('-', '_')}"
        text = SPEC_SOURCE.format(name=spec_name or name, module=module, api=api) if source is None else source
        points = {GROUP: {name: value or f"{module}:SPEC"}}
        write_distribution(tmp_path, distribution, points, {module: text, f"{module}_impl": implementation})

    return write


def test_a_spec_is_found_and_its_implementation_imported_on_use(install: Install) -> None:
    install("lone", "glow")
    entry = get("glow", GROUP)
    assert (entry.name, entry.distribution, entry.spec.summary) == ("glow", "lone 1.0", "x")
    implementation = entry.spec.implementation.partition(":")[0]
    assert implementation not in sys.modules
    assert entry.load().__name__ == "Thing"
    assert implementation in sys.modules


def test_a_class_that_carries_its_spec_is_found(install: Install) -> None:
    source = f"""
from gazenet.cues.extractor_spec import ExtractorSpec
class Glow:
    spec = ExtractorSpec(name="glow", summary="x", cue="other", implementation="nowhere:Glow")
{METHODS}
SPEC = Glow
"""
    install("one-file", "glow", source)
    assert get("glow", GROUP).load().__name__ == "Glow"


BROKEN = {
    "import": ("import a_module_that_is_not_there\n", "No module named 'a_module_that_is_not_there'"),
    "syntax": ("def broken(:\n", "SyntaxError"),
    "exit": ("import sys\nsys.exit('no licence')\n", "SystemExit: no licence"),
    "raises": ("raise RuntimeError('first\\nsecond')\n", "RuntimeError: first second"),
    "no such name": ("OTHER = 1\n", "AttributeError"),
    "not a spec": ("SPEC = {'name': 'glow'}\n", "must be an ExtractorSpec or a class whose attribute 'spec' is one"),
    "class without": ("class SPEC:\n    pass\n", "not the class SPEC"),
    "unknown key": (
        "from gazenet.cues.extractor_spec import ExtractorSpec\n"
        "SPEC = ExtractorSpec(name='glow', summary='', cue='other', implementation='a:b', colour='red')\n",
        "Extra inputs are not permitted",
    ),
}


@pytest.mark.promise("plugins are guarded")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_told_and_hides_nobody(install: Install, kind: str) -> None:
    source, reason = BROKEN[kind]
    install("good", "fine")
    install("bad", "glow", source)
    found = discover(GROUP)
    assert list(found.usable) == ["fine"]
    (error,) = found.errors
    assert (error.name, error.distribution) == ("glow", "bad 1.0")
    assert reason in error.message and "\n" not in error.message
    with pytest.raises(PluginError, match=r"made up thing 'glow' of bad 1\.0 cannot be used: "):
        get("glow", GROUP)


def test_two_plugins_of_one_name_are_an_error_that_names_both(install: Install) -> None:
    install("one", "glow")
    install("two", "glow")
    install("three", "fine")
    found = discover(GROUP)
    assert list(found.usable) == ["fine"]
    (error,) = found.errors
    assert "one 1.0" in error.message and "two 1.0" in error.message and error.distribution == "one 1.0, two 1.0"


def test_the_spec_and_the_entry_point_have_one_name(install: Install) -> None:
    install("odd", "glow", spec_name="shine")
    (error,) = discover(GROUP).errors
    assert "'glow'" in error.message and "'shine'" in error.message


def test_a_newer_contract_is_a_warning(install: Install) -> None:
    install("next", "glow", api=2)
    install("same", "fine")
    found = discover(GROUP)
    assert list(found.usable) == ["fine", "glow"] and found.errors == []
    (warning,) = found.warnings
    assert warning.name == "glow" and "version 2" in warning.message


@pytest.mark.parametrize(
    ("implementation", "reason"),
    [("import nothing_there\n", "nothing_there"), ("Thing = 3\n", "is not a class"), ("", "Thing")],
)
def test_an_implementation_that_cannot_be_imported_is_a_plugin_error(
    install: Install, implementation: str, reason: str
) -> None:
    install("late", "glow", implementation=implementation)
    with pytest.raises(PluginError, match=reason) as error:
        get("glow", GROUP).load()
    assert str(error.value).startswith("glow: ")


def test_an_unknown_name_gets_the_nearest_and_the_known(install: Install) -> None:
    install("one", "glow")
    install("two", "shine")
    with pytest.raises(UsageError) as error:
        get("glwo", GROUP)
    assert str(error.value) == "unknown made up thing 'glwo'; did you mean 'glow'? (known: glow, shine)"
    with pytest.raises(UsageError, match=r"unknown made up thing 'qqq' \(known: glow, shine\)"):
        get("qqq", GROUP)


def test_other_groups_have_other_kinds(install: Install) -> None:
    source = "from gazenet.plugin_registry import PluginSpec\nSPEC = PluginSpec(name='writer', implementation='a:B')\n"
    install("other", "writer", source)
    assert get("writer", GROUP, PluginSpec).spec.implementation == "a:B"
    with pytest.raises(PluginError, match="must be an ExtractorSpec or a class whose attribute 'spec' is one"):
        get("writer", GROUP)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("    pass\n", "has no method load(device, dtype, asset_path)"),
        (METHODS.replace("def begin(self, video)", "def start(self, video)"), "has no method begin(video)"),
        (METHODS + "    begin = 3\n", "has no method begin(video)"),
        (
            METHODS.replace("self, windows", "self"),
            "has a method extract(self), which cannot be called as extract(windows)",
        ),
        (METHODS.replace("self, windows", "self, *windows"), ""),
        (METHODS.replace("    def begin(self,", "    @staticmethod\n    def begin("), ""),
    ],
)
def test_members_are_checked_when_the_implementation_is_imported(install: Install, body: str, fault: str) -> None:
    install("lone", "glow", implementation=f"class Thing:\n{body}")
    if not fault:
        assert get("glow", GROUP).load().__name__ == "Thing"
        return
    with pytest.raises(PluginError) as error:
        get("glow", GROUP).load()
    assert str(error.value).startswith("glow: ") and str(error.value).endswith(f":Thing of lone 1.0 {fault}")


def test_an_extractor_that_inherits_lacks_what_it_does_not_have(install: Install) -> None:
    body = "from gazenet.plugins import Extractor\nclass Thing(Extractor):\n"
    install("lone", "glow", implementation=body + "    def load(self, device, dtype, asset_path): ...\n")
    with pytest.raises(PluginError, match=r"has no method extract\(windows\)$"):
        get("glow", GROUP).load()


def test_names_are_listed_without_any_import(install: Install) -> None:
    install("bad", "glow", "raise RuntimeError\n")
    install("good", "fine")
    assert installed_names(GROUP) == ["fine", "glow"]
    assert get("fine", GROUP).name == "fine"


def test_an_empty_group_is_no_error() -> None:
    found = discover("gazenet.nothing_of_the_kind")
    assert (found.usable, found.errors, found.warnings) == ({}, [], [])
    with pytest.raises(UsageError, match="known: none"):
        get("x", "gazenet.nothing_of_the_kind")


def test_nouns_and_lines() -> None:
    assert (noun_of(EXTRACTORS), noun_of("gazenet.face_detectors")) == ("extractor", "face detector")
    assert first_line_of(ValueError("a\n  b")) == "ValueError: a b"
    assert first_line_of(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(first_line_of(ValueError("x" * 1000))) < 320


def test_listing_what_is_installed_imports_nothing_heavy() -> None:
    probe = (
        "import sys; from gazenet.cues.registry import discover; found = discover();"
        "print(sorted(found.usable), found.errors, {'torch', 'cv2', 'lightning', 'av'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[] set()"), done.stdout
    for name in ("active_speaker", "facial_expression", "gaze_direction", "gaze_following", "saliency"):
        assert name in done.stdout


def test_parameters_are_checked_against_the_spec() -> None:
    parameters: dict[str, bool | int | float | str] = {"base": 0.5, "count": 3, "mode": "a", "on": True}
    spec = ExtractorSpec(name="glow", summary="", cue="other", implementation="a:b", parameters=parameters)
    assert spec.with_parameters({}) == parameters
    changed = spec.with_parameters({"base": 1, "mode": "b"})
    assert changed == {**parameters, "base": 1.0, "mode": "b"} and isinstance(changed["base"], float)
    assert spec.parameters["mode"] == "a"
    with pytest.raises(
        UsageError, match=r"glow: unknown parameter 'bsae'; did you mean 'base'\? \(known: base, count"
    ):
        spec.with_parameters({"bsae": 1})
    for wrong in ({"count": 1.5}, {"count": True}, {"base": "0.5"}, {"on": 1}, {"mode": None}):
        with pytest.raises(UsageError, match=f"glow: parameter '{next(iter(wrong))}' must be"):
            spec.with_parameters(wrong)


@pytest.mark.parametrize("implementation", ["module", "module:", ":Class", "module:not a name"])
def test_an_implementation_must_name_a_class(implementation: str) -> None:
    with pytest.raises(ValueError, match=r"must read .package\.module:Class"):
        ExtractorSpec(name="glow", summary="", cue="other", implementation=implementation)
