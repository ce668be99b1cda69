"""Checks of an expression table, and finding out which of its columns are meant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.datasets.adding.given import ROLES, Given
from seq2exp.datasets.adding.report import Check
from seq2exp.datasets.adding.scale import Distribution, brief, distribution
from seq2exp.datasets.adding.tracks import size_text
from seq2exp.datasets.adding.windows import GeneSet
from seq2exp.datasets.catalog import Cell, Dataset
from seq2exp.datasets.expression import Expression, read_table
from seq2exp.datasets.schema import ExpressionSpec
from seq2exp.errors import InputError
from seq2exp.genome.window import FEATURES

UNITS = ("CAGE", "RNA-seq TPM", "RNA-seq FPKM", "read counts")
"""What expression is mostly measured in; any other name will do as well."""

#: Below this share of the genes with a value there is a warning.
FEW_GENES = 0.5
#: Counts and TPM reach hundreds; a table whose largest value is below this is often logarithms.
LOG_LIKE = 25.0
#: How far apart the medians of log10(x + 1) in two cell types may lie.
FAR_DECADES = 1.0

_LOOKED_AT = 500
_VALUE = re.compile(r"cage|tpm|fpkm|rpkm|cpm|expr|count|value|abundance", re.IGNORECASE)
_NO_VALUE = re.compile(r"tss|start|end|length|strand|position|_z$|gc$|density", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """The columns of a table, and those that seem to be meant; empty where none does.

    Attributes
    ----------
    gene, value
        Ids or symbols of genes, and their expression.
    names, numbers
        All columns, and those of numbers.
    """

    gene: str
    value: str
    names: tuple[str, ...]
    numbers: tuple[str, ...]


def columns_of(path: Path, dataset: Dataset) -> Columns:
    """Find the column most of whose first rows are genes, and the number that is expression.

    Raises
    ------
    InputError
        Where the file is no table.
    """
    table = read_table(path)
    known, numbers = {}, []
    for column in map(str, table.columns):
        if pd.api.types.is_numeric_dtype(table[column]):
            numbers.append(column)
        else:
            texts = table[column].dropna().astype(str).head(_LOOKED_AT)
            known[column] = sum(dataset.annotation.get(text.strip()) is not None for text in texts)
    gene = max(known, key=lambda name: known[name], default="")
    free = [name for name in numbers if not _NO_VALUE.search(name) and name not in FEATURES]
    likely = [name for name in free if _VALUE.search(name)]
    return Columns(
        gene=gene if known.get(gene) else "",
        value=next(iter(likely or free), ""),
        names=tuple(map(str, table.columns)),
        numbers=tuple(numbers),
    )


def expression_spec(given: Given, path: Path, dataset: Dataset) -> ExpressionSpec:
    """Return the table with its columns, those named or else those found.

    Its TSS, if it has any, are not taken: a gene's window is the same in all cell types.

    Raises
    ------
    InputError
        Where no column can be found, or one that was named is not there.
    """
    found = columns_of(path, dataset)
    gene, value = given.gene or found.gene, given.value or found.value
    for column, what in (
        (gene, "ids or symbols of this data set's genes"),
        (value, "numbers that could be expression"),
    ):
        if not column:
            names = ", ".join(found.names[:8]) + (" …" if len(found.names) > 8 else "")
            raise InputError(
                f"No column of {path.name} holds {what} (it has {names}); name the right column, "
                "or give a table that has one."
            )
    spec = ExpressionSpec(
        path,
        label=value,
        label_name=given.unit.strip() or value,
        gene=gene,
        features=tuple(name if name in found.numbers else None for name in FEATURES),
    )
    Expression(spec)  # refuses columns that are not there or hold no numbers
    return spec


def expression_checks(
    table: Expression,
    given: Given,
    genes: GeneSet,
    known: Sequence[Cell],
    label: str = "",
) -> tuple[list[Check], tuple[Distribution, ...]]:
    """Check which genes a table has, and that its values are no logarithms.

    Parameters
    ----------
    table
        As `expression_spec` describes it.
    given
        Its name and unit.
    genes
        The genes it should have.
    known
        Cell types to compare it with.
    label
        What the active model predicts, e.g. "log10(CAGE + 1)"; empty where there is none.

    Returns
    -------
    checks, distributions
        The latter of log10(x + 1) over the genes, the new one first.
    """
    title, spec = ROLES["expression"].title, table.spec
    size = size_text(spec.path)
    text = f"{len(table.table):,} rows, {size}; genes in “{spec.gene}”, values in “{spec.label}”."
    checks = [Check(title, "File", "pass", text)]
    rows = [table.of(gene) for gene in genes.genes]
    values = np.array(
        [value for row in rows if row is not None and (value := table.measured(row)) is not None]
    )
    checks.append(_genes_check(title, table, len(values), genes))
    if not values.size:
        return checks, ()
    checks.append(_unit_check(title, given, known, label))
    if values.min() < 0:
        checks.append(
            Check(
                title,
                "Values",
                "fail",
                f"The smallest value is {brief(values.min())}: logarithms and differences fall "
                "below 0, expression does not.",
                "Give counts or TPM; the app takes log10(x + 1) itself.",
            )
        )
        return checks, ()
    new = distribution(given.name, np.log10(values + 1))
    others = []
    for cell in known:
        own = _labels(cell, genes)
        if own.size:
            others.append(distribution(cell.name, own))
    checks.append(_values_check(title, values, new, others))
    return checks, (new, *others)


def _labels(cell: Cell, genes: GeneSet) -> NDArray[np.float64]:
    """Return log10(x + 1) of the genes that a cell type has a value of."""
    table = cell.table
    if table is None:
        return np.zeros(0)
    rows = [table.of(gene) for gene in genes.genes]
    labels = [table.label(row) for row in rows if row is not None]
    return np.array([label for label in labels if label is not None], dtype=np.float64)


def _genes_check(title: str, table: Expression, found: int, genes: GeneSet) -> Check:
    n = len(genes.genes)
    text = f"{found:,} of {n:,} genes of the data set have a value ({found / n:.0%})."
    if found >= FEW_GENES * n:
        return Check(title, "Genes matched", "pass", text)
    first = ", ".join(table.table[table.spec.gene].astype(str).head(2))
    wanted = genes.genes[0]
    text += f" The column “{table.spec.gene}” holds {first} …"
    fix = f"Name the column with ids or symbols such as {wanted.id} or {wanted.name}."
    return Check(title, "Genes matched", "warn" if found else "fail", text, fix)


def _unit_check(title: str, given: Given, known: Sequence[Cell], label: str) -> Check:
    if not given.unit.strip():
        return Check(
            title,
            "Unit",
            "fail",
            "The unit of the values is not stated.",
            f"Say what they are: {', '.join(UNITS[:2])} or another.",
        )
    units = {cell.label_name for cell in known if cell.table is not None}
    plain = {_plain(unit) for unit in units} | ({_plain(label)} if label else set())
    if not plain or _plain(given.unit) in plain:
        return Check(title, "Unit", "pass", f"{given.unit}, as in the other cell types.")
    told = [*([f"the model predicts {label}"] if label else [])]
    told += [f"the other cell types have {', '.join(sorted(units))}"] if units else []
    return Check(
        title,
        "Unit",
        "warn",
        f"It is {given.unit}, but {' and '.join(told)}.",
        "Compare ranks of genes, not values.",
    )


def _plain(unit: str) -> str:
    """Return the kind of a unit: "CAGE" for "log10(CAGE (simulated) + 1)"."""
    text = unit.lower().replace("(simulated)", "").removeprefix("log10(").removesuffix("+ 1)")
    return text.strip()


def _values_check(
    title: str, values: NDArray[np.floating], new: Distribution, others: Sequence[Distribution]
) -> Check:
    text = (
        f"From {brief(values.min())} to {brief(values.max())}, median {brief(np.median(values))}."
    )
    if values.max() < LOG_LIKE and (values % 1 != 0).any():
        return Check(
            title,
            "Values",
            "warn",
            f"{text} Few counts or TPM stay that low: they may be logarithms.",
            "Give plain values; the app takes log10(x + 1) itself.",
        )
    medians = {each.label: each.at(0.5) for each in others}
    mine = new.at(0.5)
    if medians and all(abs(mine - other) > FAR_DECADES for other in medians.values()):
        near = min(medians, key=lambda name: abs(medians[name] - mine))
        return Check(
            title,
            "Values",
            "warn",
            f"{text} The median of log10(x + 1) is {mine:.2f}, in {near} {medians[near]:.2f}: "
            "another unit or another depth.",
            "Compare ranks of genes, not values.",
        )
    return Check(title, "Values", "pass", text)
