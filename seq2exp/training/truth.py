"""Which bases are planted as causal for a gene, where a simulated data set says so."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.datasets.catalog import Dataset
from seq2exp.training.batches import Example
from seq2exp.training.evaluation import Truth

PAIRS = "gene_elements.tsv.gz"
ELEMENTS = "elements.tsv"


def planted_truth(dataset: Dataset, promoter: int) -> Truth | None:
    """Return the function that tells the causal bases of an example, None without planted truth.

    The simulator writes, beside the BED of planted elements that the data set names, which element
    is causal for which gene in which cell type. What is scored are the bases on the chromosome and
    outside the central `promoter` bases, which every mask keeps anyway.
    """
    if dataset.truth_path is None:
        return None
    pairs_path, elements_path = (dataset.truth_path.parent / name for name in (PAIRS, ELEMENTS))
    if not pairs_path.exists() or not elements_path.exists():
        return None
    pairs = pd.read_csv(pairs_path, sep="\t", usecols=["gene_id", "cell", "element", "role"])
    elements = pd.read_csv(elements_path, sep="\t", usecols=["element", "start", "end"])
    causal = pairs[pairs["role"] == "causal"].merge(elements, on="element", validate="many_to_one")
    spans = {
        (_plain(str(gene)), cell): rows[["start", "end"]].to_numpy()
        for (gene, cell), rows in causal.groupby(["gene_id", "cell"], sort=False)
    }

    def truth(example: Example) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        length = example.end - example.start
        true = np.zeros(length, dtype=bool)
        for start, end in spans.get((_plain(example.gene), example.cell), ()):
            true[max(0, start - example.start) : max(0, end - example.start)] = True
        counted = np.zeros(length, dtype=bool)
        last = dataset.lengths[example.chrom] - example.start
        counted[max(0, -example.start) : last] = True
        counted[(length - promoter) // 2 : (length + promoter) // 2] = False
        return true, counted

    return truth


def _plain(gene_id: str) -> str:
    """Return a gene id without its version."""
    return gene_id.partition(".")[0]
