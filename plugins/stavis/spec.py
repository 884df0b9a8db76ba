"""The spec of STAViS, without heavy imports."""

from gazenet.plugins import AudioSpec, ExtractorSpec, InputSpec, Needs, WindowSpec

PUBLISHED_INPUT = InputSpec(
    height=112,
    width=112,
    mean=(110.63666788 / 255, 103.16065604 / 255, 96.29023126 / 255),
    std=(38.7568578 / 255, 37.88248729 / 255, 40.02898126 / 255),
)
"""The input of the released pipeline, whose mean and scale differ from those of the training."""

SPEC = ExtractorSpec(
    name="stavis",
    summary="Saliency of video with sound: the location of the sound weights the visual features (STAViS)",
    cue="saliency",
    implementation="gazenet_plugins.stavis.extractor:StavisSaliency",
    # The map belongs to the middle of a clip; the released pipeline takes it for that of the end.
    window=WindowSpec(before=15, after=7),
    # Twice the first size of the training: smaller videos arrive unscaled, and the plugin resizes them as in training.
    input=InputSpec(
        height=480,
        width=640,
        keep_aspect=True,
        enlarge=False,
        mean=(114.7748 / 255, 107.7354 / 255, 99.4750 / 255),
        std=(1 / 255, 1 / 255, 1 / 255),
    ),
    needs=Needs(audio=AudioSpec(mono=True)),
    pictures=True,
    assets=("saliency_prediction/stavis/checkpoints/pretrained_stavis_orig",),
    batch=4,
    checkpoints=("weights",),
    trained_on=("coutrot1", "coutrot2", "diem", "summeetmd"),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": "", "sound": True, "split": 1},
    licence="code and weights: MIT",
    paper="A. Tsiami, P. Koutras, P. Maragos, STAViS: Spatio-Temporal AudioVisual Saliency Network, CVPR 2020",
    bibtex="""@inproceedings{tsiami2020stavis,
  title={STAViS: Spatio-Temporal AudioVisual Saliency Network},
  author={Tsiami, Antigoni and Koutras, Petros and Maragos, Petros}, booktitle={CVPR}, pages={4766--4776},
  year={2020}}""",
)
