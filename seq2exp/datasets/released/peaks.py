"""The authors' MACS3 peaks, of which only the bases are stored, as narrowPeak."""

from pathlib import Path

import pyBigWig

from seq2exp.tracks.narrowpeak import NO_SUMMIT, format_narrowpeak, frame_of
from seq2exp.tracks.signal import Signal


def write_peaks(bigwig: Path, out: Path) -> None:
    """Write the stretches where a peak mask is above 0 as a narrowPeak file.

    The mask knows neither summits nor q-values, so there are none; peaks that touch are one.

    Raises
    ------
    InputError
        Where the bigWig is missing, not one, or cut short.
    """
    rows: list[tuple] = []
    lengths = Signal(bigwig).lengths
    with pyBigWig.open(str(bigwig)) as file:
        for chrom in lengths:
            end = -1
            for start, stop, value in file.intervals(chrom) or ():
                if not value > 0:
                    continue
                if start != end:
                    name = f"peak_{len(rows) + 1}"
                    rows.append((chrom, start, stop, name, 0, ".", 1.0, -1.0, -1.0, NO_SUMMIT))
                else:
                    rows[-1] = (*rows[-1][:2], stop, *rows[-1][3:])
                end = stop
    out.write_text(format_narrowpeak(frame_of(rows)), encoding="utf-8")
