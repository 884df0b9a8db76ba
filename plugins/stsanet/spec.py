"""STSANet: data only."""

from gazenet.plugins import ExtractorSpec, InputSpec, WindowSpec

SPEC = ExtractorSpec(
    name="stsanet",
    summary="Where people look in a video: S3D features whose frames attend to each other, over 32 frames",
    cue="saliency",
    implementation="gazenet_plugins.stsanet.extractor:STSANetSaliency",
    # The corrected mode looks from 15 frames before to 16 after, the published one at the 31 frames before.
    window=WindowSpec(before=31, after=16),
    input=InputSpec(height=224, width=384, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    assets=("stsanet",),
    batch=4,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"weights": "", "mode": "corrected"},
    licence="code and weights: MIT; weights trained on DHF1K",
    paper="Wang et al., Spatio-Temporal Self-Attention Network for Video Saliency Prediction, IEEE TMM 25, 2023",
    bibtex="""@article{wang2023stsanet,
  title={Spatio-Temporal Self-Attention Network for Video Saliency Prediction},
  author={Wang, Ziqiang and Liu, Zhi and Li, Gongyang and Wang, Yang and Zhang, Tianhong and Xu, Lihua
    and Wang, Jijun},
  journal={IEEE Transactions on Multimedia}, volume={25}, pages={1161--1174}, year={2023},
  doi={10.1109/TMM.2021.3139743}}""",
)
