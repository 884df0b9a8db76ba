"""The spec of ViNet, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, WindowSpec

SPEC = ExtractorSpec(
    name="vinet",
    summary="Saliency of video: S3D features decoded over 32 frames (ViNet)",
    cue="saliency",
    implementation="gazenet_plugins.vinet.extractor:VinetSaliency",
    # The longest published variant; the others use a part of it.
    window=WindowSpec(before=47),
    # Twice the size of the network: smaller videos arrive unscaled, and the plugin resizes them as in training.
    input=InputSpec(
        height=448,
        width=768,
        keep_aspect=True,
        enlarge=False,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    assets=("saliency_prediction/avinet/checkpoints/pretrained_avinet_orig",),
    batch=4,
    checkpoints=("weights",),
    trained_on=("coutrot1", "coutrot2", "diem"),
    assets_replaced_by="weights",
    parameters={"mode": "corrected", "weights": "", "buffer": 16},
    licence="code and weights: MIT",
    paper="Jain et al., ViNet: Pushing the limits of Visual Modality for Audio-Visual Saliency Prediction, IROS 2021",
    bibtex="""@inproceedings{jain2021vinet,
  title={ViNet: Pushing the limits of Visual Modality for Audio-Visual Saliency Prediction},
  author={Jain, Samyak and Yarlagadda, Pradeep and Jyoti, Shreyank and Karthik, Shyamgopal and
          Subramanian, Ramanathan and Gandhi, Vineet}, booktitle={IROS}, year={2021}}""",
)
