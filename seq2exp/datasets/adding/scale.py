"""How a signal is distributed over the windows of genes, and whether that is what models know.

A network has learnt what values of DNase or H3K27ac mean. Counts where it knows fold changes, or
logarithms where it knows plain values, look to it like other biology.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval

EVERY_BP = 20
"""Of the bases of a window, one in so many is kept for the distribution."""

TOP_SHARE = 0.01
"""Share of the bases, those with the highest values, whose mean is a signal's height."""

FAR_FOLD = 4.0
"""How many times higher or lower a signal may be before a warning; depth alone makes 2 to 3."""

NARROW_DECADES = 0.5
"""How much less, in powers of ten, may lie between the highest values and the median one."""

SPARSE_FOLD = 5.0
"""How many times fewer bases may have a value."""

_POINTS = 80


@dataclass(frozen=True, eq=False)
class Distribution:
    """The values of one track at bases of genes' windows.

    Attributes
    ----------
    label
        Whose track it is.
    shares, values
        [n] each: this share of the bases has at least this value; the shares fall.
    bases, windows
        How many bases and windows it is of.
    seen
        bool [windows]: whether the window has any value but 0, at any of its bases.
    covered, negative
        Share of the bases whose value is not 0, and is below 0.
    mean, median, top, highest
        Mean of all values, median of those above 0 (0 where there are none), mean of the highest
        1 % of all values, and the highest.
    """

    label: str
    shares: NDArray[np.float64]
    values: NDArray[np.float64]
    bases: int
    windows: int
    seen: NDArray[np.bool_]
    covered: float
    negative: float
    mean: float
    median: float
    top: float
    highest: float

    @property
    def decades(self) -> float:
        """Powers of ten between the median of the values above 0 and the mean of the top 1 %."""
        if self.median <= 0 or self.top <= 0:
            return 0.0
        return float(np.log10(self.top / self.median))

    def at(self, share: float) -> float:
        """Return the value that this share of the bases reaches."""
        return float(np.interp(-share, -self.shares, self.values))

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers of a table's row."""
        return {
            "label": self.label,
            "windows": self.windows,
            "bases": self.bases,
            "windows_with_signal": float(self.seen.mean()) if self.windows else 0.0,
            "bases_with_signal": self.covered,
            "mean": self.mean,
            "median_above_0": self.median,
            "p90": self.at(0.1),
            "p99": self.at(0.01),
            "p99_9": self.at(0.001),
            "mean_of_top_1_percent": self.top,
            "highest": self.highest,
        }


def distribution(
    label: str, values: NDArray[np.floating], seen: NDArray[np.bool_] | None = None
) -> Distribution:
    """Summarise values.

    Parameters
    ----------
    label
        Whose they are.
    values
        [bases] in any order.
    seen
        bool [windows]; None: the values are no bases of windows.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = ordered.size
    flags = np.zeros(0, dtype=np.bool_) if seen is None else seen
    if not n:
        empty = np.zeros(0)
        return Distribution(label, empty, empty, 0, flags.size, flags, 0, 0, 0, 0, 0, 0)
    # From all bases to single ones; each share is one that some number of bases has.
    counts = np.unique(np.geomspace(1, n, min(_POINTS, n)).round().astype(np.int64))[::-1]
    above = ordered[np.searchsorted(ordered, 0, side="right") :]
    return Distribution(
        label=label,
        shares=counts / n,
        values=ordered[n - counts],
        bases=n,
        windows=flags.size,
        seen=flags,
        covered=float(np.count_nonzero(ordered) / n),
        negative=float(np.searchsorted(ordered, 0) / n),
        mean=float(ordered.mean()),
        median=float(np.median(above)) if above.size else 0.0,
        top=float(ordered[-max(round(TOP_SHARE * n), 1) :].mean()),
        highest=float(ordered[-1]),
    )


def over_windows(
    label: str,
    read: Callable[[Gene, Interval], NDArray[np.floating]],
    windows: Sequence[tuple[Gene, Interval]],
    step: Callable[[], object],
) -> Distribution:
    """Read a track at the windows of genes and summarise it.

    Parameters
    ----------
    label
        Whose it is.
    read
        Returns the values of a gene's window, one a base.
    windows
        Genes and the parts of their windows that lie on the chromosome.
    step
        Called after each window; may raise to stop.
    """
    parts, seen = [], []
    for gene, interval in windows:
        values = read(gene, interval)
        parts.append(values[::EVERY_BP])
        seen.append(bool(values.any()))
        step()
    kept = np.concatenate(parts) if parts else np.zeros(0)
    return distribution(label, kept, np.array(seen, dtype=np.bool_))


def brief(value: float) -> str:
    """Write a number for reading, to three digits and without powers of ten."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


SAME_UNIT = (
    "Give a file in the same unit (for example fold change over control of the same pipeline), or "
    "rescale it."
)


def nearest_height(new: Distribution, known: Sequence[Distribution]) -> Distribution | None:
    """Return the known distribution whose height is the most similar; None without any."""
    high = [each for each in known if each.top > 0]
    if not high or new.top <= 0:
        return None
    return min(high, key=lambda each: abs(np.log(new.top / each.top)))


def far_off(
    new: Distribution, known: Sequence[Distribution], same_unit: str = SAME_UNIT
) -> list[tuple[str, str]]:
    """Say in which ways a signal differs from all of those that are known.

    Parameters
    ----------
    new
        The signal to be judged.
    known
        Those it is compared with; the one whose height is nearest counts.
    same_unit
        What to do where the height differs.

    Returns
    -------
    list of (str, str)
        What is so, and what to do; empty where nothing is far off.
    """
    said = []
    if new.negative:
        said.append(
            (
                f"{new.negative:.1%} of the bases are below 0, as in log ratios or differences; "
                "the measured signals that models know are 0 or more.",
                "Give fold change over control, coverage or RPM.",
            )
        )
    near = nearest_height(new, known)
    if near is None:
        return said
    fold = new.top / near.top
    if not 1 / FAR_FOLD <= fold <= FAR_FOLD:
        size = f"{brief(fold)} times" if fold > 1 else f"1/{brief(1 / fold)} of"
        guess = "raw counts" if fold > 1 else "values scaled down, or very few reads"
        said.append(
            (
                f"Its height (mean of the top 1 % of bases) is {brief(new.top)}: {size} the "
                f"{brief(near.top)} of {near.label}, so it may hold {guess}, or another unit.",
                same_unit,
            )
        )
    if near.decades - new.decades > NARROW_DECADES:
        said.append(
            (
                f"Its top 1 % are {brief(10**new.decades)} times its median above 0, those of "
                f"{near.label} {brief(10**near.decades)} times: a narrow range, as after taking "
                "logarithms, clipping or strong smoothing, or with few reads.",
                "Give the values before any logarithm or clipping.",
            )
        )
    if new.covered and not 1 / SPARSE_FOLD <= new.covered / near.covered <= SPARSE_FOLD:
        less = new.covered < near.covered
        guess = "values inside peaks only" if less else "a background where the others have 0"
        said.append(
            (
                f"{new.covered:.2%} of the bases have a value, {near.covered:.2%} in "
                f"{near.label}: it may hold {guess}.",
                "Give the signal over the whole genome, made as the others were."
                if less
                else "Give a signal whose background is 0, made as the others were.",
            )
        )
    return said
