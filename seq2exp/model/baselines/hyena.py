"""HyenaDNA: long convolutions whose filters are functions of the distance; no signals, no mask.

Poli et al. 2023 (Hyena) and Nguyen et al. 2023 (HyenaDNA). Shapes: B batch, L window length,
d width, T positions that a filter is defined for.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from seq2exp.errors import InputError
from seq2exp.model.baselines.config import BaselineConfig
from seq2exp.model.baselines.head import VOCABULARY, Baseline, character_ids, recomputes

_BANDS = 2  # of the distance's features
_FILTER_WIDTH = 64
_FREQUENCY = 10.0  # of the sines in the filter's network, at the start
_SLOWEST, _FASTEST, _LEFT = 1.5, 0.3, 1e-2  # a filter decays to _LEFT over that share of T
_TAPS = 3  # of the short convolution
_STD = 0.02  # of the weights at the start
_DROPOUT = 0.1  # of the token embedding
_KEPT = 30  # tensors of its input's size that a block keeps for the gradient

#: AdamW's settings for the filters' networks.
FILTER_SETTINGS = {"lr": 5e-4, "weight_decay": 0.0}


def long_convolution(u: Tensor, kernel: Tensor) -> Tensor:
    """Return y_t = Σ_{s ≤ t} kernel_{t-s} · u_s, channel by channel, in float32 or float64.

    The transform's size 2 L keeps the end of the sequence from wrapping round to its start.

    Parameters
    ----------
    u : Tensor [B, d, L]
    kernel : Tensor [d, L]

    Returns
    -------
    Tensor [B, d, L]
    """
    length = u.shape[-1]
    if kernel.dtype != torch.float64:
        u, kernel = u.float(), kernel.float()
    spectrum = torch.fft.rfft(u, 2 * length) * torch.fft.rfft(kernel, 2 * length)
    return torch.fft.irfft(spectrum, 2 * length)[..., :length]


class Filter(nn.Module):
    """Each channel's filter over the distances 0 … T - 1, a small network under a fixed decay.

    With time t_i = i / (T - 1) and phase w_i = 2π i / T, the network reads t, cos(f w) and
    -sin(f w) at the frequencies f = 1e-4 and 1; channel c's decay is exp(-t · |δ_c|). Neither is
    trained. In mixed precision, too, the filter is made in float32.
    """

    time: Tensor
    seen: Tensor
    delta: Tensor

    def __init__(self, width: int, positions: int) -> None:
        super().__init__()
        time = torch.linspace(0, 1, positions).unsqueeze(1)  # [T, 1]
        phase = (2 * math.pi / positions) * torch.arange(positions).unsqueeze(1)
        angle = phase * torch.linspace(1e-4, _BANDS - 1, _BANDS)  # [T, bands]
        delta = torch.linspace(math.log(_LEFT) / _SLOWEST, math.log(_LEFT) / _FASTEST, width)
        self.register_buffer("time", time, persistent=False)
        seen = torch.cat([time, angle.cos(), -angle.sin()], 1)
        self.register_buffer("seen", seen, persistent=False)  # [T, 5]
        self.register_buffer("delta", delta, persistent=False)  # [d]
        sizes = [1 + 2 * _BANDS, _FILTER_WIDTH, _FILTER_WIDTH, _FILTER_WIDTH]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.freq = nn.Parameter(torch.full((_FILTER_WIDTH,), _FREQUENCY))
        self.out = nn.Linear(_FILTER_WIDTH, width, bias=False)

    def forward(self, length: int) -> Tensor:
        """Return the filters' first `length` values, [d, length]."""
        x = self.seen[:length]
        # bfloat16 would tell some 256 times apart, not 200,000.
        with torch.autocast(x.device.type, enabled=False):
            for layer in self.hidden:
                x = torch.sin(self.freq * layer(x))  # [length, 64]
            decay = torch.exp(-self.time[:length] * self.delta.abs())  # [length, d]
            return (self.out(x) * decay).T


class Hyena(nn.Module):
    """The operator of order 2: a long convolution between two gates, [B, L, d] to [B, L, d]."""

    def __init__(self, width: int, positions: int) -> None:
        super().__init__()
        self.in_proj = nn.Linear(width, 3 * width)
        self.short_filter = nn.Conv1d(
            3 * width, 3 * width, _TAPS, groups=3 * width, padding=_TAPS - 1
        )
        self.filter = Filter(width, positions)
        self.bias = nn.Parameter(torch.randn(width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, L, d] of x [B, L, d]."""
        length = x.shape[1]
        x = self.short_filter(self.in_proj(x).transpose(1, 2))[..., :length]  # [B, 3 d, L]
        outer, inner, v = x.chunk(3, 1)
        v = inner * v  # [B, d, L]
        v = (long_convolution(v, self.filter(length)) + self.bias[:, None] * v).to(v.dtype)
        return self.out_proj((outer * v).transpose(1, 2))


class Mlp(nn.Module):
    """Linear, GELU (its tanh form), Linear."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return [..., d] of x [..., d]."""
        return self.fc2(functional.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    """Hyena and MLP, each after a norm of the carried residual, which is float32."""

    def __init__(self, width: int, positions: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.mixer = Hyena(width, positions)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor, residual: Tensor) -> tuple[Tensor, Tensor]:
        """Return the MLP's output and the residual it was added to, [B, L, d] each."""
        residual = x + residual
        residual = self.mixer(self.norm1(residual)) + residual
        return self.mlp(self.norm2(residual)), residual


class Stack(nn.Module):
    """Token embedding, blocks and a last norm: ids [B, L] to [B, L, d]."""

    def __init__(self, width: int, layers: int, positions: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, width)
        self.dropout = nn.Dropout(_DROPOUT)
        self.layers = nn.ModuleList(Block(width, positions) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                into_residual = name.endswith(("out_proj", "fc2"))
                nn.init.normal_(
                    module.weight, std=_STD / math.sqrt(2 * layers) if into_residual else _STD
                )
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the hidden states [B, L, d]."""
        x = self.dropout(self.embedding(ids))
        residual = torch.zeros_like(x)
        again = recomputes(x, _KEPT, len(self.layers))
        for layer in self.layers:
            if again:
                x, residual = checkpoint(
                    layer, x, residual, use_reentrant=False, preserve_rng_state=False
                )
            else:
                x, residual = layer(x, residual)
        return self.ln_f(x + residual)


class HyenaDNA(Baseline):
    """Tokens, stack, mean over the promoter, head.

    The filters span the configured window, so longer windows do not fit. What follows the promoter
    cannot reach it in a causal network, so it is not computed.
    """

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config, config.width)
        # Two more than the window, as the authors set it.
        self.model = Stack(config.width, config.layers, config.window + 2)

    def embed(self, one_hot: Tensor, signals: Tensor, peaks: Tensor | None) -> Tensor:
        """Return the mean hidden state of the promoter, [B, d]."""
        length = one_hot.shape[1]
        if length > self.config.window:
            raise InputError(
                f"A window of {length:,} bp does not fit this hyenadna, which was made for "
                f"{self.config.window:,} bp; crop it."
            )
        part = self.promoter(length)
        return self.model(character_ids(one_hot[:, : part.stop]))[:, part].mean(1)

    def optimiser_settings(self) -> dict[str, dict[str, float]]:
        """Return the filters' parameters, which have settings of their own."""
        return {
            name: dict(FILTER_SETTINGS)
            for name, _ in self.named_parameters()
            if ".mixer.filter." in name
        }
