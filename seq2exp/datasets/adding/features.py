"""The nine RNA and promoter features of a new cell type, which models read beside the tracks.

Eight describe a gene's mRNA and are the same in every cell type, so they are those of the data set.
The ninth, promoter activity, is the geometric mean of H3K27ac and DNase in the 1 kb around the TSS,
in reads per million. A bigWig does not say what its unit is in reads, so the activity is estimated
from the signals and brought to the scale of a cell type whose activity is known.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from seq2exp.datasets.adding.report import Check
from seq2exp.datasets.adding.windows import GeneSet, own_cells
from seq2exp.datasets.catalog import Cell, Dataset
from seq2exp.datasets.expression import Expression
from seq2exp.datasets.schema import ExpressionSpec
from seq2exp.errors import InputError
from seq2exp.files import atomic_path
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.genome.window import FEATURES
from seq2exp.tracks.signal import Signal

TITLE = "RNA and promoter features"
HALF_BP = 500
"""Promoter activity is measured from so far before to so far behind the TSS."""

LEAST_CORRELATION = 0.7
"""Spearman's r that the estimate must reach in the known cell type to be used."""

_ACTIVITY = FEATURES[-1]
_FITTED_GENES = 500


def known_features(dataset: Dataset) -> Cell | None:
    """Return the first of the data set's own cell types whose table has features."""
    for name in own_cells(dataset):
        table = dataset.cells[name].table
        if table is not None and len(table.missing_features) < len(FEATURES):
            return dataset.cells[name]
    return None


def activity(dnase: Signal, h3k27ac: Signal, chrom: str, tss: int) -> float:
    """Return sqrt(mean H3K27ac x mean DNase) within 500 bp of a TSS, in the files' units."""
    place = Interval(chrom, tss - HALF_BP, tss + HALF_BP)
    means = []
    for signal in (h3k27ac, dnase):
        there = resolve_chrom(chrom, signal.lengths) is not None
        means.append(float(signal.values(place).mean()) if there else 0.0)
    return float(np.sqrt(max(means[0], 0.0) * max(means[1], 0.0)))


@dataclass(frozen=True)
class Fit:
    """How promoter activity follows from the signals of a cell type where both are known.

    `factor` times the estimate is the activity; `correlation` is Spearman's r over `genes` genes.
    """

    factor: float
    correlation: float
    genes: int


