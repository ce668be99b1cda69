"""What two sets of intervals share within the counted bases of windows: numbers to add up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.compare.sets import LEARNED, PEAKS
from seq2exp.analysis.compare.spans import Spans, bp, intersect
from seq2exp.analysis.elements import Overlap, covered, flatten
from seq2exp.errors import InputError


@dataclass(frozen=True)
class Minimum:
    """The smallest overlap that counts.

    An interval is shared where the other set's intervals **together** cover at least `bp` of its
    counted bases and at least the share `fraction` of them.

    Attributes
    ----------
    bp
        1 or more.
    fraction
        0 to 1, of the interval's own counted bases.

    Raises
    ------
    InputError
        For numbers out of range.
    """

    bp: int = 1
    fraction: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no overlap."""
        if self.bp < 1:
            raise InputError(f"The smallest overlap {self.bp} bp is not possible; give 1 or more.")
        if not 0 <= self.fraction <= 1:
            raise InputError(
                f"The smallest overlap {self.fraction:g} of an interval is not possible; give a "
                "share from 0 to 1."
            )

    def reached(self, shared: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which intervals are shared, given their shared and their own counted bases."""
        # 0.07 * 100 is a little more than 7 as a float.
        return (shared >= self.bp) & (shared >= self.fraction * own - 1e-9)

    def __str__(self) -> str:
        """Say it in words: "at least 50 bp and 20 % of it"."""
        share = f" and {100 * self.fraction:g} % of it" if self.fraction else ""
        return f"at least {self.bp} bp{share}"


#: One base is enough.
ANY = Minimum()


@dataclass(frozen=True)
class Counts(Overlap):
    """How far two sets agree within the counted bases of one window or the sum over several.

    ``a`` are the learned elements and ``b`` the peaks, where nothing else is said. Only intervals
    with a counted base count; what of them lies outside the window or in a promoter that is left
    out does not. Over several windows, a base or an interval counts once for each.

    Attributes
    ----------
    min_fraction
        Smallest overlap that counts, as a share of an interval's counted bases; see `Minimum`.
    genes
        Windows that were added up.
    bp_counted
        Counted bases of the windows.
    """

    min_fraction: float
    genes: int
    bp_counted: int

    @property
    def bp_a(self) -> int:
        """Counted bases that a covers."""
        return self.bp_shared + self.bp_a_only

    @property
    def bp_b(self) -> int:
        """Counted bases that b covers."""
        return self.bp_shared + self.bp_b_only

    @property
    def bp_union(self) -> int:
        """Counted bases that a or b covers."""
        return self.bp_shared + self.bp_a_only + self.bp_b_only

    @property
    def a(self) -> int:
        """Intervals of a."""
        return self.a_shared + self.a_only

    @property
    def b(self) -> int:
        """Intervals of b."""
        return self.b_shared + self.b_only

    @property
    def jaccard(self) -> float | None:
        """Bases in both of those in either; None where there are none."""
        return self.bp_shared / self.bp_union if self.bp_union else None

    @property
    def precision(self) -> float | None:
        """Share of the bases of a that lie in b; None where a has none."""
        return self.bp_fraction_a

    @property
    def recall(self) -> float | None:
        """Share of the bases of b that lie in a; None where b has none."""
        return self.bp_fraction_b

    @property
    def ratio_a(self) -> float | None:
        """Share of the counted bases that a covers; None where there are none."""
        return self.bp_a / self.bp_counted if self.bp_counted else None

    @property
    def ratio_b(self) -> float | None:
        """Share of the counted bases that b covers; None where there are none."""
        return self.bp_b / self.bp_counted if self.bp_counted else None

    def values(self, a: str = LEARNED, b: str = PEAKS) -> dict[str, Any]:
        """Return all numbers by name, for a row of a table.

        Returns
        -------
        dict
            ``{a}``, ``{a}_shared``, ``{a}_only`` and the same of b (intervals); ``bp_counted``,
            ``bp_{a}``, ``bp_{b}``, ``bp_shared``, ``bp_{a}_only``, ``bp_{b}_only``, ``bp_union``;
            ``jaccard``, ``precision``, ``recall``; ``{a}_ratio`` and ``{b}_ratio`` (share of the
            counted bases); ``min_overlap_bp``, ``min_overlap_fraction``. None: not defined.
        """
        return {
            a: self.a,
            f"{a}_shared": self.a_shared,
            f"{a}_only": self.a_only,
            b: self.b,
            f"{b}_shared": self.b_shared,
            f"{b}_only": self.b_only,
            "bp_counted": self.bp_counted,
            f"bp_{a}": self.bp_a,
            f"bp_{b}": self.bp_b,
            "bp_shared": self.bp_shared,
            f"bp_{a}_only": self.bp_a_only,
            f"bp_{b}_only": self.bp_b_only,
            "bp_union": self.bp_union,
            "jaccard": self.jaccard,
            "precision": self.precision,
            "recall": self.recall,
            f"{a}_ratio": self.ratio_a,
            f"{b}_ratio": self.ratio_b,
            "min_overlap_bp": self.min_overlap,
            "min_overlap_fraction": self.min_fraction,
        }

    def sentences(self, a: str = "learned elements", b: str = "peaks") -> Sequence[str]:
        """Say it in words, with unit, denominator and smallest overlap, in both directions."""
        least = Minimum(self.min_overlap, self.min_fraction)
        said = [
            f"{self.a_shared:,} of {self.a:,} {a} overlap {b} by {least}",
            f"{self.b_shared:,} of {self.b:,} {b} overlap {a} by {least}",
            f"{self.bp_shared:,} of {self.bp_a:,} bp of {a} lie in {b}{_value(self.precision)}",
            f"{self.bp_shared:,} of {self.bp_b:,} bp of {b} lie in {a}{_value(self.recall)}",
            f"{self.bp_shared:,} of {self.bp_union:,} bp of either lie in both"
            f"{_value(self.jaccard, 'Jaccard ')}",
        ]
        for name, total, ratio in ((a, self.bp_a, self.ratio_a), (b, self.bp_b, self.ratio_b)):
            said.append(f"{name} cover {total:,} of {self.bp_counted:,} counted bp{_value(ratio)}")
        return said


def _value(value: float | None, name: str = "") -> str:
    return "" if value is None else f" ({name}{value:.3g})"


def count(a: Spans, b: Spans, counted: Spans, minimum: Minimum) -> Counts:
    """Compare two lists of intervals within the counted bases of one window.

    Parameters
    ----------
    a, b
        [n, 2] and [m, 2] starts and ends on the window's chromosome; any order, may overlap.
    counted
        The counted bases.
    minimum
        The smallest overlap that counts.
    """
    bases_a, bases_b = intersect(flatten(a), counted), intersect(flatten(b), counted)
    shared = bp(intersect(bases_a, bases_b))
    own_a, hit_a = shared_rows(a, bases_b, counted, minimum)
    own_b, hit_b = shared_rows(b, bases_a, counted, minimum)
    return Counts(
        min_overlap=minimum.bp,
        min_fraction=minimum.fraction,
        genes=1,
        bp_counted=bp(counted),
        bp_shared=shared,
        bp_a_only=bp(bases_a) - shared,
        bp_b_only=bp(bases_b) - shared,
        a_shared=int(hit_a.sum()),
        a_only=int((own_a > 0).sum() - hit_a.sum()),
        b_shared=int(hit_b.sum()),
        b_only=int((own_b > 0).sum() - hit_b.sum()),
    )


def shared_rows(
    rows: Spans, other: Spans, counted: Spans, minimum: Minimum
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return how many counted bases each interval has, and whether the other set shares it.

    Parameters
    ----------
    rows
        [n, 2].
    other
        Counted bases of the other set.
    """
    own = covered(counted, rows[:, 0], rows[:, 1])
    shared = covered(other, rows[:, 0], rows[:, 1])
    return own, (own > 0) & minimum.reached(shared, own)


def pool(parts: Iterable[Counts]) -> Counts:
    """Add up the counts of windows; a base or interval in several of them counts once for each.

    Raises
    ------
    ValueError
        For no counts, or counts by different smallest overlaps.
    """
    listed = list(parts)
    if len({(part.min_overlap, part.min_fraction) for part in listed}) != 1:
        raise ValueError("counts add up only by one smallest overlap")
    kept = ("min_overlap", "min_fraction")
    return replace(
        listed[0],
        **{
            field.name: sum(getattr(part, field.name) for part in listed)
            for field in fields(Counts)
            if field.name not in kept
        },
    )
