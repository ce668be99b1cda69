"""Mamba (Gu & Dao 2023) from left to right over the bases as tokens: no signals, no mask.

Shapes: B batch, L window length, d width, e = 2 d.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from seq2exp.model.baselines.config import BaselineConfig
from seq2exp.model.baselines.head import VOCABULARY, Baseline, character_ids, recomputes
from seq2exp.model.mamba import Mamba, RMSNorm

_EXPAND = 2
_KEPT = 11 * _EXPAND  # tensors of its input's size that a layer keeps for the gradient


class Mixer(Mamba):
    """One direction with projections of its own, [B, L, d] to [B, L, d]."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__(width, state=16, conv=4, expand=_EXPAND)
        inner = _EXPAND * width
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)  # rows: x, then the gate z
        self.out_proj = nn.Linear(inner, width, bias=False)
        with torch.no_grad():
            self.out_proj.weight /= math.sqrt(depth)

    def forward(
        self, x: Tensor, *, reverse: bool = False, valid: Tensor | None = None, scan: str = "auto"
    ) -> Tensor:
        """Return [B, L, d] of x [B, L, d]; the rest is as in `Mamba`."""
        x, z = self.in_proj(x).chunk(2, -1)  # [B, L, e] each
        y = super().forward(x, reverse=reverse, valid=valid, scan=scan)
        return self.out_proj(y * functional.silu(z))


class Layer(nn.Module):
    """Prenorm with a carried residual."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.norm = RMSNorm(width)
        self.mixer = Mixer(width, depth)

    def forward(self, x: Tensor, residual: Tensor | None, scan: str) -> tuple[Tensor, Tensor]:
        """Return this layer's output and the residual it was added to, [B, L, d] each."""
        residual = x if residual is None else x + residual
        return self.mixer(self.norm(residual), scan=scan), residual


class Stack(nn.Module):
    """Token embedding, layers and a last norm: ids [B, L] to [B, L, d].

    `scan` names the selective scan, as in `seq2exp.model.scan`.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.layers = nn.ModuleList(Layer(width, layers) for _ in range(layers))
        self.norm_f = RMSNorm(width)
        self.scan = "auto"

    def forward(self, ids: Tensor) -> Tensor:
        """Return the hidden states [B, L, d]."""
        x, residual = self.embedding(ids), None
        again = recomputes(x, _KEPT, len(self.layers))
        for layer in self.layers:
            if again:
                x, residual = checkpoint(
                    layer, x, residual, self.scan, use_reentrant=False, preserve_rng_state=False
                )
            else:
                x, residual = layer(x, residual, self.scan)
        return self.norm_f(x + residual)


class UnidirectionalMamba(Baseline):
    """Tokens, stack, mean over the promoter, head.

    What follows the promoter cannot reach it in a causal network, so it is not computed.
    """

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config, config.width)
        self.model = Stack(config.width, config.layers)

    def embed(self, one_hot: Tensor, signals: Tensor, peaks: Tensor | None) -> Tensor:
        """Return the mean hidden state of the promoter, [B, d]."""
        part = self.promoter(one_hot.shape[1])
        return self.model(character_ids(one_hot[:, : part.stop]))[:, part].mean(1)
