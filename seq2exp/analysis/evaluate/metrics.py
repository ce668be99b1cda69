"""Metrics with intervals over genes, from what is counted once for each gene.

Examples of one gene share its surroundings, in one cell type as in the other, so the unit that is
drawn again is the gene with all its examples. Every metric here is a function of sums over genes;
a resample then is a vector of how often each gene was drawn, and a thousand of them are one matrix
product. The first row of such weights is all ones: the data as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: The outer quantiles of the intervals.
LEVELS = (0.025, 0.975)
#: Most bins of a histogram of scores. They narrow geometrically towards the highest score, where
#: precision changes fastest: 0.4 % of the rank each, which moves an area by less than 0.001.
BINS = 4096

_CHUNK = 64  # resamples at once; bounds the memory


class Estimate(NamedTuple):
    """A value with its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def gene_weights(genes: int, replicates: int, seed: int) -> Floats:
    """Return how often each gene counts, [1 + replicates, genes]: once, then as it was drawn."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(genes, np.full(genes, 1 / genes), size=replicates)
    return np.vstack([np.ones(genes), drawn])


def estimate(values: Floats) -> Estimate:
    """Return the first of `values` [1 + replicates] with the quantiles of the finite others."""
    others = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]):
        return Estimate(None, None, None)
    if len(others) == 0:
        return Estimate(float(values[0]), None, None)
    low, high = np.quantile(others, LEVELS)
    return Estimate(float(values[0]), float(low), float(high))


def share(hits: ArrayLike, of: ArrayLike, weights: Floats) -> Floats:
    """Return Σ hits / Σ of over genes for each row of `weights`; NaN where there are none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ np.asarray(hits, np.float64)) / (weights @ np.asarray(of, np.float64))


# --- base by base ---------------------------------------------------------------------------------


def bin_edges(sample: ArrayLike) -> NDArray[np.float32]:
    """Return the lower edges of score bins, ascending, made for a sample of the scores.

    Every edge is a value of the sample, so a score of few values has a bin for each of them. The
    lowest bin is open below.
    """
    ranked = np.sort(np.asarray(sample, np.float32))[::-1]
    if len(ranked) == 0:
        return np.zeros(1, np.float32)
    ranks = np.unique(np.geomspace(1, len(ranked), BINS).astype(np.int64)) - 1
    return np.unique(ranked[ranks])


@dataclass
class BaseCounts:
    """How many bases, and how many true ones, have a score in each bin, for every gene.

    Attributes
    ----------
    edges : float32 [K], ascending, from `bin_edges`.
    every, true : float64 [genes, K], the bin of the highest scores first.
    """

    edges: NDArray[np.float32]
    every: Floats
    true: Floats

    @classmethod
    def empty(cls, edges: NDArray[np.float32], genes: int) -> "BaseCounts":
        """Return counts of nothing."""
        return cls(edges, np.zeros((genes, len(edges))), np.zeros((genes, len(edges))))

    def add(self, gene: int, score: NDArray[np.float32], true: NDArray[np.bool_]) -> None:
        """Count the bases of one window, [N] each."""
        for counts, values in ((self.every, score), (self.true, score[true])):
            # Sorting the values and looking the edges up takes a fifth of the other way round.
            ranked = np.sort(np.asarray(values, np.float32))
            below = np.searchsorted(ranked, self.edges[1:], "left")
            counts[gene] += np.diff(below, prepend=0, append=len(ranked))[::-1]

    def summary(self, ratios: Sequence[float], weights: Floats) -> tuple[Floats, list[Floats]]:
        """Return the average precision, and F1 at each ratio, for each row of `weights`.

        Average precision is Σ (R_n - R_(n-1)) P_n, equal scores at one threshold. F1 is that of
        keeping the highest `ratio` of all bases: of bases with equal scores of which only some can
        be kept, each has the same chance, and it is F1 of the expected number of true ones.
        """
        area = np.empty(len(weights))
        f1 = [np.empty(len(weights)) for _ in ratios]
        for i in range(0, len(weights), _CHUNK):
            part = slice(i, i + _CHUNK)
            true, every = (weights[part] @ counts for counts in (self.true, self.every))
            true_up_to, every_up_to = true.cumsum(1), every.cumsum(1)
            positives, total = true_up_to[:, -1], every_up_to[:, -1]
            with np.errstate(invalid="ignore", divide="ignore"):
                precision = true_up_to / every_up_to
                area[part] = np.where(true > 0, true * precision, 0).sum(1) / positives
                for values, ratio in zip(f1, ratios, strict=True):
                    kept = ratio * total
                    last = np.minimum((every_up_to < kept[:, None]).sum(1), every.shape[1] - 1)
                    at = (np.arange(len(last)), last)
                    more = np.where(every[at] > 0, (every_up_to[at] - kept) / every[at], 0)
                    hits = true_up_to[at] - true[at] * more
                    values[part] = 2 * hits / (kept + positives)
        return area, f1

    def average_precision(self, weights: Floats) -> Floats:
        """Return the average precision alone, see `summary`."""
        return self.summary((), weights)[0]

    def f1(self, ratio: float, weights: Floats) -> Floats:
        """Return F1 at one ratio alone, see `summary`."""
        return self.summary((ratio,), weights)[1][0]


