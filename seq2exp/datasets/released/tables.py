"""The authors' tables, joined into one expression table a cell type, an annotation and a split.

Numbers are handed on as the text that stands in the files, so that nothing is rounded on the way.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from seq2exp.datasets.released.contact import open_hdf5
from seq2exp.datasets.schema import ExpressionSpec
from seq2exp.errors import InputError, nearest
from seq2exp.genome.window import FEATURES

FOLD = "fold_11"
"""The published split: chromosomes 22 and X are the test, 3 and 21 the validation set."""

_ACTIVITY = ("H3K27ac.RPM.TSS1Kb", "DHS.RPM.TSS1Kb")
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}


def label_column(cell: str) -> str:
    """Return the Xpresso table's column of a cell type: CAGE over three bins of 128 bp."""
    return f"{cell}_CAGE_128*3_sum"


def read_columns(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """Read columns of a table (commas in ``.csv``, else tabs) as the text that is there.

    Raises
    ------
    InputError
        Where the file is no table, or lacks one of `columns`; an `optional` one may lack.
    """
    separator = "," if path.suffix == ".csv" else "\t"
    try:
        header = pd.read_csv(path, sep=separator, nrows=0).columns
        for column in columns:
            if column not in header:
                raise InputError(f"{path} has no column '{column}'; {nearest(column, header)}")
        used = [*columns, *(column for column in optional if column in header)]
        table = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, usecols=used)
    except (OSError, ValueError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"The table {path} cannot be read ({text}); fetch it again.") from None
    return table


def _check_numbers(path: Path, table: pd.DataFrame, columns: Sequence[str]) -> None:
    for column in columns:
        text = table[column].str.strip()
        wrong = pd.to_numeric(text, errors="coerce").isna() & ~text.str.lower().isin(["", "nan"])
        if wrong.any():
            raise InputError(
                f"Column '{column}' of {path} must hold numbers only, not "
                f"'{text[wrong].iloc[0]}'; fetch the file again."
            )


def read_genes(path: Path) -> pd.DataFrame:
    """Read ABC's ``GeneList.txt``.

    Returns
    -------
    DataFrame
        One row a gene: symbol (an Ensembl id), chr, tss, the two activities of its promoter, and,
        where the file has them, start, end and strand; all as text.

    Raises
    ------
    InputError
        Where a column lacks, or holds something else than numbers.
    """
    table = read_columns(
        path, ["symbol", "chr", "tss", *_ACTIVITY], optional=["start", "end", "strand"]
    )
    whole = [column for column in ("tss", "start", "end") if column in table]
    _check_numbers(path, table, [*whole, *_ACTIVITY])
    for column in whole:
        if not table[column].str.strip().str.fullmatch(r"\d+(\.0+)?").all():
            raise InputError(f"Column '{column}' of {path} must hold positions; fetch it again.")
    return table.drop_duplicates("symbol", ignore_index=True)


def read_measured(path: Path, cells: Sequence[str]) -> pd.DataFrame:
    """Read the Xpresso table: ENSID, Gene name, eight features, and the label of each cell type.

    Raises
    ------
    InputError
        Where a column lacks, or holds something else than numbers.
    """
    numbers = [*FEATURES[:-1], *map(label_column, cells)]
    table = read_columns(path, ["ENSID", "Gene name", *numbers])
    _check_numbers(path, table, numbers)
    return table.drop_duplicates("ENSID", ignore_index=True)


def measured_cells(path: Path) -> list[str]:
    """Return the cell types that the Xpresso table has a label of."""
    ending = label_column("")
    try:
        header = pd.read_csv(path, nrows=0).columns
    except (OSError, ValueError) as error:
        raise InputError(f"The table {path} cannot be read ({error}); fetch it again.") from None
    return [column.removesuffix(ending) for column in header if column.endswith(ending)]


