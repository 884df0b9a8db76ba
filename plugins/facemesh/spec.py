"""The face mesh as a plugin of group ``gazenet.face_landmarks``."""

from gazenet.plugins import FaceModelSpec

SPEC = FaceModelSpec(
    name="facemesh",
    summary="478 face landmarks with irises from one crop (MediaPipe face landmarker)",
    implementation="gazenet_plugins.facemesh.network:FaceMesh",
    assets=("face_landmarks",),
    licence="Apache-2.0",
    paper="Y. Kartynnik et al., Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs, 2019",
    bibtex="""@article{kartynnik2019facemesh,
  title={Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs},
  author={Kartynnik, Yury and Ablavatski, Artsiom and Grishchenko, Ivan and Grundmann, Matthias},
  journal={arXiv preprint arXiv:1907.06724}, year={2019}}""",
)
