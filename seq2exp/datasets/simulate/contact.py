"""Chromatin contact: the law that labels follow, and the Hi-C counts drawn from it."""

from dataclasses import dataclass

import numpy as np

from seq2exp.datasets.simulate.layout import Layout
from seq2exp.datasets.simulate.plan import BIN, TELOMERE, stream

#: Contact falls with distance to this power beyond 5 kb.
EXPONENT = 1.25
#: Expected count between neighbouring bins.
DEPTH = 260.0
#: Farthest pair of bins that is drawn.
FARTHEST = 1_500_000


@dataclass(frozen=True)
class Pixels:
    """Upper-triangle contact counts of one chromosome.

    Attributes
    ----------
    bin1, bin2 : numpy.ndarray
        int64 [n], 5 kb bins counted from the chromosome's start, bin1 <= bin2, in row order.
    count : numpy.ndarray
        int32 [n], > 0.
    """

    bin1: np.ndarray
    bin2: np.ndarray
    count: np.ndarray


def contact(layout: Layout, a: int, b: np.ndarray) -> np.ndarray:
    """Contact of position `a` with positions `b` [n]: 1 within 5 kb, less across borders."""
    b = np.asarray(b)
    decay = (np.maximum(np.abs(b - a), BIN) / BIN) ** -EXPONENT
    return decay * np.exp(-np.abs(_barrier(layout, b) - _barrier(layout, np.array([a]))))


def borders_between(layout: Layout, a: int, b: np.ndarray) -> np.ndarray:
    """How many domain borders stand between `a` and each of `b`: int64 [n]."""
    here = np.searchsorted(layout.borders, a, side="right")
    return np.abs(np.searchsorted(layout.borders, b, side="right") - here)


def _barrier(layout: Layout, positions: np.ndarray) -> np.ndarray:
    """Sum -log insulation over the borders left of each position."""
    height = np.concatenate([[0.0], -np.log(layout.insulation).cumsum()])
    return height[np.searchsorted(layout.borders, positions, side="right")]


def sample_pixels(seed: int, layout: Layout, cell: int) -> Pixels:
    """Draw the Hi-C counts of one chromosome and cell type, with uneven coverage of bins."""
    rng = stream(seed, layout.chrom, f"hi-c/{cell}")
    n = -(-layout.length // BIN)
    bias = rng.lognormal(0, 0.12, n)
    starts = np.arange(n) * BIN
    bias[(starts + BIN <= TELOMERE) | (starts >= layout.length - TELOMERE)] = 0.0  # N maps nowhere
    barrier = _barrier(layout, starts + BIN // 2)
    rows, columns, counts = [], [], []
    for distance in range(min(n, FARTHEST // BIN + 1)):
        first = np.arange(n - distance)
        second = first + distance
        expected = DEPTH * max(distance, 0.7) ** -EXPONENT * bias[first] * bias[second]
        crossing = np.abs(barrier[second] - barrier[first])
        # Far apart, compartments rather than borders rule: what is lost at borders levels off.
        expected *= np.exp(-np.minimum(crossing, 4.0))
        count = rng.poisson(expected)
        keep = count > 0
        rows.append(first[keep])
        columns.append(second[keep])
        counts.append(count[keep])
    bin1, bin2, count = (np.concatenate(part) for part in (rows, columns, counts))
    order = np.lexsort((bin2, bin1))
    return Pixels(bin1[order], bin2[order], count[order].astype(np.int32))
