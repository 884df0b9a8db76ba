"""Pages for readers: their links lead somewhere, and what they say to type exists."""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from gazenet.config.inference import InferConfig
from gazenet.config.load import config_summaries, load_config, validate
from gazenet.cues.registry import discover, get
from gazenet.fusion.gasp_spec import GaspSpec

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES += [path for folder in ("docs", "plugins", "datasets", "configs") for path in (ROOT / folder).rglob("*.md")]
OF_NETWORKS = {"deeplab": "deeplab_saliency", "st_abn": "st_abn", "stanet": "stanet"}


def anchors(page: Path) -> set[str]:
    """What headings of a page are called in links."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize(("name", "extractor"), OF_NETWORKS.items())
def test_the_page_of_a_network_runs_it_beside_others(name: str, extractor: str) -> None:
    text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    config = validate(InferConfig, json.loads(block), f"docs/{name}.md")
    names = [one.name for one in config.extractors]
    assert extractor in names and len(names) > 1 and set(names) <= set(discover().usable)
    for one in config.extractors:
        discover().usable[one.name].spec.with_parameters(one.parameters)
    used = re.findall(r"--train_config (\w+)", text)
    assert used and set(used) <= {*config_summaries("train"), "stanet_"}
    assert f"(docs/{name}.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_first_config_of_the_readme_is_one_that_runs() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    config = validate(InferConfig, json.loads(block), "README.md")
    assert config.integrator is not None
    names = [extractor.name for extractor in config.extractors]
    integrator = get(config.integrator.name, "gazenet.integrators", GaspSpec).spec
    assert set(integrator.cues) <= set(names) <= set(discover().usable)


@pytest.mark.parametrize("line", re.findall(r"^gasp_infer .*--set .*$", README, re.MULTILINE))
def test_the_values_that_the_readme_sets_are_accepted(line: str) -> None:
    words = shlex.split(line, comments=True)
    name = words[words.index("--infer_config") + 1] if "--infer_config" in words else "default"
    sets = [word for word in words[words.index("--set") + 1 :] if re.match(r"[\w.]+=", word)]
    assert sets and load_config("infer", name, sets)


@pytest.mark.parametrize("command", sorted(set(re.findall(r"\bgasp_\w+", README))))
def test_the_options_that_the_readme_names_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    (point,) = entry_points(group="console_scripts", name=command)
    with pytest.raises(SystemExit) as end:
        point.load()(["--help"])
    text = capsys.readouterr().out
    uses = re.findall(rf"{command}\b([^`\n]*)", README)
    options = {option for use in uses for option in re.findall(r"--[a-z_]+", use)}
    assert end.value.code == 0 and sorted(option for option in options if option not in text) == []
