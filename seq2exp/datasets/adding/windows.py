"""At which genes a new cell type is looked at, and with which cell types it is compared."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2exp.datasets.catalog import Dataset, content_digest
from seq2exp.errors import InputError
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval

MOST_WINDOWS = 120
"""Windows that are read at most; they lie evenly among all genes of the set."""


@dataclass(frozen=True)
class GeneSet:
    """The genes that a cell type is for.

    Attributes
    ----------
    genes
        All of them, on chromosomes that the genome has.
    windows
        Those that are read, each with the part of its 200 kb window that lies on the chromosome.
    measured
        Whether they are the genes with a measured expression; else all genes of the annotation.
    """

    genes: tuple[Gene, ...]
    windows: tuple[tuple[Gene, Interval], ...]
    measured: bool

    @property
    def by_chrom(self) -> Counter[str]:
        """How many genes each chromosome has."""
        return Counter(gene.chrom for gene in self.genes)

    @property
    def sentence(self) -> str:
        """Which windows are read."""
        kind = "genes with a measured expression" if self.measured else "genes of the annotation"
        if len(self.windows) == len(self.genes):
            return f"the 200 kb windows of {len(self.genes):,} {kind}"
        return (
            f"the 200 kb windows of {len(self.windows):,} of {len(self.genes):,} {kind}, "
            "evenly chosen"
        )


def gene_set(dataset: Dataset, split: str | None = None) -> GeneSet:
    """Return the genes of a data set that any of its own cell types measures, else all of them.

    Parameters
    ----------
    dataset
        The data set; cell types added to it do not count.
    split
        Genes on the chromosomes of this split alone, where it has any.
    """
    ids: dict[str, None] = {}
    for cell in own_cells(dataset):
        ids |= dict.fromkeys(dataset.example_genes(cell, split))
    if not ids and split is not None:
        return gene_set(dataset)
    genes, windows = [], []
    for id in ids or dataset.annotation.genes:
        gene = dataset.gene(id)
        try:
            interval = dataset.window_interval(gene)
        except InputError:
            continue  # the genome lacks its chromosome
        genes.append(gene)
        windows.append((gene, interval.clip(dataset.lengths[interval.chrom])))
    chosen = np.unique(np.linspace(0, len(windows) - 1, MOST_WINDOWS).round().astype(int))
    if len(windows) > MOST_WINDOWS:
        windows = [windows[i] for i in chosen]
    return GeneSet(tuple(genes), tuple(windows), bool(ids))


def own_cells(dataset: Dataset) -> list[str]:
    """Return the cell types that were not added to the data set."""
    return [name for name in dataset.cells if name not in dataset.spec.added]


@dataclass(frozen=True)
class Reference:
    """Cell types whose signals are known to be right.

    Attributes
    ----------
    cells
        Of the data set.
    split
        "train" where they are a model's training data, else None.
    sentence
        What they are.
    """

    cells: tuple[str, ...]
    split: str | None
    sentence: str


def reference(dataset: Dataset, card: Mapping[str, Any] | None = None) -> Reference:
    """Return the training data of a model where they are open, else the data set's own cell types.

    Parameters
    ----------
    dataset
        The data set that a cell type shall be added to.
    card
        A model's card.
    """
    own = tuple(own_cells(dataset))
    listed = _listed(own)
    if not card:
        return Reference(own, None, f"Compared with {listed} of this data set")
    title = str(card.get("title") or card.get("id") or "the model")
    about = card.get("dataset") or {}
    trained = tuple(name for name in card.get("cells") or () if name in own)
    if trained and about.get("digest") in {content_digest(spec) for spec in dataset.spec.lineage}:
        return Reference(
            trained, "train", f"Compared with the training data of {title}: {_listed(trained)}"
        )
    name = str(about.get("name") or "")
    where = f" ({name})" if name not in title else ""
    return Reference(
        own,
        None,
        f"The training data of {title}{where} are not open here; compared with {listed} of this "
        "data set instead",
    )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
