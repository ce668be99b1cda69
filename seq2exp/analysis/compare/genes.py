"""Choosing the genes of a comparison: from a list that somebody pasted, or by what is known."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from seq2exp.datasets.catalog import Cell, Dataset
from seq2exp.errors import InputError
from seq2exp.genome.annotation import Gene, without_version
from seq2exp.genome.locus import resolve_chrom

_SHOWN = 5

Limits = tuple[float | None, float | None]


def split_names(text: str) -> list[str]:
    """Return the gene names in a text, each once, in its order.

    Names stand apart by white space, commas or semicolons; what follows a ``#`` in a line is left
    out.
    """
    lines = (line.partition("#")[0] for line in text.splitlines())
    names = (name.strip("\"'") for line in lines for name in re.split(r"[\s,;]+", line))
    return list(dict.fromkeys(name for name in names if name))


def find_genes(dataset: Dataset, names: Iterable[str]) -> list[Gene]:
    """Return the genes with these symbols or ids, each once, in the order of the names.

    Raises
    ------
    InputError
        For no name; for unknown ones, saying how many of how many, which, and what is near.
    """
    listed = list(names)
    if not listed:
        raise InputError("The list of genes is empty; give symbols or Ensembl ids.")
    found, unknown = known_genes(dataset, listed)
    if unknown:
        raise InputError(_unknown(dataset, unknown, len(listed)))
    return found


def known_genes(dataset: Dataset, names: Iterable[str]) -> tuple[list[Gene], list[str]]:
    """Return the genes with these symbols or ids, each once, and the names that are no gene's."""
    found: dict[str, Gene] = {}
    unknown = []
    for name in names:
        gene = _known(dataset, name)
        if gene is None:
            unknown.append(name)
        else:
            found.setdefault(gene.id, gene)
    return list(found.values()), unknown


def _known(dataset: Dataset, name: str) -> Gene | None:
    """Return a gene as `Dataset.gene` does; None where it would look for similar names instead.

    That takes a second in a whole genome, and lists can hold hundreds of names of another one.
    """
    tables = [cell.table for cell in dataset.cells.values() if cell.table is not None]
    in_table = any(table.row([name]) is not None for table in tables)
    if not in_table and dataset.annotation.get(name) is None:
        return None
    try:
        return dataset.gene(name)
    except InputError:  # a table has it, the annotation has not
        return None


def _unknown(dataset: Dataset, names: list[str], of: int) -> str:
    if of == 1:
        near = dataset.annotation.suggest(names[0], 3)
        hint = f"did you mean {', '.join(near)}?" if near else "check its spelling or give its id."
        return f"There is no gene '{names[0]}' in {dataset.name}; {hint}"
    said = []
    for name in names[:_SHOWN]:
        near = dataset.annotation.suggest(name, 1)
        said.append(f"{name} (near: {near[0]})" if near else name)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        f"{len(names)} of {of} names are no genes of {dataset.name}: {', '.join(said)}{more}; "
        "correct them or take them out."
    )


@dataclass(frozen=True)
class GeneFilter:
    """Which genes to take; everything that is set must hold.

    Attributes
    ----------
    chroms
        Chromosomes, however they are written; empty: all.
    expression
        Least and greatest measured log10(expression + 1); None: no limit.
    error
        Least and greatest absolute difference of predicted and measured log10(expression + 1).
    """

    chroms: tuple[str, ...] = ()
    expression: Limits = (None, None)
    error: Limits = (None, None)

    def __post_init__(self) -> None:
        """Refuse limits that no number can meet."""
        for what, (low, high) in (("expression", self.expression), ("error", self.error)):
            if low is not None and high is not None and low > high:
                raise InputError(
                    f"No {what} is at least {low:g} and at most {high:g}; swap the two."
                )


