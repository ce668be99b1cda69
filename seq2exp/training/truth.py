"""Which bases are planted as causal for a gene, where a simulated data set says so."""

import numpy as np
from numpy.typing import NDArray

from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.truth import PlantedTruth
from seq2exp.genome.annotation import without_version
from seq2exp.training.evaluation import Truth
from seq2exp.training.examples import Example


def planted_truth(dataset: Dataset, promoter: int) -> Truth | None:
    """Return the function that tells the causal bases of an example, None without planted truth.

    The simulator writes, beside the BED of planted elements that the data set names, which element
    is causal for which gene in which cell type. What is scored are the bases on the chromosome and
    outside the central `promoter` bases, which every mask keeps anyway.
    """
    planted = PlantedTruth(dataset)
    if not planted:
        return None
    causal = planted.pairs[planted.pairs["role"] == "causal"]
    places = causal[["start", "end"]].to_numpy()
    # A frame for each of thousands of genes would take seconds; their row numbers do not.
    spans = {
        (without_version(str(gene)), cell): places[rows]
        for (gene, cell), rows in causal.groupby(["gene_id", "cell"], sort=False).indices.items()
    }

    def truth(example: Example) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        length = example.end - example.start
        true = np.zeros(length, dtype=bool)
        for start, end in spans.get((without_version(example.gene), example.cell), ()):
            true[max(0, start - example.start) : max(0, end - example.start)] = True
        counted = np.zeros(length, dtype=bool)
        last = dataset.lengths[example.chrom] - example.start
        counted[max(0, -example.start) : last] = True
        counted[(length - promoter) // 2 : (length + promoter) // 2] = False
        return true, counted

    return truth
