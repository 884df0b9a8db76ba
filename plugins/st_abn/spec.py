"""The spec of ST-ABN, without heavy imports."""

from gazenet.plugins import ExtractorSpec, InputSpec, WindowSpec

SPEC = ExtractorSpec(
    name="st_abn",
    summary="Attention of an action network: its spatial attention times its weight of the frame (ST-ABN)",
    cue="other",
    implementation="gazenet_plugins.st_abn.extractor:ActionAttention",
    window=WindowSpec(before=15, after=16, stride=8),
    # The frames of its training set are 240 pixels high and were cropped, never resized.
    input=InputSpec(
        height=240,
        width=432,
        keep_aspect=True,
        multiple_of=16,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    assets=("st_abn",),
    batch=2,
    checkpoints=("weights",),
    assets_replaced_by="weights",
    parameters={"weights": "", "mode": "corrected"},
    licence="no licence stated for code and weights; trained on Something-Something V2",
    paper="Mitsuhara et al., ST-ABN: Visual Explanation Taking into Account Spatio-temporal Information, 2021",
    bibtex="""@article{mitsuhara2021stabn,
  title={{ST-ABN}: Visual Explanation Taking into Account Spatio-temporal Information for Video Recognition},
  author={Mitsuhara, Masahiro and Hirakawa, Tsubasa and Yamashita, Takayoshi and Fujiyoshi, Hironobu},
  journal={arXiv preprint arXiv:2110.15574}, year={2021}}""",
)
