"""Called elements beside planted causal ones: precision and recall by distance to the TSS."""

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.answer import MERGE_GAP, MIN_LENGTH
from seq2exp.analysis.elements import merge_runs, runs
from seq2exp.analysis.evaluate.metrics import Floats, share
from seq2exp.analysis.evaluate.planted import Elements

#: Distances to the TSS by which calls and elements are told apart, in bp.
DISTANCES = {"0-10kb": (0, 10_000), "10-30kb": (10_000, 30_000), "30-100kb": (30_000, 100_000)}

_WHAT = ("precision", "recall")


class Calls:
    """Called elements beside causal ones, counted for every gene and distance to the TSS.

    As in the app, called bases at most 50 bp apart are one call and those shorter than 50 bp none;
    one base in common is enough for a hit. The distance is that of the middle.
    """

    def __init__(self, genes: int) -> None:
        self._of = {what: np.zeros((genes, len(DISTANCES))) for what in _WHAT}
        self._hits = {what: np.zeros((genes, len(DISTANCES))) for what in _WHAT}

    def add(self, gene: int, called: NDArray[np.bool_], elements: Elements) -> None:
        """Count one window, [L], of a gene."""
        half = len(called) // 2
        sides = (slice(0, half), slice(half, None))  # nothing is merged across the promoter
        spans = [part.start + merge_runs(runs(called[part]), MERGE_GAP) for part in sides]
        calls = np.concatenate(spans)
        calls = calls[calls[:, 1] - calls[:, 0] >= MIN_LENGTH]
        causal = elements.spans[elements.roles == "causal"]
        for what, these, those in (("precision", calls, causal), ("recall", causal, calls)):
            hit = _touches(these, those)
            away = np.abs((these[:, 0] + these[:, 1]) // 2 - half)
            for i, (low, high) in enumerate(DISTANCES.values()):
                here = (away >= low) & (away < high)
                self._of[what][gene, i] += here.sum()
                self._hits[what][gene, i] += hit[here].sum()

    def shares(self, weights: Floats) -> dict[str, Floats]:
        """Return precision and recall in each bin, by name, for each row of `weights`."""
        return {
            f"{what}@{name}": share(self._hits[what][:, i], self._of[what][:, i], weights)
            for what in _WHAT
            for i, name in enumerate(DISTANCES)
        }


def _touches(these: NDArray[np.int64], those: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which of the spans share a base with any of the others, [n, 2] and [m, 2]."""
    starts, ends = np.sort(those[:, 0]), np.sort(those[:, 1])
    begun = np.searchsorted(starts, these[:, 1], "left")  # of the others, before this one's end
    ended = np.searchsorted(ends, these[:, 0], "right")  # of the others, up to this one's start
    return begun > ended
