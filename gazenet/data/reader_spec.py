"""The declarations of data set readers: data, importable without what they read with."""

from __future__ import annotations

from typing import ClassVar

from gazenet.plugin_registry import Members, PluginSpec

DATASETS = "gazenet.datasets"


class ReaderSpec(PluginSpec):
    """A reader of a data set: its class is constructed with the folder of the files and the options of a config.

    See :class:`gazenet.data.dataset.Dataset` for its members.
    """

    members: ClassVar[Members] = {"items": (), "sigma_of": ("item",)}


def _reader(name: str, implementation: str, summary: str) -> ReaderSpec:
    return ReaderSpec(name=name, summary=summary, implementation=f"gazenet.data.{implementation}", licence="MIT")


FINDWHO = _reader("findwho", "findwho:FindWho", "Find Who to Look At: several people talking, 39 observers")
OSIE = _reader("osie", "image_datasets:Osie", "OSIE: pictures with objects and faces")
CROWD = _reader("crowd", "image_datasets:Crowd", "Saliency in Crowd: pictures of crowds")
COUTROT1 = _reader("coutrot1", "coutrot:Coutrot1", "Coutrot 1: short clips with sound")
COUTROT2 = _reader("coutrot2", "coutrot:Coutrot2", "Coutrot 2: conversations")
DIEM = _reader("diem", "diem:Diem", "DIEM: dynamic images and eye movements")
SUMMEETMD = _reader("summeetmd", "summeetmd:SumMeEtmd", "SumMe and ETMD: user videos and film clips")
MVVA = _reader("mvva", "mvva:Mvva", "MVVA: several faces, with sound")
FAIRPLAY = _reader("fairplay", "fairplay:FairPlay", "FAIR-Play: music in a room, binaural sound")
WTMSIMGAZE = _reader("wtmsimgaze", "wtmsimgaze:WtmSimGaze", "The simulated-avatar gaze study")
PROCESSED = _reader("processed", "grouped_frames:GroupedFrames", "The published per-frame layout")
SEQUENCES = _reader("sequences", "frame_sequences:Sequences", "Folders of frames with drawn ground truth")
