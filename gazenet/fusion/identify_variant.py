"""Identification of the family member that a bare state dict belongs to: published checkpoints do not say."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from gazenet.fusion.gasp_config import EncoderKind, Front, GaspConfig, Unit

LAST_LAYERS: Mapping[str, EncoderKind] = {"18": "Deep", "8": "Conv"}
"""Index of an encoder's last layer, by which the published kinds differ; the longer one holds the shorter's."""

PUBLISHED_CONTEXT = 10
"""Frames in a window of the released checkpoints; the weights tell it only where they normalise over time."""


def recognise(state: Mapping[str, Tensor], modalities: int) -> GaspConfig:
    """The member with published keys whose ``modalities`` cues these weights fuse.

    Shapes are not checked here. Raises ValueError for weights of something else.
    """
    sequential = "enc_list.0.enc.0.weight" in state
    encoder = "enc_list.0.enc" if sequential else "enc.enc"
    kind = next((index for index in LAST_LAYERS if f"{encoder}.{index}.weight" in state), None)
    if kind is None or "saliency_out.weight" not in state:
        raise ValueError("these weights have no published encoder")
    latent = state[f"{encoder}.{kind}.weight"].shape[1]
    norm = state.get("att_lstm.sequence_norm.weight")
    return GaspConfig(
        front=_front(state),
        order=_order(state, latent),
        sequential=sequential,
        modalities=modalities,
        in_channels=state[f"{encoder}.0.weight"].shape[1],
        latent=latent,
        encoder=LAST_LAYERS[kind],
        sequence_len=(PUBLISHED_CONTEXT if norm is None else len(norm)) if sequential else 1,
        sequence_norm=norm is not None,
    )


def _front(state: Mapping[str, Tensor]) -> Front:
    if "dam.fc1.weight" in state:
        return "dam"
    return "se" if "se.fc.0.weight" in state else "none"


def _order(state: Mapping[str, Tensor], latent: int) -> tuple[Unit, ...]:
    if "gmu.W_h_l" in state:
        return ("rgmu",)
    lstm, gated = state.get("att_lstm.W_a.weight"), "gmu.W_h" in state
    if lstm is not None and gated:
        return ("gmu", "alstm") if len(lstm) == latent else ("alstm", "gmu")
    if lstm is not None or gated:
        return ("gmu",) if gated else ("alstm",)
    entry = state.get("saliency_in.weight")
    if entry is None:
        raise ValueError("these weights have no unit that fuses")
    return ("add",) if entry.shape[1] == 1 else ("concat",)
