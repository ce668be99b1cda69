"""narrowPeak, the format MACS writes: read into absolute summits, written with offsets.

A narrowPeak line is BED6 (chrom, start, end, name, score, strand) followed by signalValue,
-log10 p, -log10 q (-1: not assigned) and the summit's offset from start (-1: no summit).
In memory the summit is absolute, so that nothing has to know the peak's start to place it.
"""

import gzip
import os
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from seq2exp.errors import InputError

COLUMNS = (
    "chrom",
    "start",
    "end",
    "name",
    "score",
    "strand",
    "signal_value",
    "p_log10",
    "q_log10",
    "summit",
)
"""The columns of a table of peaks; `summit` is absolute and 0-based, -1 where there is none."""

NO_SUMMIT = -1

_KINDS = {"chrom": "str", "name": "str", "strand": "str"} | dict.fromkeys(
    ("start", "end", "score", "summit"), "int64"
)
_HEADER = re.compile(r"(track|browser)(\s|$)|#")


def read_text(path: str | os.PathLike[str], what: str) -> str:
    """Return the text of a plain or gzipped file, `what` saying in errors what it should be."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; give the path of a {what}.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a {what}.") from None
    return text_of(data, os.fspath(path), what)


def text_of(data: bytes, source: str, what: str) -> str:
    """Return the text of the bytes of a plain or gzipped file, which `source` names in errors."""
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{source} is a damaged gzip file ({error}); copy or download the {what} again."
        ) from None
    except UnicodeDecodeError:
        raise InputError(f"{source} is not text; give a {what} (plain or .gz).") from None


def data_lines(text: str) -> list[tuple[int, list[str]]]:
    """Split BED-like text into (line number from 1, fields), without header lines and comments.

    Fields are separated by tabs, or by any white space in a line without a tab.
    """
    return [
        (number, line.split("\t") if "\t" in line else line.split())
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not _HEADER.match(line)
    ]


def parse_narrowpeak(text: str, source: str = "narrowPeak") -> pd.DataFrame:
    """Read narrowPeak text; `source` names it in errors.

    Returns
    -------
    pandas.DataFrame
        The columns `COLUMNS`, in the order of the text.

    Raises
    ------
    InputError
        Naming the line that is not narrowPeak.
    """
    rows = []
    for number, fields in data_lines(text):
        if len(fields) != len(COLUMNS):
            raise InputError(
                f"{source}, line {number}: {len(fields)} columns where narrowPeak has 10; "
                "give MACS's _peaks.narrowPeak file."
            )
        try:
            start, end = int(fields[1]), int(fields[2])
            offset = int(fields[9])
            score = round(float(fields[4]))
            numbers = [float(field) for field in fields[6:9]]
        except (ValueError, OverflowError):
            raise InputError(
                f"{source}, line {number}: a number is missing or malformed; give MACS's "
                "_peaks.narrowPeak file unchanged."
            ) from None
        if not 0 <= start < end or not -1 <= offset < end - start:
            raise InputError(
                f"{source}, line {number}: start {start}, end {end} and summit offset {offset} "
                "do not fit together; give MACS's _peaks.narrowPeak file unchanged."
            )
        summit = NO_SUMMIT if offset < 0 else start + offset
        rows.append((fields[0], start, end, fields[3], score, fields[5], *numbers, summit))
    return frame_of(rows)


def frame_of(rows: list[tuple]) -> pd.DataFrame:
    """Make a table of peaks from rows in the order of `COLUMNS` (summits absolute)."""
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype({column: _KINDS.get(column, "float64") for column in COLUMNS})


def read_narrowpeak(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a narrowPeak file, plain or gzipped; see `parse_narrowpeak`."""
    return parse_narrowpeak(read_text(path, "narrowPeak file"), os.fspath(path))


def format_narrowpeak(peaks: pd.DataFrame, clip: bool = True) -> str:
    """Write peaks as narrowPeak text.

    MACS3's score can exceed 1000, which BED does not allow and genome browsers refuse: with `clip`
    it is clipped to 0-1000. Values that are not assigned (NaN or negative) become -1.
    """
    lines = []
    for *bed, score, strand, signal, p, q, summit in zip(
        *(peaks[column].tolist() for column in COLUMNS), strict=True
    ):
        start = bed[1]
        offset = summit - start if summit >= start else NO_SUMMIT
        fields = [
            *bed,
            min(max(score, 0), 1000) if clip else score,
            strand,
            *map(_number, (signal, p, q)),
            offset,
        ]
        lines.append("\t".join(map(str, fields)))
    return "".join(line + "\n" for line in lines)


def _number(value: float) -> str:
    return f"{value:.6g}" if value >= 0 else "-1"


def place(
    peaks: pd.DataFrame, lengths: Mapping[str, int], names: Mapping[str, str]
) -> pd.DataFrame:
    """Put peaks on the chromosomes of a data set.

    Peak callers do not know where a chromosome ends and let a peak hang over; that part is cut off.

    Parameters
    ----------
    peaks
        A table of peaks.
    lengths
        Chromosome lengths in bp.
    names
        For each chromosome name in `peaks` that the data set has, its name there; rows on others
        are left out.
    """
    chrom = peaks["chrom"].map(names)
    kept = peaks.assign(chrom=chrom)[chrom.notna()]
    kept = kept.astype({"chrom": "str"})
    limit = kept["chrom"].map(lengths).to_numpy(dtype=np.int64)
    kept = kept.assign(
        end=np.minimum(kept["end"].to_numpy(), limit),
        summit=np.minimum(kept["summit"].to_numpy(), limit - 1),
    )
    return kept[kept["start"] < kept["end"]].reset_index(drop=True)