def threshold(sample: ArrayLike, ratio: float) -> float:
    """Return t so that ``score >= t`` keeps about `ratio` of a sample of scores.

    Where a single value is shared by many it is taken in or left out, whichever is nearer.
    """
    ranked = np.sort(np.asarray(sample, np.float32))
    count = len(ranked)
    value = ranked[count - min(max(round(ratio * count), 1), count)]
    least = (count - np.searchsorted(ranked, value, "right")) / count
    most = (count - np.searchsorted(ranked, value, "left")) / count
    if most - ratio <= ratio - least:
        return float(value)
    return float(np.nextafter(value, np.float32(np.inf)))


# --- element by element ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Wins:
    """How the elements of one kind score beside those of another, gene against gene.

    Attributes
    ----------
    wins : float64 [G, G]; over pairs of a first element of gene g and a second element of gene h,
        how often the first scores higher, ties counting half.
    first, second : float64 [G], elements of either kind.
    """

    wins: Floats
    first: Floats
    second: Floats

    @classmethod
    def of(
        cls,
        first: ArrayLike,
        first_gene: NDArray[np.int64],
        second: ArrayLike,
        second_gene: NDArray[np.int64],
        genes: int,
    ) -> "Wins":
        """Compare the scores of two kinds of elements, each with the gene it belongs to."""
        scores, others = np.asarray(first, np.float64), np.asarray(second, np.float64)
        wins = np.zeros((genes, genes))
        for gene in np.unique(second_gene):
            rivals = np.sort(others[second_gene == gene])
            beaten = np.searchsorted(rivals, scores, "left")
            level = np.searchsorted(rivals, scores, "right")
            wins[:, gene] = np.bincount(first_gene, (beaten + level) / 2, genes)
        return cls(
            wins,
            np.bincount(first_gene, minlength=genes).astype(np.float64),
            np.bincount(second_gene, minlength=genes).astype(np.float64),
        )

    def auc(self, weights: Floats) -> Floats:
        """Return the area under the ROC curve for each row of `weights`, all genes pooled."""
        won = ((weights @ self.wins) * weights).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return won / ((weights @ self.first) * (weights @ self.second))


# --- pair by pair, example by example -------------------------------------------------------------


def trapezoid_auprc(
    score: ArrayLike, true: ArrayLike, gene: NDArray[np.int64], weights: Floats
) -> Floats:
    """Return the area under the precision-recall curve of N scores for each row of `weights`.

    The curve is a line from threshold to threshold and level before the first one, as in the ENCODE
    CRISPR benchmark; that is up to 0.003 below the average precision of `BaseCounts` for its
    thousands of pairs. Equal scores share one threshold.

    Parameters
    ----------
    score : float [N]; higher means more likely true.
    true : bool [N].
    gene : [N], the gene of each score.
    weights : [R, genes].
    """
    values = np.asarray(score, np.float64)
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    hit = np.asarray(true, np.float64)[order]
    found = np.empty(len(weights))
    for i in range(0, len(weights), _CHUNK):
        drawn = weights[i : i + _CHUNK][:, gene[order]]
        true_up_to = (drawn * hit).cumsum(1)[:, last]
        gained = np.diff(true_up_to, axis=1, prepend=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = true_up_to / drawn.cumsum(1)[:, last]
            before = np.hstack([precision[:, :1], precision[:, :-1]])
            before = np.where(np.isnan(before), precision, before)  # nothing drawn so far
            area = np.where(gained > 0, gained * (precision + before) / 2, 0).sum(1)
            found[i : i + _CHUNK] = area / true_up_to[:, -1]
    return found


def weighted_pearson(
    x: ArrayLike, y: ArrayLike, gene: NDArray[np.int64], weights: Floats
) -> Floats:
    """Return Pearson's r of N pairs for each row of `weights` [R, genes]; NaN where constant."""
    a, b = (np.asarray(v, np.float64) for v in (x, y))
    a, b = a - a.mean(), b - b.mean()
    genes = weights.shape[1]
    sums = [np.bincount(gene, part, genes) for part in (np.ones_like(a), a, b, a * a, b * b, a * b)]
    n, sa, sb, saa, sbb, sab = (weights @ part for part in sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sab - sa * sb / n) / np.sqrt((saa - sa**2 / n) * (sbb - sb**2 / n))
