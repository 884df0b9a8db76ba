"""The spec of active speaker, without heavy imports."""

from gazenet.plugins import AudioSpec, ExtractorSpec, Needs, WindowSpec

SPEC = ExtractorSpec(
    name="active_speaker",
    version="2",
    summary="The active speaker: voice activity times mouth motion, per tracked face",
    cue="speech",
    implementation="gazenet_plugins.active_speaker.extractor:ActiveSpeaker",
    window=WindowSpec(before=24, after=24, stride=3),
    needs=Needs(faces=True, audio=AudioSpec(rate=16_000, mono=True)),
    assets=("silero_vad",),
    batch=32,
    checkpoints=("weights",),
    trained_on=("findwho",),
    parameters={"base": 0.15, "weights": ""},
    licence="network: MIT, trained on research-only data; voice activity: silero-vad (MIT)",
    paper="Voice: Silero VAD; labels: Liu et al., Predicting Salient Face in Multiple-Face Videos, CVPR 2017",
    bibtex="""@inproceedings{liu2017salientface,
  title={Predicting Salient Face in Multiple-Face Videos},
  author={Liu, Yufan and Zhang, Songyang and Xu, Mai and He, Xuming},
  booktitle={CVPR}, year={2017}}""",
)
