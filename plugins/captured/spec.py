"""The spec of the video frame as a cue, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec

SPEC = ExtractorSpec(
    name="captured",
    summary="The frame itself, an input of the published integrators beside the social cues",
    cue="other",
    implementation="gazenet_plugins.captured.extractor:Captured",
    input=InputSpec(height=1280, width=1280, keep_aspect=True, enlarge=False),
    pictures=True,
    batch=8,
    licence="MIT",
    paper="Abawi, Weber, Wermter: GASP: Gated Attention for Saliency Prediction, IJCAI 2021",
    bibtex="""@inproceedings{abawi2021gasp,
  title={GASP: Gated Attention for Saliency Prediction},
  author={Abawi, Fares and Weber, Tom and Wermter, Stefan},
  booktitle={IJCAI}, pages={584--591}, year={2021}, doi={10.24963/ijcai.2021/81}}""",
)
