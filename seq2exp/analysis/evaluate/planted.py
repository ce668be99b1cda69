"""What is planted round the genes of a split: causal bases, elements, and kinds of decoys."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.truth import ROLES, PlantedTruth
from seq2exp.genome.annotation import without_version
from seq2exp.genome.window import PROMOTER
from seq2exp.training.examples import Examples
from seq2exp.training.truth import planted_truth

#: The decoys that are closed in the cell type; every other decoy that the simulator lists is open.
CLOSED = frozenset({"silenced_enhancer"})
OPEN_DECOYS = "open_decoys"


class Elements(NamedTuple):
    """The planted elements of one window: spans [E, 2] in it, outside the promoter, and roles."""

    spans: NDArray[np.int64]
    roles: NDArray[np.object_]


class Planted:
    """What is planted round the examples of a split.

    Attributes
    ----------
    examples : the examples, N.
    genes : gene ids, G; what intervals are over.
    gene : int64 [N], the gene of each example.

    Parameters
    ----------
    other : of another split of the same data set, whose tables are used again.
    """

    def __init__(
        self, dataset: Dataset, examples: Examples, other: "Planted | None" = None
    ) -> None:
        self.examples = examples
        if other is None:
            bases = planted_truth(dataset, PROMOTER)
            assert bases is not None
            self.bases_of, self._truth = bases, PlantedTruth(dataset)
        else:  # reading the tables takes seconds
            self.bases_of, self._truth = other.bases_of, other._truth
        names = [example.gene for example in examples.table]
        self.genes = list(dict.fromkeys(names))
        number = {name: i for i, name in enumerate(self.genes)}
        self.gene = np.array([number[name] for name in names])

    def bases(self, i: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return (causal, counted) of example `i`, bool [L] each."""
        return self.bases_of(self.examples.table[i])

    @cached_property
    def _elements(self) -> list[Elements]:
        return [self._of(i) for i in range(len(self.examples))]

    def elements(self, i: int) -> Elements:
        """Return the planted elements of example `i` that have counted bases."""
        return self._elements[i]

    def _of(self, i: int) -> Elements:
        example = self.examples.table[i]
        rows = self._truth.of(without_version(example.gene), example.cell)
        spans = rows[["start", "end"]].to_numpy(np.int64) - example.start
        spans = spans.clip(0, self.examples.length)
        roles = rows["role"].to_numpy(object)
        _, counted = self.bases(i)
        up_to = np.concatenate([[0], counted.cumsum()])
        scored = up_to[spans[:, 1]] > up_to[spans[:, 0]]
        return Elements(spans[scored], roles[scored])


def decoys(roles: NDArray[np.object_]) -> dict[str, NDArray[np.bool_]]:
    """Return which elements are decoys of each kind, by the kind's name.

    The kinds are those of `seq2exp.datasets.truth.ROLES` but for the causal ones, and, first,
    `OPEN_DECOYS`: every decoy that is open in the example's cell type. The simulator lists an
    element for a gene and a cell type only where it is open there, or where it is a silenced
    enhancer; so these are all decoys but the silenced enhancers: CTCF sites, enhancers behind a
    domain border, other genes' promoters, elements with broken motifs, and enhancers too weak to
    matter (which cost the gene less than 3 % of its expression).
    """
    kinds = [role for role in ROLES if role != "causal"]
    is_open = (roles != "causal") & ~np.isin(roles, list(CLOSED))
    return {OPEN_DECOYS: is_open, **{kind: roles == kind for kind in kinds}}
