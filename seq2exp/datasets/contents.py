"""What a data set holds, as tables: its files, its chromosomes, its cell types."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from seq2exp.datasets.catalog import Cell, Dataset, file_digest
from seq2exp.datasets.schema import ProfilesSpec
from seq2exp.genome.locus import resolve_chrom
from seq2exp.genome.window import FEATURES

#: What the files of a data set are for, by the last part of their key.
FILES = {
    "genome": "Genome (FASTA)",
    "annotation": "Genes (GTF)",
    "chrom_sizes": "Chromosome sizes",
    "blacklist": "Blacklist (BED)",
    "truth": "Planted truth",
    "dnase": "DNase signal",
    "h3k27ac": "H3K27ac signal",
    "contact": "Hi-C contact map",
    "reads": "DNase reads",
    "peaks": "DNase peaks",
    "expression": "Expression table",
    "crispr": "CRISPRi-tested pairs",
}
#: The cell type of files that belong to all of them.
SHARED = "all"


def files_frame(
    dataset: Dataset, progress: Callable[[float, str], object] | None = None
) -> pd.DataFrame:
    """Return one row a file.

    Parameters
    ----------
    dataset
        An open data set.
    progress
        Told how far the work is: every file is read once to its end, unless it was before.

    Returns
    -------
    DataFrame
        ``file`` (of `FILES`), ``cell`` (`SHARED` for those of all cell types), ``name``, ``bytes``,
        ``digest`` (sha256, hex; empty for a folder), ``path``.
    """
    rows: list[tuple[str, str, Path]] = []
    for key, path in dataset.spec.files().items():
        # A cell type's name may hold dots.
        cell, _, kind = key.removeprefix("cells.").rpartition(".")
        rows.append((FILES[kind], cell or SHARED, path))
    for name, spec in dataset.spec.cells.items():
        if isinstance(spec.contact, ProfilesSpec):
            rows.append((FILES["contact"], name, spec.contact.path))
    total = max(sum(_bytes(path) for _, _, path in rows), 1)
    done, found = 0, []
    for kind, cell, path in rows:
        if progress is not None:
            progress(done / total, f"reading {path.name}")
        size = _bytes(path)
        digest = "" if path.is_dir() else file_digest(path)
        found.append((kind, cell, path.name, size, digest, str(path)))
        done += size
    return pd.DataFrame(found, columns=["file", "cell", "name", "bytes", "digest", "path"])


def _bytes(path: Path) -> int:
    if path.is_dir():
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
    return path.stat().st_size


def chromosomes_frame(dataset: Dataset) -> pd.DataFrame:
    """Return one row a chromosome of the genome.

    Returns
    -------
    DataFrame
        ``chrom``, ``length`` (bp), ``genes`` (of the annotation), ``split``, and one column a cell
        type: whether its DNase and H3K27ac signals both have the chromosome.
    """
    genes: Counter[str | None] = Counter(
        resolve_chrom(gene.chrom, dataset.lengths) for gene in dataset.annotation.genes.values()
    )
    splits = {chrom: name for name, chroms in dataset.splits.items() for chrom in chroms}
    rest = "train" if dataset.splits else ""
    rows = []
    for chrom, length in dataset.lengths.items():
        row = {
            "chrom": chrom,
            "length": length,
            "genes": genes[chrom],
            "split": splits.get(chrom, rest),
        }
        for name, cell in dataset.cells.items():
            signals = (cell.dnase, cell.h3k27ac)
            row[name] = all(resolve_chrom(chrom, each.lengths) is not None for each in signals)
        rows.append(row)
    return pd.DataFrame(rows)


def cells_frame(dataset: Dataset) -> pd.DataFrame:
    """Return one row a cell type.

    Returns
    -------
    DataFrame
        ``cell``, ``added`` (whether it was added to the data set), ``contact`` and ``peaks`` (where
        they come from), ``expression`` (its unit; empty without a table), ``measured`` (genes with
        a value), ``genes`` (of the annotation, the share's denominator), ``share``, ``features``
        (how many of the nine are known), ``crispri`` (whether there are tested pairs).
    """
    rows = []
    total = len(dataset.annotation.genes)
    for name, cell in dataset.cells.items():
        measured = len(dataset.example_genes(name))
        table = cell.table
        stated = table is not None and table.spec.label is not None
        rows.append(
            {
                "cell": name,
                "added": name in dataset.spec.added,
                "contact": "power law of distance" if cell.contact is None else cell.contact.source,
                "peaks": _peaks(cell),
                "expression": cell.label_name if stated else "",
                "measured": measured,
                "genes": total,
                "share": measured / total if total else 0.0,
                "features": 0 if table is None else len(FEATURES) - len(table.missing_features),
                "crispri": cell.crispr_path is not None,
            }
        )
    return pd.DataFrame(rows)


def _peaks(cell: Cell) -> str:
    if cell.peaks_path is not None:
        return "imported"
    return "MACS3 on reads" if cell.reads is not None else "MACS3 on the DNase signal"


def count_genes(dataset: Dataset) -> tuple[int, int]:
    """Return how many genes the annotation has, and how many have their whole 200 kb window."""
    genes = [dataset.gene(id) for id in dataset.annotation.genes]
    return len(genes), sum(dataset.whole(gene) for gene in genes)
