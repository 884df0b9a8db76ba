"""Members of the GASP family as data: constructing and checking one needs no torch.

Source: Abawi, Weber, Wermter, "GASP: Gated Attention for Saliency Prediction", IJCAI 2021.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args

Front = Literal["none", "dam", "se"]
EncoderKind = Literal["Conv", "Deep", "Light"]
Unit = Literal["concat", "add", "gmu", "alstm", "rgmu"]
Head = Literal["logits", "density"]
KINDS = (*get_args(EncoderKind), None)

ORDERS: tuple[tuple[Unit, ...], ...] = (
    ("concat",),
    ("add",),
    ("gmu",),
    ("alstm",),
    ("gmu", "alstm"),
    ("alstm", "gmu"),
    ("rgmu",),
)
"""Units that may follow the encoders, in order of application."""


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
        target: (H', W') of the ground truth in the published training; the network itself takes any even size.
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
        self._check_values()
        self._check_combination()

    def _check_values(self) -> None:
        if self.order not in ORDERS:
            raise ValueError(f"order {list(self.order)} is none of {[list(order) for order in ORDERS]}")
        for name, known in (("front", get_args(Front)), ("head", get_args(Head)), ("encoder", KINDS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r} is none of {', '.join(map(repr, known))}")
        sizes = {name: getattr(self, name) for name in ("modalities", "in_channels", "latent", "sequence_len")}
        for name, size in [*sizes.items(), *(("target", size) for size in self.target)]:
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {size!r}")

    def _check_combination(self) -> None:
        if self.sequential and self.sequence_len < 2:
            raise ValueError("a sequential network needs sequence_len of at least 2")
        if not self.sequential and self.sequence_len != 1:
            raise ValueError("a static network has sequence_len 1")
        if self.order == ("rgmu",) and not self.sequential:
            raise ValueError("the recurrent GMU needs a sequential network")
        if self.sequential and self.order in (("concat",), ("add",), ("gmu",)):
            raise ValueError(f"order {list(self.order)} has no recurrence and is static")
        if self.sequence_norm and (not self.sequential or "alstm" not in self.order):
            raise ValueError("sequence_norm needs a sequential network with an attentive LSTM")
        if self.front != "none" and self.modalities * self.in_channels < 2:
            raise ValueError(f"front {self.front!r} weighs channels against each other and needs at least 2")

    @property
    def features(self) -> int:
        """Channels of one modality behind the encoder."""
        return self.in_channels if self.encoder is None else self.latent

    @property
    def exhaustive(self) -> bool:
        """Return whether training needs ground truth for every frame of a window: sequential networks with DAM."""
        return self.sequential and self.front == "dam"

    def as_dict(self) -> dict[str, Any]:
        """Return all fields by name, tuples as they are; see :meth:`from_dict`."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> GaspConfig:
        """The inverse of :meth:`as_dict`, also after a trip through JSON.

        Raises TypeError for unknown fields, ValueError for values that are not allowed.
        """
        names = [field.name for field in fields(GaspConfig)]
        for name in values:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise TypeError(f"unknown field {name!r}{hint} (known: {', '.join(names)})")
        pairs: dict[str, Any] = {name: tuple(values[name]) for name in ("order", "target") if name in values}
        return GaspConfig(**{**values, **pairs})


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
