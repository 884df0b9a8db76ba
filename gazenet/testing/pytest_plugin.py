"""The pytest side of the conformance kit: a test with an argument ``gazenet_extractor`` runs once per extractor.

The argument is the :class:`gazenet.cues.registry.PluginEntry` of an installed extractor. ``--gazenet-extractor NAME``
(repeatable) narrows the choice. Loaded with every pytest run where gazenet is installed, hence no heavy imports.
"""

from __future__ import annotations

import pytest

OPTION = "--gazenet-extractor"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that narrows the choice of extractors."""
    group = parser.getgroup("gazenet")
    group.addoption(
        OPTION,
        dest="gazenet_extractor",
        action="append",
        default=[],
        metavar="NAME",
        help="run tests with the argument gazenet_extractor for this extractor only (repeatable)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test one run per installed extractor, or per extractor that the option names."""
    if "gazenet_extractor" not in metafunc.fixturenames:
        return
    from gazenet.cues.registry import discover, get
    from gazenet.errors import GazenetError

    wanted: list[str] = metafunc.config.getoption("gazenet_extractor")
    try:
        entries = [get(name) for name in wanted] if wanted else list(discover().usable.values())
    except GazenetError as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.parametrize("gazenet_extractor", entries, ids=[entry.name for entry in entries])
