"""The BED selection with names, colours and notes, written and brought back unchanged.

The format is UCSC's bedDetail: BED9 followed by an id and a description. A BED name must be one
word, so the exact name stands in the id and the note in the description. In both, what would break
a line or a field is written as ``%`` and two hexadecimal digits, as in GFF3, and nothing as a dot.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from urllib.parse import unquote

import pandas as pd

from seq2exp.errors import InputError
from seq2exp.export.bed import parse_bed, write_bed9
from seq2exp.export.session import Selection
from seq2exp.genome.locus import resolve_chrom
from seq2exp.tracks.narrowpeak import data_lines

_DETAIL = re.compile(r"^track\b.*\btype=[\"']?bedDetail\b", re.MULTILINE)

_FIELDS = 11  # BED9, id and description


def write_selections(selections: Iterable[Selection], name: str, description: str = "") -> str:
    """Return selections as bedDetail text, which `parse_selections` reads back.

    Parameters
    ----------
    selections
        Any number of them.
    name, description
        Labels of the track line.
    """
    listed = list(selections)
    frame = pd.DataFrame(
        [asdict(one) for one in listed], columns=["chrom", "start", "end", "name", "color", "note"]
    )
    head, *rows = write_bed9(frame, name, description).splitlines(keepends=True)
    # The type has to be the first setting for UCSC to see it.
    lines = [head.replace("track ", "track type=bedDetail ", 1)]
    for row, one in zip(rows, listed, strict=True):
        lines.append(f"{row[:-1]}\t{_quoted(one.name)}\t{_quoted(one.note)}\n")
    return "".join(lines)


def parse_selections(
    text: str, source: str = "BED", lengths: Mapping[str, int] | None = None
) -> tuple[Selection, ...]:
    """Read selections from BED text.

    Parameters
    ----------
    text
        What `write_selections` wrote, or any BED of 3 to 12 columns: its names and colours are
        taken, and there are no notes.
    source
        Names the text in errors.
    lengths
        Chromosome lengths in bp; with them, chromosomes take the names they have there.

    Raises
    ------
    InputError
        Naming the line that is no BED, is empty, or does not lie on the chromosomes.
    """
    details = _DETAIL.search(text) is not None
    found = []
    for row, (number, fields) in zip(
        parse_bed(text, source).itertuples(index=False), data_lines(text), strict=True
    ):
        chrom, where = row.chrom, f"{source}, line {number}"
        if row.start == row.end:
            raise InputError(f"{where} is an interval of 0 bp; give end > start.")
        if lengths is not None:
            known = resolve_chrom(chrom, lengths)
            if known is None or row.end > lengths[known]:
                raise InputError(
                    f"{where}: {chrom}:{row.start}-{row.end} is not on a chromosome of this data "
                    "set; give a BED of its genome assembly."
                )
            chrom = known
        name, note = ("" if row.name == "." else row.name), ""
        if details and len(fields) == _FIELDS:
            name, note = map(_plain, fields[-2:])
        color = row.color or Selection.color
        found.append(Selection(chrom, int(row.start), int(row.end), name, color, note))
    return tuple(found)


def _quoted(text: str) -> str:
    """Write a text as one tab-separated field of one line."""
    if text in ("", "."):
        return "%2E" if text else "."
    return "".join(
        char
        if char.isprintable() and char != "%"
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", errors="replace"))
        for char in text
    )


def _plain(field: str) -> str:
    """Read what `_quoted` wrote."""
    return "" if field == "." else unquote(field)
