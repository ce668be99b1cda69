"""From a mask to elements: the stretches of the window that regulate the gene.

The order is always the same: a rule selects bases, the forced-open promoter is set apart, selected
stretches that lie close together are merged, short ones are dropped.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seq2exp.genome.locus import Interval

if TYPE_CHECKING:
    from seq2exp.model.beta import MaskPosterior


class Rule(Protocol):
    """How a mask becomes a choice of bases; `seq2exp.inference.predictor.MaskRule` is one."""

    @property
    def mode(self) -> str:
        """``"soft"``, ``"hard"`` or ``"top"``."""

    @property
    def threshold(self) -> float:
        """Smallest mask mean of a selected base (soft and hard)."""

    @property
    def fraction(self) -> float:
        """Share of the window's bases that are selected (top)."""


@dataclass(frozen=True)
class Element:
    """A stretch that the mask keeps.

    Attributes
    ----------
    interval
        Where it is, 0-based half-open.
    summit
        0-based position of the highest mask mean (the leftmost of several).
    mean_mask, max_mask
        Mean and highest mask mean of its bases, merged gaps included.
    kind
        ``"promoter"`` where it overlaps the forced-open promoter, else ``"distal"``.
    name
        Unique within the window: ``element_1`` … from left to right.
    """

    interval: Interval
    summit: int
    mean_mask: float
    max_mask: float
    kind: Literal["distal", "promoter"]
    name: str


def selection(posterior: "MaskPosterior", rule: Rule) -> NDArray[np.bool_]:
    """Select bases by the rule of the mask on show.

    A soft mask has no edge of its own, so its elements are the bases that the hard rule would keep
    at the same threshold. Blacklisted bases are never selected, the promoter always is.

    Returns
    -------
    ndarray of bool, [L]
    """
    if rule.mode == "top":
        return np.asarray(posterior.top(rule.fraction)) > 0.5
    if rule.mode in ("soft", "hard"):
        return np.asarray(posterior.hard(rule.threshold)) > 0.5
    raise ValueError(f"unknown mask rule {rule.mode!r}")


def runs(selected: ArrayLike) -> NDArray[np.int64]:
    """Return the stretches of True as [n, 2] start and end indices, half-open."""
    padded = np.concatenate(([False], np.asarray(selected, dtype=bool), [False]))
    return np.flatnonzero(padded[1:] != padded[:-1]).reshape(-1, 2)


def merge_runs(stretches: NDArray[np.int64], gap: int) -> NDArray[np.int64]:
    """Join sorted, disjoint stretches [n, 2] that lie at most `gap` bp apart."""
    if len(stretches) == 0:
        return stretches
    breaks = stretches[1:, 0] - stretches[:-1, 1] > gap
    first = np.concatenate(([True], breaks))
    last = np.concatenate((breaks, [True]))
    return np.stack([stretches[first, 0], stretches[last, 1]], axis=1)


def call_elements(
    mask_mean: ArrayLike,
    interval: Interval,
    selected: ArrayLike,
    min_length: int,
    merge_gap: int,
    promoter: slice,
    include_promoter: bool = False,
    bounds: Interval | None = None,
) -> list[Element]:
    """Turn selected bases into elements.

    Selected stretches at most `merge_gap` bp apart are merged, then those shorter than `min_length`
    are dropped. The promoter is open by construction and says nothing about what was learned:
    unless `include_promoter`, the window is first cut at the promoter's edges, so a stretch that
    runs into it keeps only its part outside, nothing is merged across it, and `min_length` counts
    the part that is left. With `include_promoter` nothing is cut; an element that overlaps the
    promoter is then of the kind ``"promoter"``.

    Parameters
    ----------
    mask_mean
        [L] mean of the mask.
    interval
        The L bases of the window, unclipped.
    selected
        [L] bool, see `selection`.
    min_length, merge_gap
        In bp.
    promoter
        Indices of the forced-open promoter, see `Window.promoter`.
    include_promoter
        Whether the promoter counts as an element.
    bounds
        The chromosome: bases outside (padding) belong to no element. None: all are on it.

    Returns
    -------
    list of Element
        Sorted by position, disjoint, more than `merge_gap` apart on either side of the promoter.

    Raises
    ------
    ValueError
        Where the arrays do not have one value per base of `interval`.
    """
    mean = np.asarray(mask_mean)
    chosen = np.array(selected, dtype=bool)
    if not mean.shape == chosen.shape == (interval.width,):
        raise ValueError(
            f"the mask {mean.shape} and the selection {chosen.shape} need one value for each of "
            f"the {interval.width} bases of {interval}"
        )
    if bounds is not None:
        chosen[: max(bounds.start - interval.start, 0)] = False
        chosen[max(bounds.end - interval.start, 0) :] = False
    start, end, _ = promoter.indices(interval.width)
    pieces = [(0, interval.width)]
    if not include_promoter:
        pieces = [(0, start), (end, interval.width)]
    elements: list[Element] = []
    for low, high in pieces:
        for first, last in merge_runs(low + runs(chosen[low:high]), merge_gap):
            if last - first < max(min_length, 1):
                continue
            values = mean[first:last]
            top = int(np.argmax(values))
            place = Interval(interval.chrom, int(first), int(last)).shift(interval.start)
            elements.append(
                Element(
                    place,
                    summit=place.start + top,
                    mean_mask=float(values.mean(dtype=np.float64)),
                    max_mask=float(values[top]),
                    kind="promoter" if max(first, start) < min(last, end) else "distal",
                    name=f"element_{len(elements) + 1}",
                )
            )
    return elements


