"""The recipe ``gasp``: an integrator is trained by ``gasp_train``. Data only."""

from __future__ import annotations

from gazenet.config.training import TrainConfig
from gazenet.training.recipe_spec import DEFAULT_RECIPE, RecipeSpec

SPEC = RecipeSpec(
    name=DEFAULT_RECIPE,
    summary="The integrator, which fuses cue maps into one map (configs without the key)",
    config=TrainConfig,
    implementation="gazenet.recipes.gasp.gasp_run:GaspTraining",
    paper="Abawi, Weber, Wermter, GASP: Gated Attention for Saliency Prediction, IJCAI 2021",
)
