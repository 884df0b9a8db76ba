"""Members of the GASP family as data: constructing and checking one needs no torch.

Source: Abawi, Weber, Wermter, "GASP: Gated Attention for Saliency Prediction", IJCAI 2021.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Front = Literal["none", "dam", "se"]
EncoderKind = Literal["Conv", "Deep", "Light"]
Unit = Literal["concat", "add", "gmu", "alstm", "rgmu"]
Head = Literal["logits", "density"]

ORDERS: tuple[tuple[Unit, ...], ...] = (
    ("concat",),
    ("add",),
    ("gmu",),
    ("alstm",),
    ("gmu", "alstm"),
    ("alstm", "gmu"),
    ("rgmu",),
)
"""What may follow the encoders, in order of application."""


@dataclass(frozen=True)
class GaspConfig:
    """One member: what stands in front of the encoders, the encoders, and what fuses their features.

    Attributes:
        front: directed attention (DAM) or squeeze-and-excitation on the raw input channels, or none.
        order: fusing units, one of ``ORDERS``.
        sequential: windows of frames instead of one frame; each modality then has an encoder of its own.
        modalities: M, number of cue maps.
        in_channels: channels per modality (3 for the published coloured maps, 1 for scalar maps).
        latent: K, channels of each modality behind its encoder, and of the fused features.
        encoder: ``Conv`` and ``Deep`` are published and linear; ``Light`` is small and rectified; None: no encoder.
        sequence_len: T, frames in a window; 1 unless sequential.
        sequence_norm: batch norm with one channel per time step in front of the attentive LSTM.
        target: (H', W') that sizes the zero state of the recurrent GMU.
        head: ``logits`` as published; ``density`` adds a centre bias and ends in log density over the frame.
        own_encoders: an encoder per modality also where a published static network would share one.
    """

    front: Front = "none"
    order: tuple[Unit, ...] = ("gmu",)
    sequential: bool = False
    modalities: int = 5
    in_channels: int = 3
    latent: int = 32
    encoder: EncoderKind | None = "Conv"
    sequence_len: int = 1
    sequence_norm: bool = False
    target: tuple[int, int] = (60, 60)
    head: Head = "logits"
    own_encoders: bool = False

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"order {self.order} is none of {ORDERS}")
        if self.modalities < 1 or self.in_channels < 1 or self.latent < 1:
            raise ValueError("modalities, in_channels and latent must be at least 1")
        if self.sequential and self.sequence_len <= 1:
            raise ValueError("a sequential network needs sequence_len of at least 2")
        if not self.sequential and self.sequence_len != 1:
            raise ValueError("a static network has sequence_len 1")
        if self.order == ("rgmu",) and not self.sequential:
            raise ValueError("the recurrent GMU needs a sequential network")
        if self.sequential and self.order in (("concat",), ("add",), ("gmu",)):
            raise ValueError(f"order {self.order} has no recurrence and is static")
        if self.sequence_norm and (not self.sequential or "alstm" not in self.order):
            raise ValueError("sequence_norm needs a sequential network with an attentive LSTM")

    @property
    def features(self) -> int:
        """Channels of one modality behind the encoder."""
        return self.in_channels if self.encoder is None else self.latent

    @property
    def exhaustive(self) -> bool:
        """Whether training needs ground truth for every frame of a window: sequential networks with DAM."""
        return self.sequential and self.front == "dam"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(fields: dict[str, Any]) -> GaspConfig:
        """The inverse of :meth:`as_dict`, also after a trip through JSON. TypeError for unknown fields."""
        values = dict(fields)
        for name in ("order", "target"):
            if name in values:
                values[name] = tuple(values[name])
        return GaspConfig(**values)


_ROWS: dict[str, tuple[Front, tuple[Unit, ...], bool]] = {
    "GASPEncConv": ("none", ("concat",), False),
    "GASPEncAddConv": ("none", ("add",), False),
    "GASPSEEncConv": ("se", ("concat",), False),
    "GASPEncALSTMConv": ("none", ("alstm",), False),
    "GASPEncGMUConv": ("none", ("gmu",), False),
    "GASPEncGMUALSTMConv": ("none", ("gmu", "alstm"), False),
    "GASPEncALSTMGMUConv": ("none", ("alstm", "gmu"), False),
    "GASPDAMEncGMUConv": ("dam", ("gmu",), False),
    "GASPDAMEncGMUALSTMConv": ("dam", ("gmu", "alstm"), False),
    "GASPDAMEncALSTMGMUConv": ("dam", ("alstm", "gmu"), False),
    "SequenceGASPEncALSTMConv": ("none", ("alstm",), True),
    "SequenceGASPEncGMUALSTMConv": ("none", ("gmu", "alstm"), True),
    "SequenceGASPEncALSTMGMUConv": ("none", ("alstm", "gmu"), True),
    "SequenceGASPDAMEncGMUALSTMConv": ("dam", ("gmu", "alstm"), True),
    "SequenceGASPDAMEncALSTMGMUConv": ("dam", ("alstm", "gmu"), True),
    "SequenceGASPEncRGMUConv": ("none", ("rgmu",), True),
    "SequenceGASPDAMEncRGMUConv": ("dam", ("rgmu",), True),
}

PUBLISHED_CLASSES = tuple(_ROWS)
"""The 17 published class names."""


def published(
    name: str,
    modalities: int = 5,
    sequence_len: int = 10,
    sequence_norm: bool = False,
    encoder: EncoderKind | None = "Conv",
    in_channels: int = 3,
    target: tuple[int, int] = (60, 60),
) -> GaspConfig:
    """The member behind a published class name. Raises KeyError for names that are none.

    Static classes ignore ``sequence_len`` and ``sequence_norm``, as published.
    """
    front, order, sequential = _ROWS[name]
    return GaspConfig(
        front=front,
        order=order,
        sequential=sequential,
        modalities=modalities,
        in_channels=in_channels,
        encoder=encoder,
        sequence_len=sequence_len if sequential else 1,
        sequence_norm=sequence_norm and sequential and "alstm" in order,
        target=target,
    )