def read_splits(path: Path) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """Read the published split.

    Returns
    -------
    splits
        The chromosomes of "train", "validation" and "test".
    genes
        The ids of the genes that are in it.

    Raises
    ------
    InputError
        Where a chromosome is in two parts, or a part has another name than those three.
    """
    table = read_columns(path, ["ENSID", "chrom", FOLD])
    chroms: dict[str, list[str]] = {name: [] for name in _SPLITS.values()}
    for chrom, parts in table.groupby("chrom", sort=False)[FOLD]:
        part = parts.iloc[0]
        if part not in _SPLITS or (parts != part).any():
            raise InputError(
                f"{path}: {FOLD} of chromosome {chrom} must be one of {', '.join(_SPLITS)} for all "
                "its genes; fetch the file again."
            )
        chroms[_SPLITS[part]].append(str(chrom))
    return {name: tuple(found) for name, found in chroms.items()}, set(table["ENSID"])


def encoded_genes(path: Path) -> set[str]:
    """Return the ids of the genes in an EPInformer file; the released code skips all others."""
    with open_hdf5(path) as file:
        if "ensid" not in file:
            raise InputError(f"{path} has no data set 'ensid'; fetch it again.")
        return {name.decode() for name in file["ensid"][:]}


def check_same_tss(genes: Mapping[str, tuple[Path, pd.DataFrame]]) -> None:
    """Refuse cell types that place one gene at two TSS, as a data set has one TSS a gene."""
    seen: dict[str, tuple[str, str]] = {}
    for cell, (path, table) in genes.items():
        for gene, tss in zip(table["symbol"], table["tss"], strict=True):
            other, at = seen.setdefault(gene, (cell, tss))
            if at != tss:
                raise InputError(
                    f"{path} has the TSS of {gene} at {tss}, but that of {other} has it at {at}; "
                    f"open one cell type at a time, with 'cells: [{cell}]'."
                )


def write_expression(
    genes: pd.DataFrame, measured: pd.DataFrame, counted: set[str], cell: str, out: Path
) -> None:
    """Write the expression table of one cell type, tab-separated.

    Parameters
    ----------
    genes, measured
        From `read_genes` and `read_measured`.
    counted
        Ids of the genes that are examples; the label of all others is left out.
    """
    label = label_column(cell)
    columns = ["ENSID", "Gene name", *FEATURES[:-1], label]
    table = genes.merge(measured[columns], how="left", left_on="symbol", right_on="ENSID")
    table[label] = table[label].where(table["symbol"].isin(counted))
    named = table["Gene name"].fillna("")
    table["Gene name"] = named.where(named != "", table["symbol"])
    keep = ["symbol", "Gene name", "chr", "tss", label, *FEATURES[:-1], *_ACTIVITY]
    table[keep].to_csv(out, sep="\t", index=False)


def expression_spec(path: Path, cell: str) -> ExpressionSpec:
    """Return what the columns of a table written by `write_expression` are."""
    return ExpressionSpec(
        path=path,
        label=label_column(cell),
        gene="symbol",
        name="Gene name",
        tss="tss",
        features=(*FEATURES[:-1], None),
        promoter_activity=_ACTIVITY,
    )


def write_annotation(genes: pd.DataFrame, measured: pd.DataFrame, out: Path) -> None:
    """Write the genes as a GTF of one transcript each; the authors' folder knows no exons."""
    names = dict(zip(measured["ENSID"], measured["Gene name"], strict=True))
    lines = []
    for row in genes.to_dict("records"):
        tss = int(float(row["tss"]))
        start, end = (int(float(row.get(key, tss))) for key in ("start", "end"))
        if not start < end:
            start, end = tss, tss + 1
        strand = "-" if row.get("strand") == "-" else "+"
        gene = row["symbol"]
        tags = {
            "gene_id": gene,
            "transcript_id": gene,
            "gene_name": names.get(gene) or gene,
        }
        text = " ".join(f'{key} "{value}";' for key, value in tags.items())
        lines.append(f"{row['chr']}\tABC\ttranscript\t{start + 1}\t{end}\t.\t{strand}\t.\t{text}\n")
    out.write_text("".join(lines), encoding="utf-8")
