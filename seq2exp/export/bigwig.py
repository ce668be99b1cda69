"""Values along a window as bigWig or bedGraph.

Both keep one row for each run of equal values and nothing outside the chromosome: the padding of a
window that reaches over its end is dropped.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pyBigWig
from numpy.typing import ArrayLike, NDArray

from seq2exp.errors import InputError
from seq2exp.export.bed import track_line
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.model.beta import MaskPosterior

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
    return _written([(interval.chrom, starts, ends, runs)], lengths)


#: What is exported of a mask: its mean and the edges of its 90 % credible band.
MASK_TRACKS = ("mean", "lower", "upper")


def mask_track(posterior: MaskPosterior, kind: str) -> NDArray[np.float32]:
    """Return one of `MASK_TRACKS`, float32 [L].

    "lower" is the 5 % quantile of each base's Beta, "upper" the 95 % one. In all of them the
    blacklist is 0 and the forced-open promoter 1, as the predictor reads them.
    """
    if kind == "mean":
        return posterior.soft()
    return posterior.edit(posterior.quantile({"lower": 0.05, "upper": 0.95}[kind]))


def mask_tracks(posterior: MaskPosterior) -> dict[str, NDArray[np.float32]]:
    """Return all that is exported of a mask, by kind; see `mask_track`."""
    return {kind: mask_track(posterior, kind) for kind in MASK_TRACKS}


def cut_bigwig(
    path: str | os.PathLike[str], intervals: Iterable[Interval], lengths: Mapping[str, int]
) -> bytes | None:
    """Return the part of a bigWig that lies in some intervals, its values as they are stored.

    Parameters
    ----------
    path
        A bigWig.
    intervals
        Disjoint, on the chromosomes of `lengths`, which the file may call otherwise.
    lengths
        Chromosome names and lengths (bp) of the result.

    Returns
    -------
    bytes or None
        A bigWig; None where the file has no value there, as readers refuse a bigWig without any.

    Raises
    ------
    InputError
        Where the file cannot be read.
    """
    parts = []
    try:
        file = pyBigWig.open(os.fspath(path))
        known = file.chroms()
        for interval in sorted(intervals):
            chrom = resolve_chrom(interval.chrom, known)
            on = interval.clip(lengths[interval.chrom])
            found = file.intervals(chrom, on.start, on.end) if chrom and on.width else None
            if found:
                rows = np.array(found, dtype=np.float64)
                starts, ends = rows[:, :2].astype(np.int64).clip(on.start, on.end).T
                parts.append((interval.chrom, starts, ends, rows[:, 2]))
        file.close()
    except RuntimeError as error:
        raise InputError(
            f"The bigWig {path} cannot be read ({error}); it may be cut short, fetch it again."
        ) from None
    return _written(parts, lengths) if parts else None


def _written(
    parts: Iterable[tuple[str, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]],
    lengths: Mapping[str, int],
) -> bytes:
    """Return a bigWig of runs: chromosome, starts, ends, values; in the order of `lengths`."""
    order = {chrom: number for number, chrom in enumerate(lengths)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.bw"
        file = pyBigWig.open(str(path), "w")
        try:
            file.addHeader([(chrom, int(size)) for chrom, size in lengths.items()])
            for chrom, starts, ends, values in sorted(parts, key=lambda part: order[part[0]]):
                if len(starts):
                    names = np.full(len(starts), chrom)
                    file.addEntries(names, starts, ends=ends, values=values.astype(np.float32))
        finally:
            file.close()
        return path.read_bytes()
