"""Identification of published networks by a key of their state dict that no other network has."""

from __future__ import annotations

from collections.abc import Collection

KEYS = {
    "saliency_out.weight": "GASP",
    "base_model.bn1.weight": "Gaze360",
    "cone_pathway.alexnet.features.0.weight": "VideoGaze",
    "fc_dimensional.weight": "a branch of ESR-9",
    "bn4.weight": "the shared layers of ESR-9",
    "conv_temp_att2.0.weight": "ST-ABN",
    "readout_2.4.weight": "STSANet",
    "aspp.convs.0.0.weight": "the DeepLabV3 saliency model",
    "features2.2.conv2.weight": "STANet",
    "adaptation_dhf1k.0.weight": "UNISAL",
    "convtsp4.9.weight": "TASED-Net",
    "decoder.convtsp4.8.weight": "ViNet",
    "visual_model.decoder.convtsp4.8.weight": "AViNet",
    "audio_branch.bn1.weight": "DAVE",
    "audio_branch_left.bn1.weight": "binaural DAVE",
    "fuseav.weight": "STAViS",
    "fc7_mbox_loc.weight": "S3FD",
    "regressor_8.weight": "BlazeFace",
    "prelu1.weight": "MTCNN",
}


def owner(keys: Collection[str]) -> str:
    """Return the name of the network that a state dict with these keys belongs to; empty if it is unknown."""
    return next((name for key, name in KEYS.items() if key in keys), "")


def belongs(keys: Collection[str], expected: Collection[str] = ()) -> str:
    """Return that name as a part of a message, ``, but of UNISAL``; empty if it is the expected network."""
    name = owner(keys)
    return f", but of {name}" if name and name != owner(expected) else ""
