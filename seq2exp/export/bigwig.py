"""Values along a window as bigWig or bedGraph.

Both keep one row for each run of equal values and nothing outside the chromosome: the padding of a
window that reaches over its end is dropped.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyBigWig
from numpy.typing import ArrayLike, NDArray

from seq2exp.errors import InputError
from seq2exp.export.bed import track_line
from seq2exp.genome.locus import Interval

PRECISION = 6
"""Decimals kept: a mask is a mean of a Beta posterior, known far less well than to 1e-6."""


def value_runs(
    values: ArrayLike, interval: Interval, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Encode values as runs on the chromosome.

    Parameters
    ----------
    values
        [L] one value per base of `interval`; NaN counts as 0, as everywhere.
    interval
        The L bases, unclipped.
    length
        Length of the chromosome in bp.

    Returns
    -------
    starts, ends : ndarray of int64, [n]
        0-based half-open, adjacent, ascending.
    values : ndarray of float64, [n]
        Rounded to `PRECISION` decimals; neighbours differ.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (interval.width,):
        raise ValueError(f"{array.shape} values for the {interval.width} bases of {interval}")
    on = interval.clip(length)
    kept = array[on.start - interval.start : on.end - interval.start] if on.width else array[:0]
    kept = np.round(np.nan_to_num(kept), PRECISION).astype(np.float64)
    first = np.flatnonzero(np.concatenate(([True], kept[1:] != kept[:-1]))[: len(kept)])
    starts = on.start + first
    ends = np.append(starts[1:], on.end)[: len(first)]
    return starts.astype(np.int64), ends.astype(np.int64), kept[first]


def _length(interval: Interval, lengths: Mapping[str, int]) -> int:
    if interval.chrom not in lengths:
        raise InputError(
            f"{interval.chrom} is not among the chromosomes of this data set; choose a gene on "
            f"{', '.join(list(lengths)[:5])}."
        )
    return lengths[interval.chrom]


def bedgraph(
    values: ArrayLike,
    interval: Interval,
    lengths: Mapping[str, int],
    name: str = "",
    description: str = "",
) -> str:
    """Return values as bedGraph text, with a track line where there is a `name`.

    Parameters
    ----------
    values, interval
        As in `value_runs`.
    lengths
        Chromosome lengths in bp.
    name, description
        Labels of the track line.
    """
    starts, ends, runs = value_runs(values, interval, _length(interval, lengths))
    head = track_line(name, description, type="bedGraph") if name else ""
    return head + "".join(
        f"{interval.chrom}\t{start}\t{end}\t{_number(value)}\n"
        for start, end, value in zip(starts.tolist(), ends.tolist(), runs.tolist(), strict=True)
    )


def _number(value: float) -> str:
    return f"{value:.{PRECISION}f}".rstrip("0").rstrip(".")


def bigwig(values: ArrayLike, interval: Interval, lengths: Mapping[str, int]) -> bytes:
    """Return values as the bytes of a bigWig file whose header has all chromosomes.

    Parameters
    ----------
    values, interval, lengths
        As in `bedgraph`; stored as float32.
    """
    starts, ends, runs = value_runs(values, interval, _length(interval, lengths))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.bw"
        file = pyBigWig.open(str(path), "w")
        try:
            file.addHeader([(chrom, int(size)) for chrom, size in lengths.items()])
            if len(starts):
                names = np.full(len(starts), interval.chrom)
                file.addEntries(names, starts, ends=ends, values=runs.astype(np.float32))
        finally:
            file.close()
        return path.read_bytes()
