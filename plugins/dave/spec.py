"""The spec of DAVE, without heavy imports."""

from gazenet.plugins import AudioSpec, ExtractorSpec, InputSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="dave",
    summary="Saliency of video with sound: two 3D residual networks, for frames and for log-mel (DAVE)",
    cue="saliency",
    implementation="gazenet_plugins.dave.extractor:DaveSaliency",
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
    needs=Needs(audio=AudioSpec(mono=True)),
    pictures=True,
    assets=("saliency_prediction/dave/checkpoints/pretrained_dave_orig",),
    batch=4,
    checkpoints=("weights",),
    trained_on=("coutrot1", "coutrot2", "diem"),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": "", "ahead": 0.0},
    licence="code and weights: not stated",
    paper="H. R. Tavakoli, A. Borji, E. Rahtu, J. Kannala, DAVE: A Deep Audio-Visual Embedding for Dynamic Saliency "
    "Prediction, arXiv 1905.10693, 2019",
    bibtex="""@article{tavakoli2019dave,
  title={DAVE: A Deep Audio-Visual Embedding for Dynamic Saliency Prediction},
  author={Tavakoli, Hamed R. and Borji, Ali and Rahtu, Esa and Kannala, Juho},
  journal={arXiv preprint arXiv:1905.10693}, year={2019}}""",
)