def filter_genes(
    dataset: Dataset, cell: Cell, wanted: GeneFilter, predictions: pd.DataFrame | None = None
) -> list[Gene]:
    """Return the genes whose TSS lies on the genome and that meet a filter, as annotated.

    Parameters
    ----------
    dataset, cell
        Where genes and their measured expression come from.
    wanted
        The filter.
    predictions
        gene_id, predicted and perhaps measured, log10(expression + 1), as `read_predictions` gives
        them; needed where the model's error is limited.

    Raises
    ------
    InputError
        For an unknown chromosome, a limit on what is not known, or where no gene is left.
    """
    chroms = {_chrom(dataset, name) for name in wanted.chroms}
    by_error = wanted.error != (None, None)
    if wanted.expression != (None, None) and cell.table is None:
        raise InputError(
            f"{cell.name} has no expression table, so genes cannot be chosen by expression; leave "
            "that limit out."
        )
    if by_error and predictions is None:
        raise InputError(
            "Genes cannot be chosen by the model's error without predictions; give the "
            "predictions.parquet of 'seq2exp evaluate'."
        )
    errors = _errors(predictions) if by_error and predictions is not None else {}
    found = []
    for listed in dataset.annotation.genes.values():
        gene = dataset.gene(listed.id)
        chrom = resolve_chrom(gene.chrom, dataset.lengths)
        if chrom is None or not 0 <= gene.tss < dataset.lengths[chrom]:
            continue
        if chroms and chrom not in chroms:
            continue
        if wanted.expression != (None, None):
            if not _within(_measured(cell, gene), wanted.expression):
                continue
        if by_error:
            predicted = errors.get(gene.id.upper(), errors.get(gene.name.upper()))
            if predicted is None:
                continue
            value, measured = predicted
            measured = _measured(cell, gene) if measured is None else measured
            if measured is None or not _within(abs(value - measured), wanted.error):
                continue
        found.append(gene)
    if not found:
        raise InputError("No gene of the data set meets the filter; widen its limits.")
    return found


def _chrom(dataset: Dataset, name: str) -> str:
    chrom = resolve_chrom(name, dataset.lengths)
    if chrom is None:
        known = ", ".join(list(dataset.lengths)[:_SHOWN])
        raise InputError(f"{dataset.name} has no chromosome '{name}'; it has {known}.")
    return chrom


def _measured(cell: Cell, gene: Gene) -> float | None:
    row = None if cell.table is None else cell.table.of(gene)
    return None if cell.table is None or row is None else cell.table.label(row)


def _within(value: float | None, limits: Limits) -> bool:
    low, high = limits
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _errors(predictions: pd.DataFrame) -> dict[str, tuple[float, float | None]]:
    """Return predicted and measured values by gene id or symbol, in capitals."""
    measured = predictions["measured"] if "measured" in predictions else [None] * len(predictions)
    return {
        without_version(str(gene)).upper(): (
            float(value),
            None if known is None or pd.isna(known) else float(known),
        )
        for gene, value, known in zip(
            predictions["gene_id"], predictions["predicted"], measured, strict=True
        )
        if pd.notna(value)
    }


def read_predictions(
    path: str | os.PathLike[str], cell: str, model_id: str | None = None
) -> pd.DataFrame:
    """Read predictions of one cell type from a table.

    Parameters
    ----------
    path
        Parquet, or text (tab-separated; commas where the name ends in ``.csv``), with the columns
        gene_id and predicted; measured, cell and model_id are used where they are there.
    cell
        The cell type.
    model_id
        The model, where the table has several.

    Returns
    -------
    pandas.DataFrame
        gene_id, predicted and, if the file has it, measured: log10(expression + 1), one row a gene.

    Raises
    ------
    InputError
        Where the file cannot be read, lacks a column, or has several models or no row left.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, sep="," if ".csv" in path.suffixes else "\t")
    except (OSError, EOFError, ValueError) as error:
        text = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"The predictions {path} cannot be read ({text}); give the predictions.parquet of "
            "'seq2exp evaluate' or a table."
        ) from None
    missing = [name for name in ("gene_id", "predicted") if name not in table]
    if missing:
        raise InputError(
            f"The predictions {path} lack the columns {', '.join(missing)}; give the "
            "predictions.parquet of 'seq2exp evaluate'."
        )
    if "cell" in table:
        table = table[table["cell"].astype(str).str.lower() == cell.lower()]
    if "model_id" in table:
        ids = sorted(table["model_id"].astype(str).unique())
        if model_id is None and len(ids) > 1:
            raise InputError(
                f"{path} has predictions of {len(ids)} models ({', '.join(ids[:_SHOWN])}); name "
                "one of them."
            )
        table = table[
            table["model_id"].astype(str) == (ids[0] if not model_id and ids else model_id)
        ]
    if table.empty:
        of = f" by {model_id}" if model_id else ""
        raise InputError(f"{path} has no predictions{of} for {cell}; give another table.")
    columns = [name for name in ("gene_id", "predicted", "measured") if name in table]
    try:
        numbers = table[columns[1:]].astype("float64")
    except ValueError as error:
        raise InputError(f"{path} has text in a column of numbers ({error}).") from None
    return table[columns[:1]].join(numbers).drop_duplicates("gene_id", ignore_index=True)
