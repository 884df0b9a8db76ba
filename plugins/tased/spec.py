"""The spec of TASED-Net, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, WindowSpec

SPEC = ExtractorSpec(
    name="tased",
    summary="Saliency of video: temporal aggregation over 32 frames (TASED-Net)",
    cue="saliency",
    implementation="gazenet_plugins.tased.extractor:TasedSaliency",
    window=WindowSpec(before=31),
    # Twice the size of the network: smaller videos arrive unscaled, and the plugin resizes them as in training.
    input=InputSpec(height=448, width=768, keep_aspect=True, enlarge=False, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    pictures=True,
    assets=("saliency_prediction/tased/checkpoints/pretrained_tased_orig",),
    batch=4,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": "", "buffer": 16},
    licence="code and weights: MIT; trained on DHF1K",
    paper="K. Min, J. Corso, TASED-Net: Temporally-Aggregating Spatial Encoder-Decoder Network, ICCV 2019",
    bibtex="""@inproceedings{min2019tased,
  title={TASED-Net: Temporally-Aggregating Spatial Encoder-Decoder Network for Video Saliency Detection},
  author={Min, Kyle and Corso, Jason J.}, booktitle={ICCV}, pages={2394--2403}, year={2019}}""",
)
