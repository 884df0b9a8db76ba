"""S3FD as plugins of group ``gazenet.face_detectors``: in the correct and in the published channel order."""

from gazenet.plugins import FaceModelSpec

SPEC = FaceModelSpec(
    name="s3fd",
    summary="Boxes from heads at six scales; the detector of the published caches",
    implementation="gazenet_plugins.s3fd.detector:S3fdDetector",
    assets=("s3fd",),
    licence="weights: BSD-3-Clause (face-alignment; trained on WIDER FACE)",
    paper="S. Zhang et al., S3FD: Single Shot Scale-invariant Face Detector, ICCV 2017",
    bibtex="""@inproceedings{zhang2017s3fd,
  title={S3FD: Single Shot Scale-invariant Face Detector},
  author={Zhang, Shifeng and Zhu, Xiangyu and Lei, Zhen and Shi, Hailin and Wang, Xiaobo and Li, Stan Z.},
  booktitle={ICCV}, year={2017}}""",
)

PUBLISHED = SPEC.model_copy(
    update={
        "name": "s3fd_published",
        "summary": "S3FD with the channel order of the published caches (BGR for RGB)",
        "implementation": "gazenet_plugins.s3fd.detector:PublishedS3fd",
    }
)
