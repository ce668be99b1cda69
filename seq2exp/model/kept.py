"""Rows that are kept of windows: laid side by side, with what lies between them, and pooled."""

import torch
from torch import Tensor


def compact(x: Tensor, keep: Tensor, at: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Lay each sample's kept rows side by side, in order, and fill up with zero rows.

    Parameters
    ----------
    x : Tensor [kept, d]
        The kept rows of all samples.
    keep : bool Tensor [B, L]
    at : tuple of two Tensors [kept]
        Sample and position of each row.

    Returns
    -------
    Tensor [B, longest, d] and the number of kept rows, Tensor [B].
    """
    lengths = keep.sum(1)
    out = x.new_zeros(len(keep), max(1, int(lengths.max())), x.shape[1])
    return out.index_put((at[0], keep.cumsum(1)[at] - 1), x), lengths


def left_out(keep: Tensor, at: tuple[Tensor, ...], lengths: Tensor) -> Tensor:
    """Return how many positions `compact` drops before each row and after the last of a sample.

    Parameters
    ----------
    keep, at, lengths
        As `compact` is given and returns them; every sample keeps a row.

    Returns
    -------
    float32 Tensor [B, longest + 1]
    """
    sample, position = at
    first = torch.ones_like(sample, dtype=torch.bool)
    first[1:] = sample[1:] != sample[:-1]
    before = position - position.roll(1).masked_fill(first, -1) - 1
    counts = before.new_zeros(len(keep), max(1, int(lengths.max())) + 1)
    counts[sample, keep.cumsum(1)[at] - 1] = before
    ends = torch.arange(len(keep), device=keep.device)
    counts[ends, lengths] = keep.shape[1] - lengths - counts.sum(1)
    return counts.float()


def mean_of_run(hidden: Tensor, start: Tensor, count: Tensor) -> Tensor:
    """Return the mean [B, d] of `count` [B] rows of hidden [B, L, d] from row `start` [B] on."""
    at = torch.arange(hidden.shape[1], device=hidden.device)
    inside = (at >= start[:, None]) & (at < (start + count)[:, None])  # [B, L]
    total = (hidden * inside.unsqueeze(-1)).sum(1)
    return total / count.clamp(min=1).unsqueeze(-1)
