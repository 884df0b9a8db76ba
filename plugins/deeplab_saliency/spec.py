"""The spec of DeepLab saliency, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, WindowSpec
from gazenet_plugins.deeplab_saliency.variant import REACH

SPEC = ExtractorSpec(
    name="deeplab_saliency",
    summary="Saliency of a single frame: DeepLabV3 with a decoder, fine-tuned from segmentation",
    cue="saliency",
    implementation="gazenet_plugins.deeplab_saliency.extractor:DeepLabSaliencyMaps",
    window=WindowSpec(before=REACH),
    input=InputSpec(height=216, width=384, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    assets=("deeplab_saliency",),
    batch=8,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"weights": ""},
    licence="network: MIT, rebuilt from a published table; no weights were published",
    paper="Chen et al., Rethinking Atrous Convolution for Semantic Image Segmentation, 2017",
    bibtex="""@article{chen2017deeplabv3,
  title={Rethinking Atrous Convolution for Semantic Image Segmentation},
  author={Chen, Liang-Chieh and Papandreou, George and Schroff, Florian and Adam, Hartwig},
  journal={arXiv preprint arXiv:1706.05587}, year={2017}}""",
)
