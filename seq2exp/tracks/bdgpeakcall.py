"""Calling peaks on a signal with MACS3's ``bdgpeakcall``, in this process."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pyBigWig

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.tracks.macs3 import PeakParameters, Progress, Stopped
from seq2exp.tracks.narrowpeak import frame_of
from seq2exp.tracks.signal import Signal


def suggested_cutoff(signal: Signal) -> float:
    """Return a cutoff for a signal of unknown unit: mean + one standard deviation of all bases.

    A start for the eye, not a test: DNase signals are long-tailed, so two or three deviations keep
    only the strongest sites. Bases without a value count as 0. The sums come from the bigWig's
    header, so this is instant; a file whose writer left them out is read through once.
    """
    file = pyBigWig.open(str(signal.path))
    try:
        header = file.header()
    finally:
        file.close()
    total, squares = float(header["sumData"]), float(header["sumSquared"])
    if not (math.isfinite(total) and math.isfinite(squares) and total > 0 and squares > 0):
        sums = np.zeros(2)
        for _, values in _chunks(signal):
            wide = values.astype(np.float64)
            sums += wide.sum(), (wide * wide).sum()
        total, squares = sums
    size = sum(signal.lengths.values())
    mean = total / size
    cutoff = mean + math.sqrt(max(squares / size - mean * mean, 0))
    if cutoff <= 0:
        raise InputError(f"{signal.path} has no signal above 0; give another bigWig.")
    return float(f"{cutoff:.3g}")


_CHUNK = 4_000_000


def _chunks(signal: Signal) -> Iterator[tuple[Interval, np.ndarray]]:
    for chrom, length in signal.lengths.items():
        for start in range(0, length, _CHUNK):
            part = Interval(chrom, start, min(start + _CHUNK, length))
            yield part, signal.values(part)


def call_peaks_from_signal(
    signal: Signal,
    parameters: PeakParameters | None = None,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> pd.DataFrame:
    """Call peaks on a signal with MACS3's ``bdgpeakcall``.

    MACS3 takes a bedGraph for gapless: a base without a value gets that of the *next* line, which
    joins distant sites into one peak. So it is given zeros there.

    Parameters
    ----------
    signal
        The bigWig.
    parameters
        `cutoff`, `min_length` and `max_gap` are used, see `PeakParameters`.
    progress, should_stop
        Called every 4 Mb.

    Returns
    -------
    pandas.DataFrame
        Peaks as in `seq2exp.tracks.narrowpeak.COLUMNS`; `signal_value` is the highest signal, p and
        q are -1 (not assigned), the score is MACS3's, ten times the signal, and can exceed 1000.

    Raises
    ------
    Stopped
        Where `should_stop` said so.
    """
    chosen = parameters or PeakParameters()
    cutoff = np.float32(suggested_cutoff(signal) if chosen.cutoff is None else chosen.cutoff)
    whole, done = sum(signal.lengths.values()), 0
    rows: list[tuple] = []
    # MACS3 goes through chromosomes in the order of their names.
    runs: dict[str, list[tuple[int, int, float]]] = {chrom: [] for chrom in sorted(signal.lengths)}
    for part, values in _chunks(signal):
        if should_stop is not None and should_stop():
            raise Stopped
        if progress is not None:
            progress(0.9 * done / whole, f"MACS3 bdgpeakcall: reading {part.chrom}")
        # What is below the cutoff makes no peak, and as zeros it is few runs instead of many.
        runs[part.chrom] += _value_runs(np.where(values >= cutoff, values, 0), part.start)
        done += part.width
    for i, (chrom, stretches) in enumerate(runs.items()):
        if progress is not None:
            progress(0.9 + 0.1 * i / len(runs), f"MACS3 bdgpeakcall: calling {chrom}")
        for peak in _bdgpeakcall(chrom, stretches, float(cutoff), chosen):
            start, end, summit, score = peak
            name = f"macs3_peak_{len(rows) + 1}"
            rows.append((chrom, start, end, name, int(10 * score), ".", score, -1.0, -1.0, summit))
    return frame_of(rows)


def _value_runs(values: np.ndarray, origin: int) -> list[tuple[int, int, float]]:
    first = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    ends = np.append(first[1:], len(values))
    return list(
        zip(
            (origin + first).tolist(), (origin + ends).tolist(), values[first].tolist(), strict=True
        )
    )


def _bdgpeakcall(
    chrom: str, runs: list[tuple[int, int, float]], cutoff: float, parameters: PeakParameters
) -> Iterator[tuple[int, int, int, float]]:
    """Yield start, end, summit (absolute) and highest value of the peaks of one chromosome."""
    # Imported here: MACS3 takes a while to load, and most starts of the app need no new peaks.
    from MACS3.Signal.BedGraph import bedGraphTrackI

    if not any(value for _, _, value in runs):
        return
    key = chrom.encode()
    track = bedGraphTrackI(baseline_value=0)
    for start, end, value in runs:
        track.add_loc(key, start, end, value)
    minimum = parameters.extsize if parameters.min_length is None else parameters.min_length
    gap = 50 if parameters.max_gap is None else parameters.max_gap
    peaks = track.call_peaks(cutoff=cutoff, min_length=minimum, max_gap=gap)
    if key in peaks.get_chr_names():
        for peak in peaks.get_data_from_chrom(key):
            yield peak["start"], peak["end"], peak["summit"], peak["score"]
