"""The spec of STANet, without heavy imports."""

from gazenet.plugins import AudioSpec, ExtractorSpec, InputSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="stanet",
    summary="Saliency of video with sound, learned from category tags: three moments of picture and sound (STANet)",
    cue="saliency",
    implementation="gazenet_plugins.stanet.extractor:VisualAuditorySaliency",
    # Its neighbours are a second away; videos above 30 frames per second get the frames at the ends of the window.
    window=WindowSpec(before=30, after=30, stride=15),
    input=InputSpec(height=356, width=356, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    needs=Needs(audio=AudioSpec(rate=16_000, mono=True)),
    assets=("stanet",),
    batch=2,
    checkpoints=("weights", "switch"),
    assets_replaced_by="weights",
    parameters={"weights": "", "switch": "", "mode": "corrected", "gap": 1.0},
    licence="no licence stated for code and weights; trained on AVE",
    paper="Wang et al., From Semantic Categories to Fixations: A Novel Weakly-Supervised Visual-Auditory Saliency "
    "Detection Approach, CVPR 2021",
    bibtex="""@inproceedings{wang2021stanet,
  title={From Semantic Categories to Fixations: A Novel Weakly-Supervised Visual-Auditory Saliency Detection Approach},
  author={Wang, Guotao and Chen, Chenglizhao and Fan, Deng-Ping and Hao, Aimin and Qin, Hong},
  booktitle={CVPR}, pages={15119--15128}, year={2021}}""",
)
