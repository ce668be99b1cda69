"""The activity-by-contact score of a gene's candidate elements, which stand round peak summits.

What the ABC model (Fulco et al., 2019) says of an element needs no training: it is what a learned
mask has to rank elements better than.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.elements import merge_runs
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import SIGNALS

#: Half the width of the ABC model's candidate elements, in bp.
CANDIDATE_HALF = 250


def candidates(peaks: pd.DataFrame, window: Interval) -> NDArray[np.int64]:
    """Return the ABC model's candidate elements in a window, [n, 2] indices, sorted and disjoint.

    500 bp round the summit of every peak (its middle, where it has none), merged where they overlap
    or touch.
    """
    rows = peaks_within(peaks, window)
    middle = (rows["start"].to_numpy() + rows["end"].to_numpy()) // 2
    summit = np.where(rows["summit"].to_numpy() >= 0, rows["summit"].to_numpy(), middle)
    spans = np.stack([summit - CANDIDATE_HALF, summit + CANDIDATE_HALF], 1) - window.start
    spans = np.unique(spans.clip(0, window.width), axis=0)
    return merge_runs(spans[spans[:, 0] < spans[:, 1]].astype(np.int64), 0)


def abc_scores(signals: NDArray[np.float32], elements: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the activity-by-contact score of each candidate element (Fulco et al., 2019).

    Activity is the geometric mean of DNase and H3K27ac over the element, contact its mean contact
    with the TSS; the score is their product divided by its sum over all elements of the window, the
    gene's own promoter among them, as there. The sum runs over 100 kb to either side, not 5 Mb.

    Parameters
    ----------
    signals : float32 [L, 3], a window's.
    elements : [n, 2] half-open indices into the window.
    """
    values = signals.astype(np.float64)
    values[:, SIGNALS.index("Hi-C")] = 10 ** values[:, SIGNALS.index("Hi-C")] - 1
    up_to = np.vstack([np.zeros(3), values.cumsum(0)])
    lengths = (elements[:, 1] - elements[:, 0])[:, None]
    means = (up_to[elements[:, 1]] - up_to[elements[:, 0]]) / np.maximum(lengths, 1)
    h3k27ac, dnase, contact = (means[:, SIGNALS.index(s)] for s in ("H3K27ac", "DNase", "Hi-C"))
    product = np.sqrt(np.clip(dnase * h3k27ac, 0, None)) * contact
    total = product.sum()
    return product / total if total > 0 else product


def overlapping(tested: NDArray[np.int64], predicted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which predicted spans share a base with which tested ones.

    Parameters
    ----------
    tested, predicted : [n, 2] and [m, 2], half-open.

    Returns
    -------
    ndarray
        [n, m].
    """
    return (tested[:, :1] < predicted[None, :, 1]) & (predicted[None, :, 0] < tested[:, 1:])


def highest_overlapping(
    tested: NDArray[np.int64], predicted: NDArray[np.int64], score: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the highest score of the predicted spans that share a base with each tested one.

    Parameters
    ----------
    tested, predicted : [n, 2] and [m, 2], half-open.
    score : [m].

    Returns
    -------
    ndarray
        [n]; 0 where no predicted span does.
    """
    return np.where(overlapping(tested, predicted), score[None], 0).max(axis=1, initial=0)


def peaks_within(peaks: pd.DataFrame, window: Interval) -> pd.DataFrame:
    """Return the rows of peaks that share a base with a window."""
    here = (peaks["chrom"] == window.chrom) & (peaks["start"] < window.end)
    return peaks[here & (peaks["end"] > window.start)]
