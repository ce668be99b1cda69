"""The model's view of a gene: 200,000 bp around its TSS, padded where the chromosome ends.

A window is filled from its files by `seq2exp.datasets.catalog.Dataset.window`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval

WINDOW = 200_000
"""Width of the published window in bp; the TSS base stands at index 100,000."""

PROMOTER = 2_000
"""Width in bp of the promoter that the learned mask always opens: TSS ± 1 kb."""

SIGNALS = ("H3K27ac", "DNase", "Hi-C")
"""The order of the signal channels."""

BASES = "ACGTN"
"""What the codes 0-4 stand for; 4 is N or padding."""

PADDING_CODE = 4

FEATURES = (
    "UTR5LEN_log10zscore",
    "CDSLEN_log10zscore",
    "INTRONLEN_log10zscore",
    "UTR3LEN_log10zscore",
    "UTR5GC",
    "CDSGC",
    "UTR3GC",
    "ORFEXONDENSITY",
    "PromoterActivity",
)
"""The order of the nine RNA and promoter features."""


def pad_to(
    values: NDArray, interval: Interval, clipped: Interval, fill: float | int | bool
) -> NDArray:
    """Put the values of the part on the chromosome where they belong in the whole interval.

    Parameters
    ----------
    values
        [clipped.width, ...] one row per base of `clipped`.
    interval
        The whole window, which may reach over the chromosome's ends.
    clipped
        The part of `interval` that `values` covers.
    fill
        What stands at bases off the chromosome.

    Returns
    -------
    ndarray
        [interval.width, ...] of the same dtype; row ``i`` is base ``interval.start + i``.
    """
    if len(values) != clipped.width:
        raise ValueError(f"{len(values)} values for {clipped.width} bases")
    if interval == clipped:
        return values
    padded = np.full((interval.width, *values.shape[1:]), fill, dtype=values.dtype)
    left = clipped.start - interval.start
    # A window wholly off the chromosome clips to width 0 somewhere; then nothing is copied.
    if clipped.width:
        padded[left : left + clipped.width] = values
    return padded


@dataclass(frozen=True, eq=False)
class Window:
    """What the network reads for one gene in one cell type. L is the window's length in bp.

    Attributes
    ----------
    gene, cell
        The gene (its `tss` is the window's centre) and the cell type's name.
    interval
        Unclipped [tss - L/2, tss + L/2); always read on the plus strand.
    codes
        uint8 [L]; A 0, C 1, G 2, T 3, N and padding 4.
    signals
        float32 [L, 3] in the order of `SIGNALS`: H3K27ac and DNase as in the bigWig (NaN is 0), and
        log10(1 + contact with the TSS). Padding is 0.
    blacklist
        bool [L]; True where mapping artefacts make signals untrustworthy.
    features
        float32 [9] in the order of `FEATURES`; 0 where the expression table has no such column.
    label
        log10(x + 1) of the measured expression, or None where the table has no such gene.
    label_name
        What x is, e.g. "CAGE" or "RNA-seq TPM".
    pad_left, pad_right
        Bases of padding at either side.
    contact_source
        Where channel 2 comes from, e.g. "Hi-C VC 5 kb" or "power law (no Hi-C)".
    notes
        Sentences to show beside the window.
    """

    gene: Gene
    cell: str
    interval: Interval
    codes: NDArray[np.uint8]
    signals: NDArray[np.float32]
    blacklist: NDArray[np.bool_]
    features: NDArray[np.float32]
    label: float | None
    label_name: str
    pad_left: int
    pad_right: int
    contact_source: str
    notes: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """L, the window's length in bp."""
        return self.interval.width

    @property
    def tss_index(self) -> int:
        """Index of the TSS base: L/2."""
        return self.length // 2

    @property
    def promoter(self) -> slice:
        """Indices of the promoter, [L/2 - 1000, L/2 + 1000) (the whole window if it is shorter)."""
        half = min(PROMOTER // 2, self.tss_index)
        return slice(self.tss_index - half, self.tss_index + half)

    @property
    def one_hot(self) -> NDArray[np.float32]:
        """float32 [L, 4] in the order A, C, G, T; N and padding are all zero."""
        return np.eye(5, 4, dtype=np.float32)[self.codes]

    @property
    def sequence(self) -> str:
        """The L bases as upper-case text; N for N and padding."""
        return np.frombuffer(BASES.encode(), np.uint8)[self.codes].tobytes().decode()

    def crop(self, length: int) -> "Window":
        """Return the central `length` bp (even, at most L); the TSS stays in the middle."""
        if length % 2 or not 0 < length <= self.length:
            raise ValueError(f"crop to an even length up to {self.length}, not {length}")
        start = self.tss_index - length // 2
        part = slice(start, start + length)
        return replace(
            self,
            interval=Interval(
                self.interval.chrom,
                self.interval.start + part.start,
                self.interval.start + part.stop,
            ),
            codes=self.codes[part],
            signals=self.signals[part],
            blacklist=self.blacklist[part],
            pad_left=max(0, self.pad_left - start),
            pad_right=max(0, self.pad_right - start),
        )