def elements_frame(elements: Iterable[Element]) -> pd.DataFrame:
    """Lay elements out as a table.

    Returns
    -------
    pandas.DataFrame
        chrom, start, end (0-based half-open), name, kind, length, summit (absolute, 0-based),
        mean_mask, max_mask; one row an element.
    """
    listed = list(elements)
    return pd.DataFrame(
        {
            "chrom": pd.Series([e.interval.chrom for e in listed], dtype="str"),
            "start": np.array([e.interval.start for e in listed], dtype=np.int64),
            "end": np.array([e.interval.end for e in listed], dtype=np.int64),
            "name": pd.Series([e.name for e in listed], dtype="str"),
            "kind": pd.Series([e.kind for e in listed], dtype="str"),
            "length": np.array([e.interval.width for e in listed], dtype=np.int64),
            "summit": np.array([e.summit for e in listed], dtype=np.int64),
            "mean_mask": np.array([e.mean_mask for e in listed], dtype=np.float64),
            "max_mask": np.array([e.max_mask for e in listed], dtype=np.float64),
        }
    )


def union(frame: pd.DataFrame, interval: Interval) -> NDArray[np.int64]:
    """Return the bases of `interval` that rows cover: [n, 2] sorted, disjoint genome positions."""
    rows = frame.loc[
        (frame["chrom"] == interval.chrom)
        & (frame["start"] < interval.end)
        & (frame["end"] > interval.start)
        & (frame["start"] < frame["end"]),
        ["start", "end"],
    ]
    return flatten(rows.to_numpy(dtype=np.int64).clip(interval.start, interval.end))


