"""The spec of image saliency, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, WindowSpec

SPEC = ExtractorSpec(
    name="saliency",
    summary="Saliency of still pictures: a readout trained on fixations over ResNet-50-thin features",
    cue="saliency",
    implementation="gazenet_plugins.saliency.extractor:ImageSaliency",
    window=WindowSpec(stride=6),
    input=InputSpec(height=288, width=384, keep_aspect=True, multiple_of=8),
    assets=("open_nsfw",),
    batch=8,
    checkpoints=("weights",),
    trained_on=("osie", "crowd"),
    parameters={"weights": ""},
    licence="readout: MIT, trained on research-only data; backbone: BSD-2 (Yahoo)",
    paper="Backbone: He et al., Deep Residual Learning, CVPR 2016; data: Xu et al., JoV 2014; Jiang et al., ECCV 2014",
    bibtex="""@article{xu2014osie,
  title={Predicting human gaze beyond pixels},
  author={Xu, Juan and Jiang, Ming and Wang, Shuo and Kankanhalli, Mohan and Zhao, Qi},
  journal={Journal of Vision}, volume={14}, number={1}, year={2014}}""",
)
