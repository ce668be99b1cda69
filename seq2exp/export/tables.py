"""Tables to take away as TSV or Parquet, every column with its unit.

A number without a unit is not a result: a column whose unit is not known is refused.
"""

import io
from collections.abc import Mapping

import pandas as pd
import pyarrow
import pyarrow.parquet

from seq2exp.errors import InputError
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval

FORMATS = ("tsv", "parquet")

#: Unit of each column that the tables of elements, peaks and tested pairs have; empty for texts.
UNITS: Mapping[str, str] = {
    "gene": "",
    "gene_id": "",
    "cell": "",
    "chrom": "",
    "region": "1-based",
    "start": "bp, 0-based",
    "end": "bp, half-open",
    "name": "",
    "kind": "",
    "strand": "",
    "color": "",
    "note": "",
    "length": "bp",
    "summit": "bp, 0-based",
    "tss_distance": "bp, negative upstream",
    "score": "0-1000",
    "mean_mask": "0-1",
    "max_mask": "0-1",
    "abc_share": "0-1",
    "signal_value": "enrichment",
    "p_log10": "-log10 p",
    "q_log10": "-log10 q",
}


def write_tsv(
    frame: pd.DataFrame,
    units: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> str:
    """Return a table as tab-separated text with units in its header.

    The header is ``name (unit)``, or ``name`` for texts; missing values are empty fields. Line
    breaks and tabs inside a text become spaces.

    Parameters
    ----------
    frame
        The table; its index is left out.
    units
        Units of columns that `UNITS` lacks or names otherwise.
    about
        What the table is of (data set, model, …): ``# key: value`` lines before the header.

    Raises
    ------
    ValueError
        For a column without a unit.
    """
    known = _units(frame, units)
    clean = frame.copy(deep=False)
    for name in known:
        if not pd.api.types.is_numeric_dtype(clean[name]):
            clean[name] = [_one_line(v) if isinstance(v, str) else v for v in clean[name]]
    clean.columns = [f"{name} ({unit})" if unit else name for name, unit in known.items()]
    head = "".join(
        f"# {_one_line(key)}: {_one_line(text)}\n" for key, text in (about or {}).items()
    )
    return head + clean.to_csv(sep="\t", index=False, lineterminator="\n")


def write_parquet(
    frame: pd.DataFrame,
    units: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> bytes:
    """Return a table as the bytes of a Parquet file.

    Parameters
    ----------
    frame, units, about
        As in `write_tsv`. The unit stands in the metadata of its column under ``unit``, `about` in
        the metadata of the file, each key with ``seq2exp.`` before it.

    Raises
    ------
    ValueError
        For a column without a unit.
    """
    known = _units(frame, units)
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    fields = [
        field.with_metadata({"unit": known[field.name]}) if known[field.name] else field
        for field in table.schema
    ]
    metadata = dict(table.schema.metadata or {})
    metadata |= {f"seq2exp.{key}".encode(): text.encode() for key, text in (about or {}).items()}
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table.cast(pyarrow.schema(fields, metadata)), sink)
    return sink.getvalue()


def write_table(
    frame: pd.DataFrame,
    fmt: str,
    units: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> bytes:
    """Return a table as the bytes of a file in one of `FORMATS`.

    Raises
    ------
    InputError
        For another format.
    ValueError
        For a column without a unit.
    """
    if fmt not in FORMATS:
        raise InputError(f"There is no table format {fmt!r}; use {' or '.join(FORMATS)}.")
    if fmt == "parquet":
        return write_parquet(frame, units, about)
    return write_tsv(frame, units, about).encode()


def of_gene(frame: pd.DataFrame, gene: Gene, cell: str) -> pd.DataFrame:
    """Say of intervals in which gene's window they lie, and how far from its TSS.

    Parameters
    ----------
    frame
        chrom, start, end (0-based half-open) and more.
    gene, cell
        Whose window, in which cell type.

    Returns
    -------
    pandas.DataFrame
        gene, gene_id and cell before the columns of `frame`; behind them region (1-based) and
        tss_distance, the bp from the TSS to the interval's middle, negative upstream.
    """
    middle = (frame["start"] + frame["end"]) // 2
    found = frame.assign(region=regions(frame), tss_distance=gene.from_tss(middle))
    for i, (name, value) in enumerate(
        {"gene": gene.name, "gene_id": gene.id, "cell": cell}.items()
    ):
        found.insert(i, name, value)
    return found


def regions(frame: pd.DataFrame) -> list[str]:
    """Return each interval as people write it, 1-based."""
    places = zip(frame["chrom"], frame["start"], frame["end"], strict=True)
    return [str(Interval(*place)) for place in places]


def _units(frame: pd.DataFrame, more: Mapping[str, str] | None) -> dict[str, str]:
    known = {**UNITS, **(more or {})}
    missing = [str(name) for name in frame.columns if name not in known]
    if missing:
        raise ValueError(f"no unit is given for the columns {', '.join(missing)}")
    return {str(name): known[name] for name in frame.columns}


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
