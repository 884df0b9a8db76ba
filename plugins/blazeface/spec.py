"""BlazeFace as plugins of group ``gazenet.face_detectors``: for close faces, and for smaller ones."""

from gazenet.plugins import FaceModelSpec

SPEC = FaceModelSpec(
    name="blazeface",
    summary="Small and fast: boxes, eyes and nose of close faces, at 128 x 128 pixels",
    implementation="gazenet_plugins.blazeface.detector:BlazeFaceDetector",
    assets=("blazeface",),
    licence="Apache-2.0 (MediaPipe; converted by BlazeFace-PyTorch)",
    paper="V. Bazarevsky et al., BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs, 2019",
    bibtex="""@article{bazarevsky2019blazeface,
  title={BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs},
  author={Bazarevsky, Valentin and Kartynnik, Yury and Vakunov, Andrey and Raveendran, Karthik and
    Grundmann, Matthias},
  journal={arXiv:1907.05047}, year={2019}}""",
)

BACK = SPEC.model_copy(
    update={
        "name": "blazeface_back",
        "summary": "BlazeFace for back cameras: smaller faces, at 256 x 256 pixels",
        "implementation": "gazenet_plugins.blazeface.detector:BackBlazeFace",
        "assets": ("blazeface_back",),
    }
)
