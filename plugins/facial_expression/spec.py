"""The spec of facial expression, without heavy imports."""

from gazenet.plugins import ExtractorSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="facial_expression",
    summary="Faces, brighter the less neutral their expression (seven classes)",
    cue="facial_expression",
    implementation="gazenet_plugins.facial_expression.extractor:FacialExpression",
    window=WindowSpec(stride=6),
    needs=Needs(faces=True, face_crops=112),
    assets=("expression_manifest", "expression_weights"),
    batch=32,
    parameters={"base": 0.3},
    licence="MIT (weights trained on web face collections)",
    paper="face-api expression network (V. Mühler; maintained by V. Mandic)",
)
