"""The spec of Binaural DAVE, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="binauraldave",
    summary="Location of a sound: DAVE with an audio branch for each ear (binaural DAVE)",
    cue="other",
    implementation="gazenet_plugins.binauraldave.extractor:BinauralDave",
    window=WindowSpec(before=15),
    # Twice the size of the network: smaller videos arrive unscaled, and the plugin resizes them as in training.
    input=InputSpec(
        height=512,
        width=640,
        keep_aspect=True,
        enlarge=False,
        mean=(110.63666788 / 255, 103.16065604 / 255, 96.29023126 / 255),
        std=(38.7568578 / 255, 37.88248729 / 255, 40.02898126 / 255),
    ),
    needs=Needs(audio=True),
    assets=(
        "sound_localization/binauraldave/checkpoints/pretrained_binauraldave/BinauralDAVE/"
        "1f74ea78527049149e1afb08ec97a61c",
    ),
    batch=4,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": "", "hearing": "binaural", "ahead": 0.0},
    licence="code and weights: MIT",
    paper="Fu et al., International Journal of Social Robotics, 2023; network after H. R. Tavakoli et al., DAVE, "
    "arXiv 1905.10693, 2019",
    bibtex="""@article{tavakoli2019dave,
  title={DAVE: A Deep Audio-Visual Embedding for Dynamic Saliency Prediction},
  author={Tavakoli, Hamed R. and Borji, Ali and Rahtu, Esa and Kannala, Juho},
  journal={arXiv preprint arXiv:1905.10693}, year={2019}}""",
)
