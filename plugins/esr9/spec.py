"""The spec of ESR-9, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, Needs

SPEC = ExtractorSpec(
    name="esr9",
    summary="Attention of nine branches in every face, merged where they agree on its emotion (ESR-9)",
    cue="facial_expression",
    implementation="gazenet_plugins.esr9.extractor:Esr9Cue",
    input=InputSpec(height=1280, width=1280, keep_aspect=True, enlarge=False),
    needs=Needs(faces=True),
    pictures=True,
    assets=("emotion_recognition/esr9/checkpoints/pretrained_esr9_orig",),
    batch=8,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": "", "statistics": "", "merge": "sum", "every": False},
    licence="code MIT; trained model not for commercial use",
    paper="H. Siqueira, S. Magg, S. Wermter, Efficient Facial Feature Learning with Wide Ensemble-based Convolutional "
    "Neural Networks, AAAI 2020",
    bibtex="""@inproceedings{siqueira2020esr,
  title={Efficient Facial Feature Learning with Wide Ensemble-based Convolutional Neural Networks},
  author={Siqueira, Henrique and Magg, Sven and Wermter, Stefan},
  booktitle={AAAI}, year={2020}}""",
)
