"""Every installed training config is what its recipe says a config is."""

from __future__ import annotations

import pytest

from gazenet.config.load import config_names
from gazenet.training.recipe_loading import find_recipe, installed_recipes


@pytest.mark.parametrize("name", config_names("train"))
def test_an_installed_config_is_valid_and_describes_itself(name: str) -> None:
    assert find_recipe(name).config().summary


def test_every_recipe_is_whole_and_its_implementation_can_be_imported() -> None:
    recipes = installed_recipes()
    assert not recipes.errors and not recipes.warnings
    for entry in recipes.usable.values():
        assert callable(entry.load().train)  # type: ignore[attr-defined]
