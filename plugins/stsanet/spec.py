"""The spec of STSANet, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, WindowSpec

SPEC = ExtractorSpec(
    name="stsanet",
    summary="Saliency of video: S3D features with attention between frames, over 32 frames (STSANet)",
    cue="saliency",
    implementation="gazenet_plugins.stsanet.extractor:STSANetSaliency",
    # The corrected mode takes 15 frames before and 16 after, the published mode the 31 frames before.
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
