"""Arithmetic of spans: sorted, disjoint, non-touching stretches of one chromosome.

They are int64 arrays [n, 2] of 0-based half-open positions, as
`seq2exp.analysis.elements.flatten` makes them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.elements import merge_runs
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import Window

Spans = NDArray[np.int64]

EMPTY: Spans = np.empty((0, 2), dtype=np.int64)


def bp(spans: Spans) -> int:
    """Return how many bases the spans hold."""
    return int((spans[:, 1] - spans[:, 0]).sum())


def cut(sets: Sequence[Spans]) -> tuple[Spans, NDArray[np.bool_]]:
    """Cut the line wherever one of several sets begins or ends.

    Returns
    -------
    stretches
        [m, 2], sorted, from the first begin to the last end without a gap.
    member
        bool [m, k]: whether each of the k sets covers the stretch.
    """
    edges = np.unique(np.concatenate([EMPTY.ravel(), *(spans.ravel() for spans in sets)]))
    stretches = np.stack([edges[:-1], edges[1:]], axis=1)
    # Flat spans ascend strictly, so a position lies inside after an odd number of edges.
    inside = [np.searchsorted(spans.ravel(), stretches[:, 0], "right") % 2 == 1 for spans in sets]
    return stretches, np.stack(inside, axis=1)


def intersect(a: Spans, b: Spans) -> Spans:
    """Return the bases that both have."""
    stretches, member = cut([a, b])
    return merge_runs(stretches[member.all(axis=1)], 0)


def subtract(a: Spans, b: Spans) -> Spans:
    """Return the bases that `a` has and `b` has not."""
    stretches, member = cut([a, b])
    return merge_runs(stretches[member[:, 0] & ~member[:, 1]], 0)


def on_chromosome(window: Window) -> Interval:
    """Return the window without its padding."""
    whole = window.interval
    return Interval(whole.chrom, whole.start + window.pad_left, whole.end - window.pad_right)


def promoter_of(window: Window) -> Spans:
    """Return the gene's forced-open promoter, [1, 2]."""
    start = window.interval.start
    return np.array([[start + window.promoter.start, start + window.promoter.stop]], np.int64)


def counted_bases(window: Window, keep_promoter: bool = False) -> Spans:
    """Return the bases of a window that count.

    All on the chromosome, without the forced-open promoter unless `keep_promoter`.
    """
    place = on_chromosome(window)
    whole = np.array([[place.start, place.end]], np.int64)
    return whole if keep_promoter else subtract(whole, promoter_of(window))
