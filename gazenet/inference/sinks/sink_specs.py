"""The declarations of the sinks that come with the package: data, importable without what they write with."""

from __future__ import annotations

from gazenet.config.inference_data import PublishedConfig
from gazenet.config.sink_spec import SinkSpec

ROOM = "gazenet.inference.sinks"

MAPS = SinkSpec(
    name="maps",
    summary="The maps themselves, float16 [frames, h, w]",
    implementation=f"{ROOM}.maps_sink:MapsSink",
    files=("saliency.npy", "saliency_sums.npy"),
    licence="MIT",
)
OVERLAY = SinkSpec(
    name="overlay",
    summary="The video with the map drawn over it, sound kept",
    implementation=f"{ROOM}.overlay_sink:OverlaySink",
    files=("overlay.mp4",),
    licence="MIT",
)
SALIENCY_VIDEO = SinkSpec(
    name="saliency_video",
    summary="The map alone as a video in grey",
    implementation=f"{ROOM}.saliency_video_sink:SaliencyVideoSink",
    files=("saliency.mp4",),
    licence="MIT",
)
ATTENTION = SinkSpec(
    name="attention",
    summary="Peak, gates and attention per face, a row per frame",
    implementation=f"{ROOM}.attention_sink:AttentionSink",
    files=("attention.csv",),
    licence="MIT",
)
REPORT = SinkSpec(
    name="report",
    summary="One self-contained page to look at everything together",
    implementation=f"{ROOM}.report_sink:ReportSink",
    files=("report.html",),
    saliency=False,
    live=False,
    licence="MIT",
)
PUBLISHED = SinkSpec(
    name="published",
    summary="Pictures of every frame in the published layout",
    implementation=f"{ROOM}.frame_folder_sink:PublishedSink",
    files=("published.json",),
    settings=PublishedConfig,
    saliency=False,
    licence="MIT",
)
