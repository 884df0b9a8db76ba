"""The GASP family: one module composed from a front, encoders and fusing units; no class per variant."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gazenet.fusion.alstm import AttentiveLSTM, SequenceAttentiveLSTM
from gazenet.fusion.channel_attention import DAMLayer, SELayer
from gazenet.fusion.encoders import ModalityEncoder
from gazenet.fusion.gasp_config import GaspConfig
from gazenet.fusion.gmu import GMUConv2d, RGMUConv2d, State
from gazenet.fusion.heads import DensityHead

Output = tuple[Tensor, Tensor | None, State | None]


class Gasp(nn.Module):
    """A member of the family, with the published state-dict keys.

    The forward pass has two halves, so that sliding windows can keep what belongs to one frame alone:
    :meth:`per_frame` (front, encoders, and the GMU where it precedes the LSTM) and :meth:`over_time`.
    """

    def __init__(self, config: GaspConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.modalities * config.in_channels
        if config.front == "dam":
            self.dam = DAMLayer(channels)
        elif config.front == "se":
            self.se = SELayer(channels)
        self._add_encoders()
        self._add_units()

    def _add_encoders(self) -> None:
        config = self.config
        if config.encoder is None:
            return
        count = config.modalities if config.sequential or config.own_encoders else 1
        encoders = [ModalityEncoder(config.in_channels, config.latent, config.encoder) for _ in range(count)]
        if config.sequential or config.own_encoders:
            self.enc_list = nn.ModuleList(encoders)
        else:
            self.enc = encoders[0]

    def _add_units(self) -> None:
        config = self.config
        wide, outputs = config.modalities * config.features, config.latent
        order = config.order
        if "gmu" in order:
            self.gmu: nn.Module = GMUConv2d(config.features, config.latent, config.modalities)
        if "rgmu" in order:
            self.gmu = RGMUConv2d(config.features, config.latent, config.modalities)
        if "alstm" in order:
            inputs = config.latent if order == ("gmu", "alstm") else wide
            self.att_lstm: nn.Module = (
                SequenceAttentiveLSTM(inputs, config.sequence_len, config.sequence_norm)
                if config.sequential
                else AttentiveLSTM(inputs)
            )
            outputs = config.latent if "gmu" in order else wide
        if order in (("concat",), ("add",)):
            self.saliency_in = nn.Conv2d(wide if order == ("concat",) else 1, config.latent, 3, padding=1)
        self.saliency_out = nn.Conv2d(outputs, 1, 1)
        if config.head == "density":
            self.head = DensityHead(config.modalities, config.in_channels)

    def encode(self, x: Tensor) -> Tensor:
        """Encode raw maps ``[N, M * C, H, W]`` to features ``[N, M * K, H/2, W/2]``."""
        if self.config.encoder is None:
            return x
        parts = x.split(self.config.in_channels, dim=1)
        if hasattr(self, "enc_list"):
            return torch.cat([encoder(part) for encoder, part in zip(self.enc_list, parts, strict=True)], 1)
        return torch.cat([self.enc(part) for part in parts], 1)

    def per_frame(self, x: Tensor) -> tuple[Tensor, Tensor | None, State | None]:
        """Compute one frame's parts: features ``[N, F, H', W']``, DAM logits, the state of a GMU that is first."""
        logits = None
        if self.config.front == "dam":
            logits, x = self.dam(x)
        elif self.config.front == "se":
            x = self.se(x)
        features = self.encode(x)
        if self.config.order[0] == "gmu":
            features, state = self.gmu(features)
            return features, logits, state
        return features, logits, None

    def over_time(self, features: Tensor, state: State | None) -> tuple[Tensor, State | None]:
        """Compute logits ``[N, 1, H', W']`` from features ``[N, F, H', W']`` or, sequential, ``[N, T, F, H', W']``."""
        order = self.config.order
        if "alstm" in order:
            features, _ = self.att_lstm(features)
        if order in (("rgmu",), ("alstm", "gmu")):
            features, state = self.gmu(features)
        elif order == ("add",):
            features = features.sum(1, keepdim=True)
        if order in (("concat",), ("add",)):
            features = self.saliency_in(features)
        return self.saliency_out(features), state

    def forward(self, modules: Tensor) -> Output:
        """``modules``: ``[N, M * C, H, W]``, or ``[N, T, M * C, H, W]`` where sequential; it is not modified.

        Returns saliency logits ``[N, 1, H', W']`` of the (last) frame; DAM logits ``[N, 1, H', W']`` or
        ``[N, T, 1, H', W']`` or None; and the (hidden, gates) of the GMU, each ``[N, M, K, H', W']`` (flat
        ``[N, M * K, H', W']`` for the recurrent GMU), or None.
        """
        if not self.config.sequential:
            features, dam, state = self.per_frame(modules)
            saliency, state = self.over_time(features, state)
            return self.finish(saliency, modules), dam, state
        frames = modules[:, : self.config.sequence_len]
        steps = [self.per_frame(frame) for frame in frames.unbind(1)]
        saliency, state = self.over_time(torch.stack([step[0] for step in steps], 1), steps[-1][2])
        dams = [step[1] for step in steps if step[1] is not None]
        return self.finish(saliency, frames[:, -1]), torch.stack(dams, 1) if dams else None, state

    def finish(self, saliency: Tensor, frame: Tensor) -> Tensor:
        """The head on logits ``[N, 1, H', W']`` of frames whose raw maps are ``[N, M * C, H, W]``."""
        return self.head(saliency, frame) if self.config.head == "density" else saliency


def build(config: GaspConfig) -> Gasp:
    """The network of a configuration, freshly initialised."""
    return Gasp(config)


def gate_scores(state: State | None, modalities: int) -> Tensor | None:
    """Mean gate per modality ``[N, M]`` from a returned state; None where the network has no gates."""
    if state is None:
        return None
    gates = state[1]
    if gates.dim() == 4:
        gates = gates.unflatten(1, (modalities, -1))
    return gates.mean((2, 3, 4))
