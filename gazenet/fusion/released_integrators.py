"""The integrators whose weights were released with GASP, by name: data only.

| name | class | frames | cues |
| --- | --- | --- | --- |
| ``seqdamalstmgmu`` | ``SequenceGASPDAMEncALSTMGMUConv`` | 10, temporal norm | all five |
| ``seqdamalstmgmu_110nofer`` | the same | the same | without facial expression |
| ``seqdamalstmgmu_101nogf`` | the same | the same | without gaze following |
| ``seqdamgmualstm`` | ``SequenceGASPDAMEncGMUALSTMConv`` | 10, temporal norm | all five |
| ``damgmu`` | ``GASPDAMEncGMUConv`` | 1 | all five |

They take 120 x 120 coloured pictures as the published extractors make them. How many frames a network takes is told by
its weights. Source: Abawi, Weber, Wermter, IJCAI 2021, and its released inference configurations.
"""

from __future__ import annotations

from gazenet.config.picture_names import EXTRACTOR, published_stems
from gazenet.config.training_experiments import ablated_maps
from gazenet.fusion.gasp_spec import BIBTEX, PAPER, PICTURE, GaspSpec

LARGMU, ARGMU, GMU = "SequenceGASPDAMEncALSTMGMUConv", "SequenceGASPDAMEncGMUALSTMConv", "GASPDAMEncGMUConv"


def _released(name: str, network: str, key: str, summary: str, stems: tuple[str, ...] = published_stems()) -> GaspSpec:
    """``key``: of the experiment, a part of the published address; ``stems``: the pictures it was trained on."""
    return GaspSpec(
        name=name,
        summary=f"Released GASP: {summary}",
        cues=tuple(EXTRACTOR[stem] for stem in stems),
        rendering="published",
        colours=(PICTURE,) * len(stems),
        input_size=(120, 120),
        output="stretched",
        asset=f"saliency_prediction/gasp/checkpoints/pretrained_{network.lower()}/{network}/{key}",
        network=network,
        licence="MIT",
        paper=PAPER,
        bibtex=BIBTEX,
    )


SEQDAMALSTMGMU = _released(
    "seqdamalstmgmu", LARGMU, "1e49c1fe600c43f09291c4e6710c769c", "DAM + LARGMU over 10 frames, five cues"
)
SEQDAMALSTMGMU_110NOFER = _released(
    "seqdamalstmgmu_110nofer",
    LARGMU,
    "ba69921766274fe69363b9cd9b5d4b76",
    "DAM + LARGMU over 10 frames, without facial expression",
    ablated_maps("110"),
)
SEQDAMALSTMGMU_101NOGF = _released(
    "seqdamalstmgmu_101nogf",
    LARGMU,
    "abd7f5d2c76147f685c3082f5bdb733d",
    "DAM + LARGMU over 10 frames, without gaze following",
    ablated_maps("101"),
)
SEQDAMGMUALSTM = _released(
    "seqdamgmualstm", ARGMU, "53ea3d5639d647fc86e3974d6e1d1719", "DAM + ARGMU over 10 frames, five cues"
)
DAMGMU = _released("damgmu", GMU, "c9dd4df04e87469ea9914ea67af764b6", "DAM + GMU of single frames, five cues")

RELEASED = (SEQDAMALSTMGMU, SEQDAMALSTMGMU_110NOFER, SEQDAMALSTMGMU_101NOGF, SEQDAMGMUALSTM, DAMGMU)
"""All five."""
