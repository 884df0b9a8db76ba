"""MTCNN as plugins of group ``gazenet.face_detectors``: in the correct and in the published channel order."""

from gazenet.plugins import FaceModelSpec

SPEC = FaceModelSpec(
    name="mtcnn",
    summary="Boxes and five points from a cascade of three small networks",
    implementation="gazenet_plugins.mtcnn.detector:MtcnnDetector",
    assets=("mtcnn",),
    licence="MIT (facenet-pytorch; trained on WIDER FACE and CelebA)",
    paper="K. Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, 2016",
    bibtex="""@article{zhang2016mtcnn,
  title={Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks},
  author={Zhang, Kaipeng and Zhang, Zhanpeng and Li, Zhifeng and Qiao, Yu},
  journal={IEEE Signal Processing Letters}, year={2016}}""",
)

PUBLISHED = SPEC.model_copy(
    update={
        "name": "mtcnn_published",
        "summary": "MTCNN with the channel order of the published caches (BGR for RGB)",
        "implementation": "gazenet_plugins.mtcnn.detector:PublishedMtcnn",
    }
)
