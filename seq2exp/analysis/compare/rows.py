"""What shared, learned-only and peak-only intervals are like: one row each, and by class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.compare.counts import Minimum, shared_rows
from seq2exp.analysis.compare.genomic import CLASSES, GenomicClasses
from seq2exp.analysis.compare.sets import LEARNED, PEAKS, ends_of
from seq2exp.analysis.compare.spans import Spans, intersect
from seq2exp.analysis.elements import covered, flatten
from seq2exp.genome.window import SIGNALS, Window

SHARED = "shared"
#: What an interval is that the other set does not share, by its own set.
ONLY = {LEARNED: "learned-only", PEAKS: "peak-only"}
#: Set and class of the four groups of intervals, in the order of tables.
GROUPS = tuple((name, kind) for name in (LEARNED, PEAKS) for kind in (SHARED, ONLY[name]))


class Quantity(NamedTuple):
    """What is told of every interval."""

    unit: str
    meaning: str


QUANTITIES = {
    "tss_distance": Quantity("bp", "from the TSS to the interval's middle, unsigned"),
    "length": Quantity("bp", "of the whole interval"),
    "mean_mask": Quantity("0-1", "mean of the mask over the counted bases"),
    "dnase": Quantity("bigWig's unit", "mean DNase signal over the counted bases"),
    "h3k27ac": Quantity("bigWig's unit", "mean H3K27ac signal over the counted bases"),
    "contact": Quantity("Hi-C map's unit", "mean contact with the TSS over the counted bases"),
}
_QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def describe_rows(
    window: Window,
    mask_mean: NDArray[np.float32],
    sets: dict[str, pd.DataFrame],
    counted: Spans,
    minimum: Minimum,
    genomic: GenomicClasses,
) -> pd.DataFrame:
    """Describe every learned element and peak that has a counted base in a gene's window.

    Parameters
    ----------
    window
        The gene's window.
    mask_mean
        float32 [L], mean of the mask as shown (promoter and blacklist edited).
    sets
        `LEARNED` and `PEAKS`, with chrom, start, end (0-based half-open), name and perhaps summit.
    counted
        The bases that count.
    minimum
        The smallest overlap that counts.
    genomic
        Where genes are.

    Returns
    -------
    pandas.DataFrame
        gene, gene_id, cell, set ("learned" or "peaks"), class ("shared", "learned-only" or
        "peak-only"), name; chrom, start, end (whole interval, 0-based half-open), summit
        (0-based, -1: none), length (end - start, bp); counted_bp, and shared_bp (of its counted
        bases those that the other set covers); tss_distance (bp from the TSS to the middle,
        negative upstream); mean_mask, dnase, h3k27ac, contact (means over the counted bases);
        genomic (see `seq2exp.analysis.compare.genomic`).
    """
    spans = {name: ends_of(frame) for name, frame in sets.items()}
    bases = {name: intersect(flatten(rows), counted) for name, rows in spans.items()}
    up_to = _cumulative(window, mask_mean)
    parts = []
    for name, other in ((LEARNED, PEAKS), (PEAKS, LEARNED)):
        own, shared = shared_rows(spans[name], bases[other], counted, minimum)
        kept = own > 0
        frame, rows = sets[name][kept], spans[name][kept]
        means = _means(up_to, rows - window.interval.start, counted - window.interval.start)
        middle = (rows[:, 0] + rows[:, 1]) // 2
        chrom = window.interval.chrom
        parts.append(
            pd.DataFrame(
                {
                    "gene": window.gene.name,
                    "gene_id": window.gene.id,
                    "cell": window.cell,
                    "set": name,
                    "class": np.where(shared[kept], SHARED, ONLY[name]),
                    "name": frame["name"].astype(str).to_numpy(),
                    "chrom": chrom,
                    "start": rows[:, 0],
                    "end": rows[:, 1],
                    "summit": frame["summit"].to_numpy() if "summit" in frame else -1,
                    "length": rows[:, 1] - rows[:, 0],
                    "counted_bp": own[kept],
                    "shared_bp": covered(bases[other], rows[:, 0], rows[:, 1]),
                    "tss_distance": window.gene.from_tss(middle),
                    **{key: means[:, i] for i, key in enumerate(_MEANS)},
                    "genomic": pd.Series(genomic.of(chrom, rows, counted), dtype="str"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


_MEANS = ("mean_mask", "dnase", "h3k27ac", "contact")


def _cumulative(window: Window, mask_mean: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the running sums of `_MEANS` along the window, [L + 1, 4]."""
    signals = {name: window.signals[:, i] for i, name in enumerate(SIGNALS)}
    # The window holds log10(1 + contact).
    contact = 10 ** signals["Hi-C"].astype(np.float64) - 1
    values = np.stack([mask_mean, signals["DNase"], signals["H3K27ac"], contact], axis=1)
    return np.vstack([np.zeros(len(_MEANS)), values.cumsum(axis=0, dtype=np.float64)])


def _means(up_to: NDArray[np.float64], rows: Spans, counted: Spans) -> NDArray[np.float64]:
    """Return the means over the counted bases of each row, [n, 4]; all are window indices."""
    total = np.zeros((len(rows), up_to.shape[1]))
    size = np.zeros(len(rows))
    for first, last in counted:
        part = rows.clip(first, last)
        total += up_to[part[:, 1]] - up_to[part[:, 0]]
        size += part[:, 1] - part[:, 0]
    return total / size[:, None]


def class_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise every quantity of every group of intervals.

    Parameters
    ----------
    rows
        From `describe_rows`, of one gene or of several (an interval counts once for each).

    Returns
    -------
    pandas.DataFrame
        set, class, n (intervals), quantity (a key of `QUANTITIES`), unit, and over the n intervals
        mean, q05, q25, median, q75, q95 (quantiles; NaN where there are none). Distances to the TSS
        are unsigned here.
    """
    table = []
    for (name, kind), part in _groups(rows):
        for quantity, (unit, _) in QUANTITIES.items():
            values = part[quantity].abs() if quantity == "tss_distance" else part[quantity]
            quantiles = values.quantile(list(_QUANTILES.values())).tolist()
            head = {"set": name, "class": kind, "n": len(part), "quantity": quantity, "unit": unit}
            numbers = dict(zip(_QUANTILES, quantiles, strict=True))
            table.append({**head, "mean": values.mean(), **numbers})
    return pd.DataFrame(table)


def genomic_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Count the genomic classes of every group of intervals.

    Returns
    -------
    pandas.DataFrame
        set, class, genomic, intervals (by the first class that the interval touches), of (intervals
        of the group), share (intervals / of; NaN where there are none).
    """
    table = []
    for (name, kind), part in _groups(rows):
        for genomic in CLASSES:
            found = int((part["genomic"] == genomic).sum())
            share = found / len(part) if len(part) else np.nan
            head = {"set": name, "class": kind, "genomic": genomic}
            table.append({**head, "intervals": found, "of": len(part), "share": share})
    return pd.DataFrame(table)


def _groups(rows: pd.DataFrame) -> Sequence[tuple[tuple[str, str], pd.DataFrame]]:
    return [
        ((name, kind), rows[(rows["set"] == name) & (rows["class"] == kind)])
        for name, kind in GROUPS
    ]
