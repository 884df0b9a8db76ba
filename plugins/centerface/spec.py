"""CenterFace as a plugin of group ``gazenet.face_detectors``."""

from gazenet.plugins import FaceModelSpec

SPEC = FaceModelSpec(
    name="centerface",
    summary="Anchor-free face boxes and five points; detects profiles, small and dark faces",
    implementation="gazenet_plugins.centerface.detector:CenterFace",
    assets=("centerface",),
    licence="MIT (weights trained on WIDER FACE)",
    paper="Y. Xu et al., CenterFace: Joint Face Detection and Alignment Using Face as Point, 2019",
    bibtex="""@article{xu2020centerface,
  title={CenterFace: Joint Face Detection and Alignment Using Face as Point},
  author={Xu, Yuanyuan and Yan, Wan and Yang, Genke and Luo, Jiliang and Li, Tao and He, Jianan},
  journal={Scientific Programming}, year={2020}}""",
)
