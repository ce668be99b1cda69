"""bigBed: intervals with named columns in a file that browsers read piece by piece.

The layout is that of Kent et al. 2010, Bioinformatics 26:2204 (supplement): header, autoSql,
summary, a B+ tree of chromosome names, compressed blocks of rows and an R tree over them. There are
no zoom levels: a gene's window has few rows, which readers then take as they are. All rows fit into
one leaf of either tree, which holds 65,535 entries. The same rows give the same bytes.
"""

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

_MAGIC, _TREE_MAGIC, _INDEX_MAGIC = 0x8789F2EB, 0x78CA8C91, 0x2468ACE0
_HEADER = struct.Struct("<IHHQQQHHQQIQ")
_ROWS_A_BLOCK = 512
_MOST = 65_535  # entries of a leaf


@dataclass(frozen=True)
class Schema:
    """The columns of a bigBed file.

    Attributes
    ----------
    name, about
        Of the table, for the page of details in a browser.
    columns
        autoSql type, name and meaning of each column, the first three being those of BED.
    standard
        How many of them are BED's own, 3 to 12: ``bigBed 9 +`` has 9.
    """

    name: str
    about: str
    columns: tuple[tuple[str, str, str], ...]
    standard: int

    @property
    def sql(self) -> str:
        """The autoSql declaration."""
        lines = [f'    {kind} {name}; "{text}"' for kind, name, text in self.columns]
        return f'table {self.name}\n"{self.about}"\n(\n' + "\n".join(lines) + "\n)\n"

    @property
    def track_type(self) -> str:
        """The ``type`` setting of a track hub."""
        more = " +" if len(self.columns) > self.standard else ""
        return f"bigBed {self.standard}{more}"


_BED = (
    ("string", "chrom", "Chromosome"),
    ("uint", "chromStart", "Start, 0-based"),
    ("uint", "chromEnd", "End, half-open"),
    ("string", "name", "Name"),
    ("uint", "score", "Score, 0 to 1000"),
    ("char[1]", "strand", "Strand, or . where there is none"),
    ("uint", "thickStart", "Start of the thick part"),
    ("uint", "thickEnd", "End of the thick part"),
    ("uint", "reserved", "Colour"),
    ("int", "blockCount", "Number of exons"),
    ("int[blockCount]", "blockSizes", "Lengths of the exons in bp"),
    ("int[blockCount]", "chromStarts", "Starts of the exons from chromStart"),
)
ELEMENTS = Schema(
    "seq2expElements",
    "Elements that the learned mask keeps",
    (
        *_BED[:9],
        ("string", "gene", "Gene that the mask was learned for"),
        ("uint", "length", "Length in bp"),
        ("uint", "summit", "Position of the highest mask mean, 0-based"),
        ("float", "meanMask", "Mean of the mask, 0 to 1"),
        ("float", "maxMask", "Highest mask mean, 0 to 1"),
    ),
    9,
)
PEAKS = Schema(
    "seq2expPeaks",
    "Peaks as narrowPeak has them",
    (
        *_BED[:6],
        ("float", "signalValue", "Enrichment"),
        ("float", "pValue", "-log10 p, or -1"),
        ("float", "qValue", "-log10 q, or -1"),
        ("int", "peak", "Summit from chromStart in bp, or -1"),
    ),
    6,
)
GENES = Schema("seq2expGenes", "Canonical transcripts", _BED, 12)


