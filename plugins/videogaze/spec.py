"""The spec of VideoGaze, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="videogaze",
    summary="What people in neighbouring frames look at in this one, also across views (VideoGaze)",
    cue="gaze_following",
    implementation="gazenet_plugins.videogaze.extractor:VideoGazeCue",
    window=WindowSpec(before=6, after=6),
    input=InputSpec(height=1280, width=1280, keep_aspect=True, enlarge=False),
    needs=Needs(faces=True),
    pictures=True,
    assets=("gaze_following/videogaze/checkpoints/pretrained_videogaze_orig",),
    batch=2,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": ""},
    licence="weights: none stated; for research",
    paper="A. Recasens et al., Following Gaze in Video, ICCV 2017",
    bibtex="""@inproceedings{recasens2017following,
  title={Following Gaze in Video},
  author={Recasens, Adria and Vondrick, Carl and Khosla, Aditya and Torralba, Antonio},
  booktitle={ICCV}, year={2017}}""",
)
