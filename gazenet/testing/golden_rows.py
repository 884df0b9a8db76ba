"""What runs a golden: a table from what its JSON names to a function, imported on use.

A row's key is ``<field>:<value>`` of the golden's config (``class:GASPEncConv``, ``function:log_mel``), or
``layout:<name>`` for the kinds of golden that are described by their members. Another room adds rows by
:func:`register`. What is not in the table is a failure, not an omission.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gazenet.cues.registry import import_object
from gazenet.fusion.gasp_config import PUBLISHED_CLASSES
from gazenet.testing.goldens import SELECTORS, Golden, GoldenSkipped
from gazenet.testing.goldens_cues_rows import CUES

Runner = Callable[[Golden], float]
"""Gives the error of a golden; raises whatever is wrong with it."""

PARTS = (
    "AttentiveLSTM",
    "DAMLayer",
    "GBU",
    "GBUConv2d",
    "GMU",
    "GMUConv2d",
    "ModalityEncoder",
    "RGMU",
    "RGMUConv2d",
    "SELayer",
    "SequenceAttentiveLSTM",
)


@dataclass(frozen=True)
class Adapter:
    """``runner``: a dotted ``"module:function"``. ``limit``: largest error, where the golden itself names none.

    ``leaves_out`` says what of such a golden is not compared, and why.
    """

    runner: str
    limit: float | None = None
    leaves_out: str = ""

    def load(self) -> Runner:
        return import_object(self.runner)


TABLE: dict[str, Adapter] = {
    **{f"class:{name}": Adapter("gazenet.testing.goldens_gasp:integrator") for name in PUBLISHED_CLASSES},
    **{f"class:{name}": Adapter("gazenet.testing.goldens_gasp:part") for name in PARTS},
    "part:scam": Adapter("gazenet.testing.goldens_stanet:scam"),
    "part:overlay": Adapter("gazenet.testing.goldens_stanet:overlay"),
    "part:matlab_post": Adapter("gazenet.testing.goldens_stanet:matlab"),
    "part:spectrogram": Adapter("gazenet.testing.goldens_stanet:spectrogram"),
    "part:losses": Adapter("gazenet.testing.goldens_stanet:losses"),
    **{
        f"network:{name}": Adapter("gazenet.testing.goldens_stanet_networks:network")
        for name in ("S", "SA", "ST", "STA", "AudioSwitch", "VGGSound")
    },
    "network:deeplab_saliency": Adapter("gazenet.testing.goldens_deeplab:network"),
    "layout:training steps": Adapter("gazenet.testing.goldens_training:steps", limit=1e-3),
    "layout:losses": Adapter("gazenet.testing.goldens_training:losses"),
    "layout:metrics": Adapter("gazenet.testing.goldens_metrics:metrics", limit=1e-9),
    "layout:eight-bit frames": Adapter("gazenet.testing.goldens_metrics:eight_bit_frames", limit=1e-9),
    **{key: Adapter(runner) for key, runner in CUES.items()},
    "net:mobilenetv2_unisal": Adapter("gazenet.testing.goldens_visual:mobilenet"),
    # The GRU's state amplifies rounding: the reference itself is 2e-4 from the same computation in double precision.
    "network:unisal": Adapter("gazenet.testing.goldens_visual:unisal", limit=5e-4),
    **{f"network:{name}": Adapter(f"gazenet.testing.goldens_visual:{name}") for name in ("tased", "vinet", "avinet")},
    **{
        f"function:{name}": Adapter(f"gazenet.testing.goldens_visual:{runner}")
        for name, runner in (
            ("load_clip", "clip"),
            ("audio_excerpt", "excerpt"),
            ("post_unisal", "finished_unisal"),
            ("post_tased", "finished_tased"),
            ("post_tased_upstream", "finished_tased"),
            ("post_avinet", "finished_avinet"),
            ("post_vinet_upstream", "finished_vinet"),
        )
    },
    "network:dave": Adapter("gazenet.testing.goldens_audiovisual:dave"),
    "network:stavis": Adapter("gazenet.testing.goldens_audiovisual:stavis"),
    **{
        f"class:{name}": Adapter("gazenet.testing.goldens_audiovisual:binauraldave")
        for name in ("BinauralDAVE", "MonauralDAVE", "VisDAVE")
    },
    **{
        f"function:{name}": Adapter(f"gazenet.testing.goldens_audiovisual:{runner}")
        for name, runner in (
            ("log_mel_examples", "features"),
            ("log_mel_examples_stereo", "features_of_two"),
            ("windowed_audio", "rows"),
            ("dave_audio_packet", "examples_of_a_frame"),
            ("post_dave", "finished_dave"),
            ("post_stavis", "finished_stavis"),
        )
    },
    "model:STSANet": Adapter("gazenet.testing.goldens_stsanet:network", limit=1e-3),
    **{
        f"model:{kind}resnet{depth}{version}": Adapter(f"gazenet.testing.goldens_st_abn:{runner}")
        for kind, version, runner in (
            ("", "", "residual"),
            ("abn_", "", "attention_branch"),
            ("abn_", "_v2", "attention_branch"),
        )
        for depth in (18, 34, 50, 101, 152)
    },
}

_LAYOUTS: Mapping[str, frozenset[str]] = {
    "training steps": frozenset({"steps", "optimizer"}),
    "losses": frozenset({"original", "conversions"}),
    "eight-bit frames": frozenset({"original", "bone_grey_lut"}),
    "metrics": frozenset({"original", "pysaliency"}),
}


def register(key: str, adapter: Adapter) -> None:
    """Adds a row. Raises ValueError where another adapter has the key already."""
    if TABLE.setdefault(key, adapter) != adapter:
        raise ValueError(f"{key} is run by {TABLE[key].runner} already")


def key_of(meta: Mapping[str, Any]) -> str:
    """The key of a golden's JSON; empty where it names nothing that could be one."""
    for name, members in _LAYOUTS.items():
        if members <= meta.keys():
            return f"layout:{name}"
    config = meta.get("config", {})
    # A class is more exact than the network or part of which it is a variant.
    return next((f"{field}:{config[field]}" for field in SELECTORS if field in config), "")


def adapter_of(golden: Golden) -> Adapter:
    """The row of a golden. Raises LookupError where the table has none, Skipped for JSON that is no golden at all."""
    if not isinstance(golden.meta, dict):
        raise GoldenSkipped(f"a JSON {type(golden.meta).__name__}, not a golden")
    key = key_of(golden.meta)
    if key not in TABLE:
        raise LookupError(f"nothing here answers to {key or 'a golden of this kind'}")
    return TABLE[key]
