"""Shorter training windows that keep what may matter: the promoter, open bases, some background.

A window of 200,000 bases is mostly closed chromatin. Training sees the blocks with the most DNase
and a random sample of the others, side by side in their order, as the published hard variant's
predictor sees what its mask keeps. Both sides of the TSS keep as many bases, so the TSS stays in
the middle. A base drawn at random stands for as many as it was drawn from (`Batch.weight`), so the
mask's sparsity is that of whole windows. Signals that a network takes as running means are averaged
before windows are cut, while a base still has its neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import maximum_filter1d
from torch import Tensor

from seq2exp.errors import InputError
from seq2exp.genome.window import SIGNALS
from seq2exp.model.seq2exp import smoothed
from seq2exp.training.batches import Batch

BLOCK = 64  # bases that are kept or dropped together
REACH = 2  # blocks to either side of an open one that are kept with it
BACKGROUND = 0.25  # share of the kept bases that is drawn at random unless told otherwise


@dataclass(frozen=True)
class Compaction:
    """How training cuts windows down; see `compact` for what the numbers mean."""

    length: int
    promoter: int
    background: float

    def __call__(
        self,
        batch: Batch,
        seeds: Sequence[tuple[int, ...]],
        smooth: Sequence[int] = (1, 1, 1),
    ) -> Batch:
        """Return the batch with each window cut down by what its own seed draws."""
        size = (self.length, self.promoter, self.background)
        rows = [
            compact(row, *size, np.random.default_rng(seed), smooth)
            for row, seed in zip(batch.rows(), seeds, strict=True)
        ]
        return Batch.join(rows)


def compact(
    batch: Batch,
    length: int,
    promoter: int,
    background: float,
    rng: np.random.Generator,
    smooth: Sequence[int] = (1, 1, 1),
) -> Batch:
    """Return a batch whose windows are cut down to `length` bases each.

    Parameters
    ----------
    length : a multiple of twice `BLOCK`, above `promoter`; as long as the windows: nothing is cut.
    promoter : central bases that are kept whole.
    background : share of the other kept blocks that is drawn at random from those that are left.
    rng : what draws them.
    smooth : widths of the running means that the three signals become, in bases.
    """
    whole = batch.codes.shape[1]
    if length >= whole:
        return batch
    if length % (2 * BLOCK) or length <= promoter:
        raise InputError(
            f"Windows cannot be cut down to {length:,} bp: choose a multiple of {2 * BLOCK} above "
            f"the promoter's {promoter:,}."
        )
    drawn = [_kept(row, length, promoter, background, rng) for row in _candidacy(batch)]
    kept, weight = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
    kept = kept + whole // 2 % BLOCK  # [B, length]; the end that fills no block is left out
    rows = torch.arange(len(kept))[:, None]
    batch = batch._replace(signals=smoothed(batch.signals, smooth))
    parts = {
        name: value[rows, kept]
        for name, value in batch._asdict().items()
        if isinstance(value, Tensor) and value.shape[:2] == (len(kept), whole)
    }
    return batch._replace(**parts, weight=weight)


def _candidacy(batch: Batch) -> np.ndarray:
    """Return how much each block may matter, [B, blocks], counted from the TSS outwards.

    It is the largest DNase × contact within `REACH` blocks, contact as its logarithm: by contact
    itself closed bases near the TSS would come before open ones 40 kb away. A window's ends that
    fill no block are never kept.
    """
    dnase, contact = (batch.signals[..., SIGNALS.index(name)] for name in ("DNase", "Hi-C"))
    found = (dnase * contact).cpu().numpy()
    half = found.shape[1] // 2
    inside = half // BLOCK * BLOCK
    middle = found[:, half - inside : half + inside]
    blocks = middle.reshape(len(middle), -1, BLOCK).mean(2)
    return maximum_filter1d(blocks, 2 * REACH + 1, mode="constant")


def _kept(
    candidacy: np.ndarray,
    length: int,
    promoter: int,
    background: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of one window that are kept, ascending, and their weights, [length].

    They count from the first of the blocks, `candidacy` [blocks], the TSS being in their middle.
    """
    half = len(candidacy) // 2
    forced = -(-promoter // 2 // BLOCK)  # blocks of the promoter on each side
    chosen = []
    stands_for = np.ones(len(candidacy), np.float32)
    for side in (np.arange(half - 1, -1, -1), np.arange(half, 2 * half)):  # from the TSS outwards
        near, rest = side[:forced], side[forced:]
        count = length // 2 // BLOCK - forced
        random = round(background * count)
        ranked = rest[np.argsort(-candidacy[rest], kind="stable")]
        closed = ranked[count - random :]
        drawn = rng.choice(closed, random, replace=False)
        stands_for[drawn] = len(closed) / max(1, random)
        chosen += [near, ranked[: count - random], drawn]
    blocks = np.sort(np.concatenate(chosen))
    bases = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
    return bases, stands_for[blocks].repeat(BLOCK)