def fit(dataset: Dataset, genes: GeneSet, cell: Cell) -> Fit | None:
    """Compare estimated and known promoter activity; None where there is nothing to compare."""
    table = cell.table
    assert table is not None
    if _ACTIVITY in table.missing_features:
        return None
    pairs = []
    step = max(len(genes.genes) // _FITTED_GENES, 1)
    for gene in genes.genes[::step]:
        row = table.of(gene)
        chrom = resolve_chrom(gene.chrom, dataset.lengths)
        if row is not None and chrom is not None:
            pairs.append(
                (activity(cell.dnase, cell.h3k27ac, chrom, gene.tss), table.features(row)[-1])
            )
    both = np.array(pairs).reshape(-1, 2)
    positive = both[(both > 0).all(axis=1)]
    if len(positive) < 10:
        return None
    factor = float(np.median(positive[:, 1] / positive[:, 0]))
    return Fit(factor, float(spearmanr(both[:, 0], both[:, 1]).statistic), len(both))


def with_features(
    dataset: Dataset,
    genes: GeneSet,
    table: Expression | None,
    signals: tuple[Signal, Signal],
    folder: Path,
    step: Callable[[], object],
) -> tuple[ExpressionSpec | None, list[Check]]:
    """Write a table with the new cell type's expression and the nine features.

    Parameters
    ----------
    dataset, genes
        Where it is to be added, and its genes.
    table
        The expression that was given; None where none was.
    signals
        DNase and H3K27ac.
    folder
        Where the table is written, as ``expression.tsv``.
    step
        Called after each gene; may raise to stop.

    Returns
    -------
    spec, checks
        None without a known cell type's features, or where the given table has all of them.
    """
    source = known_features(dataset)
    if source is None or source.table is None or (table and not table.missing_features):
        return None, []
    fitted = fit(dataset, genes, source)
    use = fitted is not None and fitted.correlation >= LEAST_CORRELATION
    rows = []
    for gene in genes.genes:
        rows.append(_row(dataset, gene, table, source.table, signals, fitted if use else None))
        step()
    frame = pd.DataFrame(rows)
    own = [] if table is None else [f for f in FEATURES[:-1] if f not in table.missing_features]
    shared = [f for f in FEATURES[:-1] if f not in (*own, *source.table.missing_features)]
    taken = [*own, *shared]
    if use or (table and _ACTIVITY not in table.missing_features):
        taken.append(_ACTIVITY)
    target = folder / "expression.tsv"
    try:
        with atomic_path(target) as draft:
            frame.to_csv(draft, sep="\t", index=False)
    except OSError as error:
        raise InputError(f"Cannot write {target} ({error.strerror}); make room there.") from None
    spec = ExpressionSpec(
        target,
        gene="gene_id",
        name="gene_name",
        label=None if table is None else "expression",
        label_name="CAGE" if table is None else table.spec.label_name,
        features=tuple(name if name in taken else None for name in FEATURES),
    )
    return spec, [_check(source, fitted, use, len(own), len(shared), table)]


def _row(
    dataset: Dataset,
    gene: Gene,
    table: Expression | None,
    known: Expression,
    signals: tuple[Signal, Signal],
    fitted: Fit | None,
) -> dict[str, object]:
    """Return one gene's line of the table."""
    line: dict[str, object] = {"gene_id": gene.id, "gene_name": gene.name}
    own = None if table is None else table.of(gene)
    if table is not None:
        line["expression"] = None if own is None else table.measured(own)
    there = known.of(gene)
    shared = np.zeros(len(FEATURES)) if there is None else known.features(there)
    line |= dict(zip(FEATURES[:-1], shared[:-1].tolist(), strict=True))
    if table is not None and own is not None:
        mine = dict(zip(FEATURES, table.features(own).tolist(), strict=True))
        line |= {f: mine[f] for f in FEATURES[:-1] if f not in table.missing_features}
    chrom = resolve_chrom(gene.chrom, dataset.lengths)
    if table is not None and own is not None and _ACTIVITY not in table.missing_features:
        line[_ACTIVITY] = float(table.features(own)[-1])
    elif fitted is not None and chrom is not None:
        line[_ACTIVITY] = fitted.factor * activity(*signals, chrom, gene.tss)
    return line


def _check(
    source: Cell, fitted: Fit | None, used: bool, own: int, shared: int, table: Expression | None
) -> Check:
    """Say where features come from: of the mRNA's, `own` from the table, `shared` from `source`."""
    said = "The data set has no mRNA features, so they count as 0 as in its own cell types. "
    if own:
        said = f"{own} of the {len(FEATURES) - 1} mRNA features are the table's. "
    if shared:
        more = said if own else ""
        said = (
            f"{more}{shared} of the {len(FEATURES) - 1} mRNA features are known from "
            f"{source.name}: they are the gene's, not the cell type's. "
        )
    if table is not None and _ACTIVITY not in table.missing_features:
        return Check(TITLE, "Features", "pass", f"{said}Promoter activity is the table's.")
    if used and fitted is not None:
        return Check(
            TITLE,
            "Features",
            "note",
            f"{said}Promoter activity is estimated from DNase and H3K27ac within "
            f"{HALF_BP} bp of the TSS; in {source.name} the same estimate follows the known "
            f"activity with Spearman's r = {fitted.correlation:.2f} ({fitted.genes:,} genes).",
        )
    why = "no cell type of the data set tells how to estimate it"
    if fitted is not None:
        why = f"an estimate from the signals fails in {source.name} (r = {fitted.correlation:.2f})"
    return Check(
        TITLE,
        "Features",
        "warn",
        f"{said}Promoter activity counts as 0, since {why}; predictions may be too low.",
        f"Give a column {_ACTIVITY} in the expression table: sqrt(H3K27ac RPM x DNase RPM).",
    )
