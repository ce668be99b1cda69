"""Intervals on a chromosome, and how people write them.

Inside, coordinates are 0-based and half-open. Shown and typed they are 1-based and inclusive
(``chr22:37,200,001-40,600,000``). `to_one_based` and `from_one_based` are the only two places where
one becomes the other.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from seq2exp.errors import InputError


def to_one_based(start: int) -> int:
    """Return the 1-based position of the base at 0-based `start`."""
    return start + 1


def from_one_based(start: int) -> int:
    """Return the 0-based position of the base at 1-based `start`."""
    return start - 1


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """A stretch of one chromosome.

    Attributes
    ----------
    chrom
        Chromosome name.
    start, end
        0-based half-open bounds in bp, ``start <= end``. A window that reaches over a chromosome's
        end keeps its full width: `start` may be negative, `end` beyond the last base.
    """

    chrom: str
    start: int
    end: int

    def __post_init__(self) -> None:
        """Refuse an interval that ends before it starts."""
        if self.start > self.end:
            raise ValueError(f"{self.chrom} {self.start} {self.end} ends before it starts")

    @property
    def width(self) -> int:
        """Length in bp."""
        return self.end - self.start

    @property
    def center(self) -> int:
        """0-based position of the middle base (the right one of two)."""
        return (self.start + self.end) // 2

    def contains(self, position: int) -> bool:
        """Tell whether the 0-based `position` lies inside."""
        return self.start <= position < self.end

    def overlaps(self, other: "Interval") -> bool:
        """Tell whether the two share at least one base."""
        return self.intersection(other) is not None

    def intersection(self, other: "Interval") -> "Interval | None":
        """Return the shared bases, or None where there are none."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        if self.chrom != other.chrom or start >= end:
            return None
        return Interval(self.chrom, start, end)

    def clip(self, length: int) -> "Interval":
        """Return the part that lies on a chromosome of `length` bp (perhaps of width 0)."""
        start = min(max(self.start, 0), length)
        return Interval(self.chrom, start, min(max(self.end, start), length))

    def shift(self, bp: int) -> "Interval":
        """Return the interval moved by `bp` (negative: to the left)."""
        return Interval(self.chrom, self.start + bp, self.end + bp)

    def __str__(self) -> str:
        """Return the 1-based inclusive text that `parse_locus` reads."""
        return f"{self.chrom}:{to_one_based(self.start):,}-{self.end:,}"


_ALIASES = {"m": "mt"}
_UNITS = {"": 1, "b": 1, "bp": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6}
_NUMBER = r"(?P<{0}>\d[\d,_]*(?:\.\d+)?)\s*(?P<{0}_unit>[kmb]?b?p?)"
_COLON = re.compile(
    rf"(?P<chrom>[^\s:]+)\s*:\s*{_NUMBER.format('start')}"
    rf"(?:\s*(?:-|–|\.\.)\s*{_NUMBER.format('end')})?",
    re.IGNORECASE,
)
_BED = re.compile(r"(?P<chrom>[^\s:]+)\s+(?P<start>\d+)\s+(?P<end>\d+)(?:\s.*)?")
_EXAMPLES = "chr1:1,000-2,000, chr1:1.5Mb-1.7Mb or, as in BED, chr1 1000 2000"


def _key(name: str) -> str:
    bare = name.strip().lower()
    bare = bare.removeprefix("chr") or bare
    return _ALIASES.get(bare, bare)


def resolve_chrom(name: str, available: Iterable[str]) -> str | None:
    """Find a chromosome whatever a file calls it.

    ``22`` is ``chr22`` and ``MT`` is ``chrM``. An exact match wins.

    Returns
    -------
    str or None
        The name as it stands in `available`; None where the chromosome is not there.
    """
    names = list(available)
    if name in names:
        return name
    key = _key(name)
    return next((candidate for candidate in names if _key(candidate) == key), None)


def _bases(number: str, unit: str, text: str) -> int:
    try:
        value = Decimal(re.sub("[,_]", "", number)) * _UNITS[unit.lower()]
    except (InvalidOperation, KeyError):
        raise _malformed(text) from None
    if value != int(value):
        raise _malformed(text)
    return int(value)


def _malformed(text: str) -> InputError:
    return InputError(f"'{' '.join(text.split())}' is not a locus; write {_EXAMPLES}.")


def parse_locus(text: str, lengths: Mapping[str, int] | None = None) -> Interval:
    """Read a locus as people write it.

    Parameters
    ----------
    text
        ``chr1:1,000-2,000`` or ``chr1:1.5Mb-1.7Mb`` (1-based inclusive), ``chr1:1000`` (one base)
        or ``chr1 1000 2000`` (BED: 0-based half-open; more columns are ignored).
    lengths
        Chromosome lengths in bp. With them, the chromosome takes the name it has there
        and an interval that is not on it is refused.

    Raises
    ------
    InputError
        For text of another form, an empty or reversed interval, an unknown chromosome, or one that
        lies off the chromosome.
    """
    stripped = " ".join(text.split())
    if match := _BED.fullmatch(stripped):
        start, end = int(match["start"]), int(match["end"])
    elif match := _COLON.fullmatch(stripped):
        first = _bases(match["start"], match["start_unit"], text)
        start = from_one_based(first)
        end = first if match["end"] is None else _bases(match["end"], match["end_unit"], text)
    else:
        raise _malformed(text)
    if start < 0:
        raise InputError(f"'{stripped}' starts before base 1; positions count from 1.")
    if end <= start:
        raise InputError(f"'{stripped}' ends before it starts; write the smaller position first.")
    if lengths is None:
        return Interval(match["chrom"], start, end)
    chrom = resolve_chrom(match["chrom"], lengths)
    if chrom is None:
        known = ", ".join(list(lengths)[:5]) + (", …" if len(lengths) > 5 else "")
        raise InputError(f"This genome has no chromosome '{match['chrom']}'; it has {known}.")
    if end > lengths[chrom]:
        raise InputError(
            f"'{stripped}' lies off {chrom}, which ends at {lengths[chrom]:,}; "
            "choose positions up to that."
        )
    return Interval(chrom, start, end)
