"""The spec of UNISAL, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, WindowSpec

SPEC = ExtractorSpec(
    name="unisal",
    summary="Saliency of pictures and videos, one network for several data sets (UNISAL)",
    cue="saliency",
    implementation="gazenet_plugins.unisal.extractor:UnisalSaliency",
    # Twelve frames: every fifth in the corrected mode, the last twelve in the published one.
    window=WindowSpec(before=55),
    # Twice the size of the network: smaller videos arrive unscaled, and the plugin resizes them as in training.
    input=InputSpec(
        height=576,
        width=832,
        keep_aspect=True,
        enlarge=False,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    pictures=True,
    assets=("saliency_prediction/unisal/checkpoints/pretrained_unisal_orig",),
    batch=4,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": "", "domain": "DHF1K", "step": 0},
    licence="code and weights: Apache-2.0",
    paper="R. Droste, J. Jiao, J. A. Noble, Unified Image and Video Saliency Modeling, ECCV 2020",
    bibtex="""@inproceedings{droste2020unisal,
  title={Unified Image and Video Saliency Modeling},
  author={Droste, Richard and Jiao, Jianbo and Noble, J. Alison}, booktitle={ECCV}, year={2020}}""",
)
