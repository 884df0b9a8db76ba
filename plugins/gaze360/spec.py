"""The spec of Gaze360, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="gaze360",
    summary="A cone along every person's gaze, estimated from seven head crops (Gaze360)",
    cue="gaze_direction",
    implementation="gazenet_plugins.gaze360.extractor:Gaze360Cue",
    window=WindowSpec(before=9, after=9),
    input=InputSpec(height=1280, width=1280, keep_aspect=True, enlarge=False),
    needs=Needs(faces=True),
    pictures=True,
    assets=("gaze_estimation/gaze360/checkpoints/pretrained_gaze360_orig",),
    batch=2,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": "", "exact": False},
    licence="weights: Gaze360 research licence, no redistribution",
    paper="P. Kellnhofer et al., Gaze360: Physically Unconstrained Gaze Estimation in the Wild, ICCV 2019",
    bibtex="""@inproceedings{kellnhofer2019gaze360,
  title={Gaze360: Physically Unconstrained Gaze Estimation in the Wild},
  author={Kellnhofer, Petr and Recasens, Adria and Stent, Simon and Matusik, Wojciech and Torralba, Antonio},
  booktitle={ICCV}, year={2019}}""",
)
