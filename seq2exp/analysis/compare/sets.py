"""Named sets of intervals: peaks, CRISPRi-tested elements, candidate elements, anyone's BED."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.compare.spans import Spans, intersect
from seq2exp.analysis.elements import flatten
from seq2exp.datasets.catalog import Cell
from seq2exp.errors import InputError
from seq2exp.genome.annotation import Gene, without_version
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.tracks.narrowpeak import data_lines, read_text

#: What the learned elements and the peaks are called among other sets.
LEARNED, PEAKS = "learned", "peaks"


@dataclass(frozen=True, eq=False)
class IntervalSet:
    """Intervals with a name.

    Attributes
    ----------
    name
        For tables and figures.
    frame
        chrom (as the data set's genome has it), start, end (0-based half-open) and perhaps more;
        rows may overlap each other.
    of_genes
        Whether rows belong to single genes: then `frame` has ``gene_id`` and ``gene_symbol``, and
        a gene meets only its own rows.
    left_out
        How many intervals the file had on chromosomes that the genome lacks.
    """

    name: str
    frame: pd.DataFrame
    of_genes: bool = False
    left_out: int = 0

    @cached_property
    def _by_chrom(self) -> dict[str, tuple[NDArray[np.int64], int, pd.DataFrame]]:
        """Return by chromosome the starts in ascending order, the longest width, and the rows."""
        table = {}
        for chrom, rows in self.frame.groupby("chrom", sort=False):
            ranked = rows.sort_values("start", kind="stable")
            longest = int((ranked["end"] - ranked["start"]).max())
            table[str(chrom)] = (ranked["start"].to_numpy(np.int64), longest, ranked)
        return table

    def near(self, interval: Interval, gene: Gene | None = None) -> pd.DataFrame:
        """Return the rows that share a base with `interval`, by start; of `gene` if they have one.

        Raises
        ------
        ValueError
            Where rows belong to genes and none is given.
        """
        starts, longest, rows = self._by_chrom.get(
            interval.chrom, (np.empty(0, np.int64), 0, self.frame.iloc[:0])
        )
        first = np.searchsorted(starts, interval.start - longest)
        found = rows.iloc[first : np.searchsorted(starts, interval.end)]
        found = found[(found["end"] > interval.start) & (found["end"] > found["start"])]
        if not self.of_genes:
            return found
        if gene is None:
            raise ValueError(f"the intervals of {self.name} belong to genes; say of which")
        ids = found["gene_id"].astype(str).map(without_version).str.upper() == gene.id.upper()
        symbols = found["gene_symbol"].astype(str).str.upper() == gene.name.upper()
        return found[ids | symbols]

    def bases(self, interval: Interval, counted: Spans, gene: Gene | None = None) -> Spans:
        """Return the counted bases of `interval` that the set covers."""
        return intersect(flatten(ends_of(self.near(interval, gene))), counted)


def ends_of(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return start and end of each row, int64 [n, 2]."""
    return frame[["start", "end"]].to_numpy(dtype=np.int64).reshape(-1, 2)


def on_genome(frame: pd.DataFrame, lengths: Mapping[str, int], source: str) -> pd.DataFrame:
    """Put intervals on a genome: its chromosome names, rows on chromosomes it lacks left out.

    Parameters
    ----------
    frame
        chrom, start, end and more.
    lengths
        Chromosome lengths in bp.
    source
        What the intervals are, for errors.

    Raises
    ------
    InputError
        Where the genome has none of the chromosomes, or an interval ends beyond one.
    """
    found = {chrom: resolve_chrom(str(chrom), lengths) for chrom in frame["chrom"].unique()}
    names = {chrom: name for chrom, name in found.items() if name is not None}
    if len(frame) and not names:
        raise InputError(
            f"{source} has no chromosome of the genome (it has {', '.join(list(found)[:3])}); "
            "give intervals of the data set's genome assembly."
        )
    kept = frame[frame["chrom"].isin(list(names))]
    kept = kept.assign(chrom=kept["chrom"].map(names).astype("str"))
    beyond = kept[kept["end"] > kept["chrom"].map(lengths).astype("int64")]
    if len(beyond):
        row = beyond.iloc[0]
        raise InputError(
            f"{source} has an interval up to {row['chrom']}:{row['end']:,}, beyond the "
            f"{lengths[row['chrom']]:,} bp of that chromosome; give intervals of the data set's "
            "genome assembly."
        )
    return kept.reset_index(drop=True)


def read_intervals(
    path: str | os.PathLike[str], name: str, lengths: Mapping[str, int]
) -> IntervalSet:
    """Read a BED-like file as a set; see `parse_intervals`."""
    return parse_intervals(read_text(path, "BED file"), name, lengths, os.fspath(path))


def parse_intervals(
    text: str, name: str, lengths: Mapping[str, int], source: str = "BED"
) -> IntervalSet:
    """Read the first three or four columns of BED-like text as a set; errors name `source`.

    Tables of candidate elements (ENCODE's cCREs, say) put other things than BED's into the columns
    after the fourth, so those are not looked at.

    Raises
    ------
    InputError
        For a file that cannot be read, a line that is no interval, or another genome.
    """
    rows = []
    for number, fields in data_lines(text):
        try:
            start, end = int(fields[1]), int(fields[2])
        except (IndexError, ValueError):
            raise InputError(
                f"{source}, line {number} is not BED; write chromosome, start and end (0-based, "
                "half-open), separated by tabs."
            ) from None
        if not 0 <= start <= end:
            raise InputError(
                f"{source}, line {number}: start {start} and end {end} are no interval; write a "
                "0-based start that is not beyond the end."
            )
        rows.append((fields[0], start, end, fields[3] if len(fields) > 3 else "."))
    frame = pd.DataFrame(rows, columns=["chrom", "start", "end", "name"])
    frame = frame.astype({"chrom": "str", "start": "int64", "end": "int64", "name": "str"})
    kept = on_genome(frame, lengths, source)
    return IntervalSet(name, kept, left_out=len(frame) - len(kept))


def crispri_set(cell: Cell, lengths: Mapping[str, int], name: str = "CRISPRi") -> IntervalSet:
    """Return the elements whose silencing lowered a gene's expression in a cell type.

    Raises
    ------
    InputError
        Where the cell type has no CRISPRi table.
    """
    table = cell.crispr
    if table is None:
        raise InputError(
            f"{cell.name} has no CRISPRi table; name one for it in the data set's file, or give a "
            "BED file."
        )
    own = table["regulated"] & (table["cell"].str.lower() == cell.name.lower())
    return IntervalSet(name, on_genome(table[own], lengths, str(cell.crispr_path)), of_genes=True)
