"""What the simulator planted: which element does what to which gene, in which cell type."""

from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.datasets.catalog import Dataset

PAIRS = "gene_elements.tsv.gz"
ELEMENTS = "elements.tsv"

#: What an element is to a gene, in words for the screen.
ROLES = {
    "causal": "causal enhancer",
    "ctcf": "decoy: open CTCF site",
    "behind_border": "decoy: enhancer behind a domain border",
    "neighbour_promoter": "decoy: another gene's promoter",
    "broken_motif": "decoy: open, motifs broken",
    "silenced_enhancer": "decoy: not active in this cell type",
    "weak_enhancer": "decoy: too weak to matter",
}


class PlantedTruth:
    """The planted elements around every gene of a simulated data set.

    Beside the BED of planted elements that the data set names, the simulator writes what each is to
    each gene within 100 kb; measured data have neither.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._folder = None if dataset.truth_path is None else dataset.truth_path.parent

    def __bool__(self) -> bool:
        """Tell whether anything was planted here."""
        return self._folder is not None and all(
            (self._folder / name).exists() for name in (PAIRS, ELEMENTS)
        )

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Every pair of gene and element.

        Returns
        -------
        pandas.DataFrame
            chrom, start, end (0-based half-open), element, gene_id, cell, role (a key of `ROLES`),
            effect (share of the gene's expression that is lost with it).
        """
        assert self._folder is not None
        columns = ["gene_id", "cell", "element", "role", "effect"]
        pairs = pd.read_csv(self._folder / PAIRS, sep="\t", usecols=columns)
        columns = ["chrom", "start", "end", "element"]
        elements = pd.read_csv(self._folder / ELEMENTS, sep="\t", usecols=columns)
        return pairs.merge(elements, on="element", validate="many_to_one")

    @cached_property
    def _rows(self) -> dict[tuple[str, str], NDArray[np.intp]]:
        """Return which rows of `pairs` are about a gene and cell type."""
        groups = self.pairs.groupby(["gene_id", "cell"], sort=False).indices
        return {(str(gene), str(cell)): rows for (gene, cell), rows in groups.items()}

    def of(self, gene_id: str, cell: str) -> pd.DataFrame:
        """Return the rows of `pairs` for one gene and cell type, sorted by position."""
        found = self.pairs.iloc[self._rows.get((gene_id, cell), [])]
        return found.sort_values("start").reset_index(drop=True)