def flatten(spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bases that non-empty spans cover: [n, 2] sorted, disjoint, none touching."""
    ranked = spans.reshape(-1, 2)[np.argsort(spans.reshape(-1, 2)[:, 0], kind="stable")]
    if len(ranked) == 0:
        return ranked
    # Overlapping rows need the farthest end so far, not the last one's, before gaps are looked for.
    ranked[:, 1] = np.maximum.accumulate(ranked[:, 1])
    return merge_runs(ranked, 0)


def covered(spans: NDArray[np.int64], starts: ArrayLike, ends: ArrayLike) -> NDArray[np.int64]:
    """Count the bp of each [start, end) that sorted, disjoint `spans` cover."""
    if len(spans) == 0:
        return np.zeros(np.shape(starts), dtype=np.int64)
    lengths = spans[:, 1] - spans[:, 0]
    before = np.concatenate(([0], np.cumsum(lengths)))

    def up_to(position: ArrayLike) -> NDArray[np.int64]:
        i = np.searchsorted(spans[:, 0], position, side="right")
        inside = np.minimum(np.asarray(position) - spans[np.maximum(i - 1, 0), 0], lengths[i - 1])
        return before[np.maximum(i - 1, 0)] + np.where(i > 0, inside, 0)

    return up_to(ends) - up_to(starts)


def peaks_ratio(peaks: pd.DataFrame, interval: Interval) -> float:
    """Return the fraction of the window's bases that lie inside peaks.

    The denominator is the whole window, padding included, as in the mask ratio beside which the
    number stands. Bases under several peaks count once.
    """
    spans = union(peaks, interval)
    return float((spans[:, 1] - spans[:, 0]).sum() / interval.width) if interval.width else 0.0


@dataclass(frozen=True)
class Overlap:
    """How far two sets of intervals agree within a window.

    ``a`` and ``b`` are, say, learned elements and peaks. A row counts as shared where at least
    `min_overlap` bp of it (within the window) are covered by the other set together.

    Attributes
    ----------
    min_overlap
        Smallest overlap that counts, in bp.
    bp_shared, bp_a_only, bp_b_only
        Bases in both, only in a, only in b.
    a_shared, a_only, b_shared, b_only
        Rows of a that b overlaps and the others; rows of b that a overlaps and the others.
    """

    min_overlap: int
    bp_shared: int
    bp_a_only: int
    bp_b_only: int
    a_shared: int
    a_only: int
    b_shared: int
    b_only: int

    @property
    def bp_fraction_a(self) -> float | None:
        """Share of a's bases that lie in b; None where a has none."""
        return _ratio(self.bp_shared, self.bp_shared + self.bp_a_only)

    @property
    def bp_fraction_b(self) -> float | None:
        """Share of b's bases that lie in a; None where b has none."""
        return _ratio(self.bp_shared, self.bp_shared + self.bp_b_only)

    @property
    def fraction_a(self) -> float | None:
        """Share of a's rows that b overlaps; None where a has none."""
        return _ratio(self.a_shared, self.a_shared + self.a_only)

    @property
    def fraction_b(self) -> float | None:
        """Share of b's rows that a overlaps; None where b has none."""
        return _ratio(self.b_shared, self.b_shared + self.b_only)

    def sentences(self, a: str = "learned elements", b: str = "peaks") -> Sequence[str]:
        """Say it in words, with unit, denominator and smallest overlap, in both directions."""
        return (
            f"{self.a_shared} of {self.a_shared + self.a_only} {a} overlap {b} "
            f"by at least {self.min_overlap} bp",
            f"{self.b_shared} of {self.b_shared + self.b_only} {b} overlap {a} "
            f"by at least {self.min_overlap} bp",
            f"{self.bp_shared:,} of {self.bp_shared + self.bp_a_only:,} bp of {a} lie in {b}",
            f"{self.bp_shared:,} of {self.bp_shared + self.bp_b_only:,} bp of {b} lie in {a}",
        )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def overlap(a: pd.DataFrame, b: pd.DataFrame, interval: Interval, min_overlap: int = 1) -> Overlap:
    """Compare two tables of intervals (chrom, start, end) within a window.

    Rows are clipped to `interval`; those that do not touch it are left out on both sides.
    """
    if min_overlap < 1:
        raise ValueError(f"the smallest overlap that counts is 1 bp, not {min_overlap}")
    spans_a, spans_b = union(a, interval), union(b, interval)
    shared = int(covered(spans_b, spans_a[:, 0], spans_a[:, 1]).sum())
    rows_a, shared_a = _rows_shared(a, spans_b, interval, min_overlap)
    rows_b, shared_b = _rows_shared(b, spans_a, interval, min_overlap)
    return Overlap(
        min_overlap=min_overlap,
        bp_shared=shared,
        bp_a_only=int((spans_a[:, 1] - spans_a[:, 0]).sum()) - shared,
        bp_b_only=int((spans_b[:, 1] - spans_b[:, 0]).sum()) - shared,
        a_shared=shared_a,
        a_only=rows_a - shared_a,
        b_shared=shared_b,
        b_only=rows_b - shared_b,
    )


def _rows_shared(
    frame: pd.DataFrame, spans: NDArray[np.int64], interval: Interval, min_overlap: int
) -> tuple[int, int]:
    here = frame[frame["chrom"] == interval.chrom]
    starts = here["start"].to_numpy(dtype=np.int64).clip(interval.start, interval.end)
    ends = here["end"].to_numpy(dtype=np.int64).clip(interval.start, interval.end)
    inside = starts < ends
    hit = covered(spans, starts[inside], ends[inside]) >= min_overlap
    return int(inside.sum()), int(hit.sum())
