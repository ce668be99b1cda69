"""EPInformer v2 (Lin et al. 2024): the promoter among its nearest candidate elements.

Shapes: B batch, L window length, E = 61 elements (the promoter first), d width.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from seq2exp.genome.window import PROMOTER
from seq2exp.model.baselines.config import BaselineConfig
from seq2exp.model.baselines.head import Baseline

NEAREST = 60
"""Most candidate elements of a window."""

ELEMENT = 2_000
"""Bases of an element's crop."""

_EXTRA = 3  # numbers beside an element's sequence
_POOLED = ELEMENT // 16 - 2 * (2 + 4 + 6)  # positions after four poolings and three convolutions


class Elements(NamedTuple):
    """Promoter (row 0) and candidate elements, nearest first; rows without an element are zero.

    Attributes
    ----------
    sequence : float32 [B, E, 2000, 4]
        One-hot of the 2 kb around the element's centre.
    extra : float32 [B, E, 3]
        Distance to the TSS in kb, log10(1 + contact) with it, and activity; zero for the promoter.
    """

    sequence: Tensor
    extra: Tensor


def candidate_elements(
    one_hot: Tensor,
    signals: Tensor,
    peaks: Tensor,
    promoter: int = PROMOTER,
    nearest: int = NEAREST,
) -> Elements:
    """Cut the promoter and its candidate elements out of windows.

    Candidates are the peaks whose centre, base (start + end) // 2, lies further from the TSS than
    the promoter's half; of equally near ones the left comes first. An element's contact is that of
    its centre; its activity is the root of mean H3K27ac times mean DNase, over what of the peak
    lies within the crop.

    Parameters
    ----------
    one_hot : Tensor [B, L, 4]
        Beyond the window a crop is zero.
    signals : Tensor [B, L, 3]
        H3K27ac, DNase, log10(1 + contact).
    peaks : bool Tensor [B, L]
    promoter : int
        Bases around the TSS, which is at L / 2.
    nearest : int
        Most candidates that are kept.
    """
    batch, window = peaks.shape
    bounds = _nearest_peaks(peaks, promoter, nearest)  # [B, n, 2]
    start, end = bounds.unbind(-1)
    filled = end > start  # [B, n]
    tss = start.new_full((batch, 1), window // 2)
    centre = torch.cat([tss, (start + end) // 2], 1)  # [B, 1 + n]
    offsets = torch.arange(-(ELEMENT // 2), ELEMENT // 2, device=peaks.device)
    at = centre.unsqueeze(-1) + offsets  # [B, 1 + n, 2000]
    inside = (at >= 0) & (at < window) & functional.pad(filled, (1, 0), value=True).unsqueeze(-1)
    sample = torch.arange(batch, device=peaks.device)[:, None, None]
    crop = torch.cat([one_hot, signals[..., :2]], -1)[sample, at.clamp(0, window - 1)]
    crop = crop * inside.unsqueeze(-1)  # [B, 1 + n, 2000, 6]

    within = (at[:, 1:] >= start.unsqueeze(-1)) & (at[:, 1:] < end.unsqueeze(-1))
    total = (crop[:, 1:, :, 4:] * within.unsqueeze(-1)).sum(2)  # [B, n, 2]
    mean = total / within.sum(2).clamp(min=1).unsqueeze(-1)
    product = mean[..., 0] * mean[..., 1]
    some = product > 0  # elsewhere the root has no gradient
    activity = torch.where(some, product, 1).sqrt() * some  # [B, n]
    distance = (centre[:, 1:] - window // 2).abs() / 1000
    contact = signals[..., 2].gather(1, centre[:, 1:])
    extra = torch.stack([distance, contact, activity], -1) * filled.unsqueeze(-1)
    return Elements(crop[..., :4], functional.pad(extra.to(one_hot.dtype), (0, 0, 1, 0)))


def _nearest_peaks(peaks: Tensor, promoter: int, nearest: int) -> Tensor:
    """Return start and end of the nearest peaks, int64 [B, nearest, 2]; both 0 where none is."""
    batch, window = peaks.shape
    edge = functional.pad(peaks.to(torch.int8), (1, 1)).diff(dim=1)  # [B, L + 1]
    sample, start = (edge == 1).nonzero(as_tuple=True)
    end = (edge == -1).nonzero(as_tuple=True)[1]  # as both are in order, they pair up
    distance = ((start + end) // 2 - window // 2).abs()
    order = (sample * window + distance).argsort(stable=True)
    order = order[distance[order] > promoter // 2]
    sample = sample[order]
    first = torch.searchsorted(sample, torch.arange(batch, device=peaks.device))
    rank = torch.arange(len(sample), device=peaks.device) - first[sample]
    kept = rank < nearest
    bounds = start.new_zeros(batch, nearest, 2)
    bounds[sample[kept], rank[kept]] = torch.stack([start, end], 1)[order[kept]]
    return bounds


class SequenceEncoder(nn.Module):
    """Convolutions over each element's bases, [B, 4, E, 2000] to [B, 2 d, E, 125]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = [4 * width, 2 * width, width, width, 2 * width]
        self.stem_conv = nn.Sequential(nn.Conv2d(4, channels[0], (1, 8)), nn.ELU())
        self.conv_tower = nn.ModuleList()
        for before, after in pairwise(channels):
            self.conv_tower.append(
                nn.Sequential(
                    nn.Conv2d(before, after, (1, 3), padding=(0, 1)),
                    nn.BatchNorm2d(after),
                    nn.ELU(),
                    nn.MaxPool2d((1, 2)),
                )
            )
            self.conv_tower.append(nn.Sequential(nn.Conv2d(after, after, 1), nn.ELU()))

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, 2 d, E, 125] of x [B, 4, E, 2000]."""
        x = self.stem_conv(functional.pad(x, (3, 4)))  # as many positions as before
        for reduce, mix in zip(self.conv_tower[::2], self.conv_tower[1::2], strict=True):
            x = reduce(x)
            x = x + mix(x)
        return x


class AttentionLayer(nn.Module):
    """Attention and MLP over the elements, each after a norm and added to what it was given."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.ff = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, empty: Tensor, star: Tensor) -> Tensor:
        """Return [B, E, d] of x; nobody sees `empty` [B, E], and i not j where `star` [E, E]."""
        h = self.norm1(x)
        attended, _ = self.self_attn(
            *(h, h, h), key_padding_mask=empty, attn_mask=star, need_weights=False
        )
        x = x + attended
        return x + self.ff(self.norm2(x))


def star_mask(elements: int) -> Tensor:
    """Return who does not see whom, bool [E, E].

    The promoter (index 0) sees all, an element sees itself and the promoter.
    """
    hidden = ~torch.eye(elements, dtype=torch.bool)
    hidden[0] = hidden[:, 0] = False
    return hidden


class EPInformer(Baseline):
    """Encoder of each element, star-shaped attention, the promoter's embedding, head.

    Elements are made from the window and its peaks by `candidate_elements`. The published network
    took ABC's candidates, which are at least 500 bp, with nothing outside of them in their crops.
    """

    needs_peaks = True
    star: Tensor

    def __init__(self, config: BaselineConfig) -> None:
        width, heads = config.width, config.heads
        assert heads is not None
        super().__init__(config, width)
        self.seq_encoder = SequenceEncoder(width)

        def narrow(before: int, after: int, taps: int, dilation: int) -> list[nn.Module]:
            conv = nn.Conv2d(before, after, (1, taps), dilation=(1, dilation))
            return [conv, nn.BatchNorm2d(after), nn.ELU()]

        self.conv_out = nn.Sequential(
            *narrow(2 * width, width, 3, 2),
            *narrow(width, width, 3, 4),
            *narrow(width, width, 3, 6),
            *narrow(width, width // 2, 1, 1),
            nn.Linear(_POOLED, 2),
            nn.ELU(),
        )
        self.add_pos_conv = nn.Sequential(
            nn.Conv1d(width + _EXTRA, width, 1), nn.ReLU(), nn.Conv1d(width, width, 1), nn.ReLU()
        )
        self.attn_encoder = nn.ModuleList(
            AttentionLayer(width, heads) for _ in range(config.layers)
        )
        self.register_buffer("star", star_mask(1 + NEAREST), persistent=False)

    def embed(self, one_hot: Tensor, signals: Tensor, peaks: Tensor | None) -> Tensor:
        """Return the promoter's embedding, [B, d]."""
        assert peaks is not None
        return self.attend(*candidate_elements(one_hot, signals, peaks, self.config.promoter))

    def attend(self, sequence: Tensor, extra: Tensor) -> Tensor:
        """Return the promoter's embedding [B, d] among at most 61 `Elements`."""
        empty = ~sequence.flatten(2).any(-1)  # [B, E]
        empty[:, 0] = False  # a promoter of N alone is there nevertheless
        x = self.conv_out(self.seq_encoder(sequence.permute(0, 3, 1, 2)))  # [B, d / 2, E, 2]
        x = x.transpose(1, 2).flatten(2)  # [B, E, d]
        x = torch.cat([x, extra], -1).transpose(1, 2)
        x = self.add_pos_conv(x).transpose(1, 2)  # [B, E, d]
        star = self.star[: x.shape[1], : x.shape[1]]
        for layer in self.attn_encoder:
            x = layer(x, empty, star)
        return x[:, 0]