def bigbed(rows: Iterable[Sequence[object]], schema: Schema, lengths: Mapping[str, int]) -> bytes:
    """Return rows as the bytes of a bigBed file.

    Parameters
    ----------
    rows
        A value for each column of `schema`, in any order of positions: chrom, start, end (0-based
        half-open), then the others as they are to be read.
    schema
        The columns.
    lengths
        Chromosome lengths in bp.

    Raises
    ------
    ValueError
        Where there is no row (a bigBed holds at least one), or a row has too few or too many
        columns, lies off its chromosome, or has a text that would break a column.
    """
    listed = sorted(
        (
            (str(chrom), int(str(start)), int(str(end)), tuple(map(str, rest)))
            for chrom, start, end, *rest in rows
        )
    )
    if not listed:
        raise ValueError("a bigBed file holds at least one row")
    for chrom, start, end, rest in listed:
        if 3 + len(rest) != len(schema.columns):
            raise ValueError(f"{3 + len(rest)} columns for the {len(schema.columns)} of the schema")
        if not 0 <= start < end <= lengths.get(chrom, 0):
            raise ValueError(f"{chrom}:{start}-{end} is not on a chromosome of this genome")
        if any(char in text for text in rest for char in "\t\n\0"):
            raise ValueError(f"a tab, line break or NUL in the columns {rest}")
    chroms = sorted({row[0] for row in listed})
    numbers = {chrom: number for number, chrom in enumerate(chroms)}

    sql = schema.sql.encode() + b"\0"
    tree = _chrom_tree(chroms, lengths)
    tree_at = _HEADER.size + len(sql) + 40
    data_at = tree_at + len(tree)
    blocks, leaves, largest, at = [], [], 0, data_at + 8
    for chrom, group in groupby(listed, key=lambda row: row[0]):
        members = list(group)
        for first in range(0, len(members), _ROWS_A_BLOCK):
            part = members[first : first + _ROWS_A_BLOCK]
            number = numbers[chrom]
            raw = b"".join(
                struct.pack("<III", number, start, end) + "\t".join(rest).encode() + b"\0"
                for _, start, end, rest in part
            )
            packed = zlib.compress(raw, 6)
            bounds = part[0][1], max(row[2] for row in part)
            leaves.append((number, bounds[0], number, bounds[1], at, len(packed)))
            blocks.append(packed)
            largest, at = max(largest, len(raw)), at + len(packed)
    if len(leaves) > _MOST:
        raise ValueError(f"{len(listed):,} rows are too many for one leaf of the index")
    header = _HEADER.pack(
        *(_MAGIC, 4, 0, tree_at, data_at, at, len(schema.columns), schema.standard),
        *(_HEADER.size, tree_at - 40, largest, 0),
    )
    return b"".join(
        (
            *(header, sql, _summary(listed), tree, struct.pack("<Q", len(listed)), *blocks),
            *(_index(leaves, at), struct.pack("<I", _MAGIC)),
        )
    )


def _chrom_tree(chroms: Sequence[str], lengths: Mapping[str, int]) -> bytes:
    """Return the B+ tree of chromosome names: a header and one leaf."""
    if len(chroms) > _MOST:
        raise ValueError(f"{len(chroms):,} chromosomes are too many for one leaf of the tree")
    names = [chrom.encode() for chrom in chroms]
    width = max(map(len, names))
    head = struct.pack("<IIIIQQ", _TREE_MAGIC, len(names), width, 8, len(names), 0)
    leaf = b"".join(
        name.ljust(width, b"\0") + struct.pack("<II", number, lengths[chrom])
        for number, (name, chrom) in enumerate(zip(names, chroms, strict=True))
    )
    return head + struct.pack("<BBH", 1, 0, len(names)) + leaf


def _index(leaves: Sequence[tuple[int, int, int, int, int, int]], end: int) -> bytes:
    """Return the R tree over blocks that end at byte `end`: a header and one leaf."""
    bounds = (leaves[0][0], leaves[0][1]), max((leaf[2], leaf[3]) for leaf in leaves)
    head = struct.pack(
        "<IIQIIIIQII",
        *(_INDEX_MAGIC, max(len(leaves), 2), len(leaves)),
        *(*bounds[0], *bounds[1], end, _ROWS_A_BLOCK, 0),
    )
    node = struct.pack("<BBH", 1, 0, len(leaves))
    return head + node + b"".join(struct.pack("<IIIIQQ", *leaf) for leaf in leaves)


def _summary(rows: Sequence[tuple[str, int, int, tuple[str, ...]]]) -> bytes:
    """Return covered bases, and least, highest, sum and sum of squares of their depths."""
    depths, widths = [], []
    for _, group in groupby(rows, key=lambda row: row[0]):
        spans = [(start, end) for _, start, end, _ in group]
        edges = np.array(spans, dtype=np.int64).T.ravel()
        steps = np.repeat([1, -1], len(spans))
        order = np.argsort(edges, kind="stable")
        depths.append(np.cumsum(steps[order])[:-1])
        widths.append(np.diff(edges[order]))
    depth, width = np.concatenate(depths), np.concatenate(widths)
    depth, width = depth[(depth > 0) & (width > 0)], width[(depth > 0) & (width > 0)]
    return struct.pack(
        "<Qdddd",
        int(width.sum()),
        *(float(depth.min()), float(depth.max())),
        *(float((depth * width).sum()), float((depth**2 * width).sum())),
    )
