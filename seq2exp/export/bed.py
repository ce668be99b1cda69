"""BED and narrowPeak to take away, and to bring back.

All coordinates are 0-based half-open, as BED has them. Texts are returned, not written: the page
hands them to the browser, the command line puts them into files.
"""

import os
import re
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from seq2exp.errors import InputError
from seq2exp.tracks.narrowpeak import (
    NO_SUMMIT,
    data_lines,
    format_narrowpeak,
    frame_of,
    read_text,
)

ELEMENT_COLOR = "#009E73"
"""Bluish green of the learned elements on screen."""

_HEX = re.compile(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_STRANDS = ("+", "-", ".")


def track_line(name: str, description: str = "", **settings: str) -> str:
    """Return a UCSC ``track`` line with safely quoted values.

    A track line has no way to escape a double quote and ends with the line, so double quotes become
    single ones and control characters spaces.

    Parameters
    ----------
    name, description
        Short and long label; the description is the name where it is empty.
    settings
        Further settings, as ``itemRgb="On"``.
    """
    values = {"name": name, "description": description or name, **settings}
    return (
        "track " + " ".join(f'{key}="{_quotable(value)}"' for key, value in values.items()) + "\n"
    )


def _quotable(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value).replace('"', "'").strip()


def _word(value: str) -> str:
    """Return a name that stays one field however a reader splits the line."""
    return re.sub(r"\s+", "_", _quotable(value)) or "."


def rgb(color: str) -> str:
    """Turn ``#009E73`` into BED's ``0,158,115``."""
    match = _HEX.fullmatch(color)
    if match is None:
        raise InputError(f"'{color}' is not a colour; write it as #RRGGBB, for example #009E73.")
    return ",".join(str(int(part, 16)) for part in match.groups())


def _scores(frame: pd.DataFrame) -> np.ndarray:
    if "score" in frame:
        scores = frame["score"].to_numpy(dtype=float)
    elif "mean_mask" in frame:
        scores = 1000 * frame["mean_mask"].to_numpy(dtype=float)
    else:
        scores = np.zeros(len(frame))
    return np.rint(np.nan_to_num(scores)).clip(0, 1000).astype(int)


def _clip(frame: pd.DataFrame, lengths: Mapping[str, int] | None) -> pd.DataFrame:
    """Cut off what hangs over a chromosome's ends; drop what lies beyond them."""
    starts = frame["start"].to_numpy(dtype=np.int64)
    ends = frame["end"].to_numpy(dtype=np.int64)
    if lengths is not None:
        ends = np.minimum(ends, [lengths.get(chrom, 0) for chrom in frame["chrom"]])
    clipped = frame.assign(start=np.maximum(starts, 0), end=ends)
    return clipped[clipped["start"] < clipped["end"]]


def _bed6(frame: pd.DataFrame) -> Iterator[list[str]]:
    size = len(frame)
    names = frame["name"] if "name" in frame else ["."] * size
    strands = frame["strand"] if "strand" in frame else ["."] * size
    for chrom, start, end, name, score, strand in zip(
        frame["chrom"], frame["start"], frame["end"], names, _scores(frame), strands, strict=True
    ):
        yield [str(chrom), str(start), str(end), _word(str(name)), str(score), str(strand)]


def _text(rows: Iterator[list[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def write_bed6(
    frame: pd.DataFrame,
    name: str = "",
    description: str = "",
    lengths: Mapping[str, int] | None = None,
) -> str:
    """Return intervals as BED6 text.

    Parameters
    ----------
    frame
        chrom, start, end and, where there, name, strand, and score (0-1000) or mean_mask (0-1, from
        which the score is ``round(1000 * mean_mask)``).
    name, description
        Labels of the track line; without a name there is none, as most tools want it.
    lengths
        Chromosome lengths in bp; rows are cut at a chromosome's end. At 0 they always are.
    """
    head = track_line(name, description) if name else ""
    return head + _text(_bed6(_clip(frame, lengths)))


def write_bed9(
    frame: pd.DataFrame,
    name: str,
    description: str = "",
    color: str = ELEMENT_COLOR,
    lengths: Mapping[str, int] | None = None,
) -> str:
    """Return intervals as BED9 text with a track line that switches their colours on.

    Parameters
    ----------
    frame, name, description, lengths
        As in `write_bed6`; a column `color` (#RRGGBB) colours rows one by one.
    color
        Colour of rows that have none, #RRGGBB.
    """
    clipped = _clip(frame, lengths)
    own = clipped["color"] if "color" in clipped else [""] * len(clipped)
    rows = (
        [*row, row[1], row[2], rgb(str(one) if isinstance(one, str) and one else color)]
        for row, one in zip(_bed6(clipped), own, strict=True)
    )
    return track_line(name, description, itemRgb="On") + _text(rows)


def write_narrowpeak(frame: pd.DataFrame, lengths: Mapping[str, int] | None = None) -> str:
    """Return peaks or learned elements as narrowPeak text.

    Peaks keep their values (scores clipped to 0-1000). Elements have no test behind them: p and q
    are -1 (not assigned), the signal value is the mean of the mask, the summit the mask's highest
    base.
    """
    clipped = _clip(frame, lengths)
    size = len(clipped)
    summits = clipped["summit"].to_numpy() if "summit" in clipped else np.full(size, NO_SUMMIT)
    on = (summits >= clipped["start"].to_numpy()) & (summits < clipped["end"].to_numpy())
    mean = clipped["mean_mask"] if "mean_mask" in clipped else np.full(size, -1.0)
    columns = {
        "signal_value": clipped.get("signal_value", mean),
        "p_log10": clipped.get("p_log10", np.full(size, -1.0)),
        "q_log10": clipped.get("q_log10", np.full(size, -1.0)),
        "summit": np.where(on, summits, NO_SUMMIT),
    }
    rows = [
        (row[0], int(row[1]), int(row[2]), row[3], int(row[4]), row[5], *values)
        for row, *values in zip(_bed6(clipped), *columns.values(), strict=True)
    ]
    return format_narrowpeak(frame_of(rows))


def parse_bed(text: str, source: str = "BED") -> pd.DataFrame:
    """Read BED text with 3 to 12 columns; `source` names it in errors.

    Returns
    -------
    pandas.DataFrame
        chrom, start, end, name ("." where there is none), score (0.0), strand ("."),
        color (#RRGGBB, empty where there is none).

    Raises
    ------
    InputError
        Naming the line that is not BED.
    """
    rows = []
    for number, fields in data_lines(text):
        try:
            chrom, start, end = fields[0], int(fields[1]), int(fields[2])
            score = float(fields[4]) if len(fields) > 4 and fields[4] != "." else 0.0
        except (IndexError, ValueError):
            raise InputError(
                f"{source}, line {number} is not BED; write chromosome, start and end (0-based, "
                "half-open), then perhaps name and score, separated by tabs."
            ) from None
        if not 0 <= start <= end:
            raise InputError(
                f"{source}, line {number}: start {start} and end {end} are no interval; "
                "BED needs 0 <= start <= end."
            )
        strand = fields[5] if len(fields) > 5 else "."
        if strand not in _STRANDS:
            raise InputError(
                f"{source}, line {number}: the strand is '{strand}'; BED knows + - and a dot."
            )
        color = _color(fields[8], source, number) if len(fields) > 8 else ""
        rows.append(
            (chrom, start, end, fields[3] if len(fields) > 3 else ".", score, strand, color)
        )
    frame = pd.DataFrame(
        rows, columns=["chrom", "start", "end", "name", "score", "strand", "color"]
    )
    texts = dict.fromkeys(("chrom", "name", "strand", "color"), "str")
    return frame.astype({**texts, "start": "int64", "end": "int64", "score": "float64"})


def _color(field: str, source: str, number: int) -> str:
    if field in ("0", "."):
        return ""
    parts = field.split(",")
    if len(parts) != 3 or not all(part.isdigit() and int(part) <= 255 for part in parts):
        raise InputError(
            f"{source}, line {number}: the colour is '{field}'; write red,green,blue from 0 to 255."
        )
    return "#" + "".join(f"{int(part):02X}" for part in parts)


def read_bed(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a BED file, plain or gzipped; see `parse_bed`."""
    return parse_bed(read_text(path, "BED file"), os.fspath(path))
