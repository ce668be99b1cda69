"""Level of detail: at most about 2,000 bins a row, on edges that never move.

Bin edges are multiples of the bin size counted from the first base of the chromosome, not from the
view. A peak therefore falls into the same bin wherever the view starts, and panning neither
shimmers nor shifts it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from seq2exp.genome.locus import Interval

#: Bins a row, about: more than a wide screen has pixels, few enough to redraw in tens of ms.
TARGET_BINS = 2_000


def bin_size(span_bp: int, target: int = TARGET_BINS) -> int:
    """Return the bp per bin that cuts a span into at most about ``target`` bins.

    Parameters
    ----------
    span_bp : int
        Length to be drawn, in bp, padding included.
    target : int
        Largest number of whole bins.

    Returns
    -------
    int
        The smallest of 1, 2, 5, 10, 20, 50, … that is large enough.
    """
    scale = 1
    while True:
        for step in (1, 2, 5):
            if step * scale * target >= span_bp:
                return step * scale
        scale *= 10


def padded(viewport: Interval, window: Interval) -> Interval:
    """Return the view with half a screen on either side, clipped to the window.

    A drag of up to half a screen then shows data at once, before new bins arrive.
    """
    half = (viewport.end - viewport.start) // 2
    start = max(viewport.start - half, window.start)
    end = min(viewport.end + half, window.end)
    return Interval(window.chrom, min(start, end), max(start, end))


def bin_edges(interval: Interval, bin_bp: int) -> NDArray[np.int64]:
    """Return the absolute edges ``k * bin_bp`` of the bins that touch an interval.

    Returns
    -------
    numpy.ndarray of int64 [n + 1]
        0-based edges; the first may lie left of the interval and the last right of it.
    """
    first = interval.start // bin_bp
    last = -(-interval.end // bin_bp)
    return np.arange(first, max(last, first) + 1, dtype=np.int64) * bin_bp


def bin_values(
    values: NDArray[Any],
    origin_bp: int,
    interval: Interval,
    bin_bp: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Reduce per-base values to the smallest, mean and largest value of each bin.

    Parameters
    ----------
    values : numpy.ndarray [L]
        One value a base; ``values[0]`` belongs to position ``origin_bp``.
    origin_bp : int
        0-based genome position of the first value.
    interval : Interval
        What to cover; parts without values are left out.
    bin_bp : int
        bp per bin.

    Returns
    -------
    x : numpy.ndarray of int64 [n]
        Absolute start of each bin, a multiple of ``bin_bp``. The first and last bin may reach past
        the values; their statistics are of the bases that exist.
    min, mean, max : numpy.ndarray of float64 [n]
        In the unit of ``values``.
    """
    part, edges, offsets = _cut(values, origin_bp, interval, bin_bp)
    if part.size == 0:
        empty = np.zeros(0)
        return np.zeros(0, dtype=np.int64), empty, empty.copy(), empty.copy()
    if bin_bp == 1:
        same = part.astype(np.float64)
        return edges[:-1], same, same.copy(), same.copy()
    counts = np.diff(np.append(offsets, part.size))
    part = part.astype(np.float64)
    return (
        edges[:-1],
        np.minimum.reduceat(part, offsets),
        np.add.reduceat(part, offsets) / counts,
        np.maximum.reduceat(part, offsets),
    )


def bin_mean(
    values: NDArray[Any], origin_bp: int, interval: Interval, bin_bp: int
) -> NDArray[np.float64]:
    """Return the bins' means only, for values [L] or [L, k]; see :func:`bin_values`."""
    found, _, offsets = _cut(values, origin_bp, interval, bin_bp)
    part = found.astype(np.float64)
    if part.shape[0] == 0 or bin_bp == 1:
        return part
    counts = np.diff(np.append(offsets, part.shape[0]))
    sums = np.add.reduceat(part, offsets, axis=0)
    return sums / counts.reshape(-1, *[1] * (part.ndim - 1))


def _cut(
    values: NDArray[Any], origin_bp: int, interval: Interval, bin_bp: int
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return the values inside the interval, the bin edges, and where each bin begins in them."""
    start = max(interval.start, origin_bp)
    end = min(interval.end, origin_bp + values.shape[0])
    if end <= start:
        none = np.zeros(0, dtype=np.int64)
        return values[:0], none, none
    edges = bin_edges(Interval(interval.chrom, start, end), bin_bp)
    # A bin cut by the edge of the interval still takes in all its bases, or its value would change
    # as the view moves.
    low = max(int(edges[0]), origin_bp)
    high = min(int(edges[-1]), origin_bp + values.shape[0])
    offsets = np.maximum(edges[:-1], low) - low
    return values[low - origin_bp : high - origin_bp], edges, offsets


def beta_band(
    alpha: NDArray[np.floating], beta: NDArray[np.floating], mass: float = 0.9
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the central credible band of Beta distributions.

    Parameters
    ----------
    alpha, beta : numpy.ndarray [n]
        Shape parameters, > 0: of single bases, or the mean parameters of a bin.
    mass : float
        Probability inside the band.

    Returns
    -------
    lower, upper : numpy.ndarray of float64 [n]
        Quantiles (1 - mass) / 2 and (1 + mass) / 2. The inverse of the incomplete beta function
        costs several µs each, so callers pass what is on screen, never the 200,000 bases.
    """
    a = np.asarray(alpha, dtype=np.float64)
    b = np.asarray(beta, dtype=np.float64)
    tail = (1.0 - mass) / 2.0
    lower: NDArray[np.float64] = np.asarray(betaincinv(a, b, tail), dtype=np.float64)
    upper: NDArray[np.float64] = np.asarray(betaincinv(a, b, 1.0 - tail), dtype=np.float64)
    return lower, upper
