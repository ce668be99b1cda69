"""How to evaluate."""

from collections.abc import Sequence
from dataclasses import dataclass

from seq2exp.genome.window import WINDOW

#: Windows, in bp, that models are given beside their own: how much do distal bases matter?
CUTS = (2_000, 10_000, 50_000)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to evaluate.

    Attributes
    ----------
    split : "test", "validation" or "train".
    cells : cell types; None: all with measured expression.
    cuts : windows, in bp, that each model is given beside its own.
    length : bases of the whole windows.
    deletions : most examples, spread over the split, whose planted elements are deleted one by one;
        0: none, as that takes a run of the predictor for each.
    replicates, seed : of the bootstrap over genes.
    device : "auto", "cpu", "cuda", …
    scan : what runs the layers, as in `Backbone.scan`.
    """

    split: str = "test"
    cells: Sequence[str] | None = None
    cuts: Sequence[int] = CUTS
    length: int = WINDOW
    deletions: int = 0
    replicates: int = 1_000
    seed: int = 0
    device: str = "auto"
    scan: str = "auto"
