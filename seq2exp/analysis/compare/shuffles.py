"""How much overlap chance would give: intervals thrown back at random, many times.

Every interval of a set keeps its gene, its chromosome and its number of counted bases, and is
thrown, independently of all others, to a place drawn evenly from all where it fits: on no
blacklisted base, on no N of the genome, and not on the promoter where that is left out. By default
within the gene's own window, since a gene's elements can lie nowhere else; on request anywhere on
the chromosome. Thrown intervals may overlap each other; what they share with the other set is added
up interval by interval, as it is for the observed ones, so the expected overlap is not touched.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.compare.counts import Minimum
from seq2exp.analysis.compare.spans import Spans
from seq2exp.analysis.elements import covered, flatten, runs
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import PADDING_CODE

Scope = Literal["window", "chromosome"]

#: What is counted: bases in common, and intervals that reach the smallest overlap.
UNITS = ("bp", "intervals")
_LEVELS = (0.025, 0.975)
_CHUNK = 10_000_000  # bases looked at at once


def places(dataset: Dataset, interval: Interval) -> Spans:
    """Return the bases of an interval on its chromosome that are neither blacklisted nor N."""
    free = []
    for start in range(interval.start, interval.end, _CHUNK):
        part = Interval(interval.chrom, start, min(start + _CHUNK, interval.end))
        allowed = ~dataset.blacklist(part) & (dataset.genome.codes(part) != PADDING_CODE)
        free.append(start + runs(allowed))
    return flatten(np.concatenate(free)) if free else np.empty((0, 2), np.int64)


@dataclass(frozen=True, eq=False)
class Shuffled:
    """What a set shares with another, as observed and in N shuffles; over genes they add up.

    Attributes
    ----------
    observed
        int64 [2]: bp and intervals, see `UNITS`.
    drawn
        int64 [N, 2], the same in each shuffle.
    placed, unplaced
        Intervals that were thrown, and those too long for any place, which count nowhere.
    """

    observed: NDArray[np.int64]
    drawn: NDArray[np.int64]
    placed: int
    unplaced: int

    def __add__(self, other: "Shuffled") -> "Shuffled":
        """Add those of another gene."""
        return Shuffled(
            self.observed + other.observed,
            self.drawn + other.drawn,
            self.placed + other.placed,
            self.unplaced + other.unplaced,
        )


def shuffle(
    rows: Spans,
    other: Spans,
    counted: Spans,
    other_everywhere: Spans,
    allowed: Spans,
    minimum: Minimum,
    shuffles: int,
    rng: np.random.Generator,
) -> Shuffled:
    """Throw the intervals of one gene.

    Parameters
    ----------
    rows
        [n, 2] intervals.
    other
        Counted bases of the other set in the window.
    counted
        The counted bases of the window.
    other_everywhere
        The other set's bases wherever an interval may be thrown.
    allowed
        Where intervals may be thrown.
    minimum
        The smallest overlap that counts.
    shuffles
        N.
    rng
        Draws the places.
    """
    own = covered(counted, rows[:, 0], rows[:, 1])
    shared = covered(other, rows[:, 0], rows[:, 1])
    widths = allowed[:, 1] - allowed[:, 0]
    observed, drawn = np.zeros(2, np.int64), np.zeros((shuffles, 2), np.int64)
    placed = unplaced = 0
    for length, bases in zip(own.tolist(), shared.tolist(), strict=True):
        if not length:
            continue
        # Starts that fit are counted from the first stretch on; the n-th of them is drawn.
        fitting = np.maximum(widths - length + 1, 0)
        last = fitting.cumsum()
        if len(last) == 0 or last[-1] == 0:
            unplaced += 1
            continue
        number = rng.integers(last[-1], size=shuffles)
        stretch = np.searchsorted(last, number, "right")
        starts = allowed[stretch, 1] - length - (last[stretch] - 1 - number)
        thrown = covered(other_everywhere, starts, starts + length)
        for total, found in ((observed, np.array([bases])), (drawn, thrown)):
            hits = minimum.reached(found, np.full(len(found), length))
            total += np.stack([found, hits], axis=1).reshape(total.shape)
        placed += 1
    return Shuffled(observed, drawn, placed, unplaced)


@dataclass(frozen=True)
class Enrichment:
    """How much more two sets share than chance would give.

    Over many genes whose windows overlap, `z` and the p-values are too good: neighbouring genes
    share peaks and much of their masks, but are thrown independently.

    Attributes
    ----------
    a, b
        The set that was thrown, and the other.
    unit
        ``"bp"`` (of a in b) or ``"intervals"`` (of a that b shares).
    within
        Where intervals were thrown, "window" or "chromosome".
    shuffles, placed, unplaced
        N; intervals of a that were thrown; those that fitted nowhere and count nowhere.
    observed, expected
        What a shares with b, and the mean of the shuffles.
    low, high
        2.5 % and 97.5 % quantiles of the shuffles.
    fold, fold_low, fold_high
        observed / expected, / high and / low; None where that is 0.
    z
        (observed - expected) / standard deviation of the shuffles; None where they do not vary.
    p_more, p_less
        (1 + shuffles that share at least, or at most, as much) / (1 + N).
    """

    a: str
    b: str
    unit: str
    within: str
    shuffles: int
    placed: int
    unplaced: int
    observed: int
    expected: float
    low: float
    high: float
    fold: float | None
    fold_low: float | None
    fold_high: float | None
    z: float | None
    p_more: float
    p_less: float

    def values(self) -> dict[str, Any]:
        """Return all by name, for a row of a table."""
        return asdict(self)

    def sentence(self) -> str:
        """Say it in words."""
        times = "beside" if self.fold is None else f"{self.fold:.2f} times"
        more = self.observed >= self.expected
        left = f"; {self.unplaced:,} fit nowhere and are left out" if self.unplaced else ""
        return (
            f"{self.a} {self.unit} shared with {self.b}: {self.observed:,}, {times} the "
            f"{self.expected:,.1f} of {self.shuffles:,} shuffles within the {self.within} "
            f"(95 % of them {self.low:,.0f} to {self.high:,.0f}; one-sided p for "
            f"{'more' if more else 'less'} {self.p_more if more else self.p_less:.2g}{left})"
        )


def enrichments(a: str, b: str, within: str, found: Shuffled) -> list[Enrichment]:
    """Summarise shuffles, once for each of the `UNITS`."""
    rows = []
    for i, unit in enumerate(UNITS):
        observed, drawn = int(found.observed[i]), found.drawn[:, i]
        expected, sd = float(drawn.mean()), float(drawn.std(ddof=1))
        low, high = (float(value) for value in np.quantile(drawn, _LEVELS))
        rows.append(
            Enrichment(
                a=a,
                b=b,
                unit=unit,
                within=within,
                shuffles=len(drawn),
                placed=found.placed,
                unplaced=found.unplaced,
                observed=observed,
                expected=expected,
                low=low,
                high=high,
                fold=observed / expected if expected else None,
                fold_low=observed / high if high else None,
                fold_high=observed / low if low else None,
                z=(observed - expected) / sd if sd else None,
                p_more=(1 + int((drawn >= observed).sum())) / (1 + len(drawn)),
                p_less=(1 + int((drawn <= observed).sum())) / (1 + len(drawn)),
            )
        )
    return rows
