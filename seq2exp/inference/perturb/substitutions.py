"""Substitutions of single bases under a mask that is held: many of them in one run.

What a base does to the hidden states dies off with distance, and each state counts by a known
weight. So the bases around a span are run alone, as they are and as they are changed, many changes
at once; the difference is added to what the whole window gave. How far "around" has to reach is
measured at the span itself: until the largest change there is, no base left of it, comes out as it
does in the whole window.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seq2exp.genome.window import PADDING_CODE, Window
from seq2exp.inference.predictor import Predictor

#: Bases to either side that are tried, before the whole window.
MARGINS = (2_000, 8_000, 32_000)
#: How far the two ways may differ: as a share of the prediction, whose float32 rounding that is (a
#: prediction below 1 counts as 1), and as a share of the change.
TOLERANCE = (2e-6, 2e-3)

#: Rows that one run holds at most, as many as a window of the published length.
_ROWS = 200_000


@dataclass(frozen=True)
class Margin:
    """How a span's substitutions are computed, and how well.

    Attributes
    ----------
    bases
        To either side of the span; None: the whole window is run for each.
    probe
        Δ log10(CAGE + 1) of the whole span turned to N, in the whole window.
    error
        By how much the short way misses `probe`; 0 where there is none.
    """

    bases: int | None
    probe: float
    error: float


class Substitutions:
    """Predictions for substitutions in one span of a window, its mask held.

    Parameters
    ----------
    predictor, window
        The network and what it reads.
    mask
        float32 [L], held.
    span
        Indices of the window, inside it.
    """

    def __init__(
        self, predictor: Predictor, window: Window, mask: NDArray[np.float32], span: slice
    ) -> None:
        self._predictor, self._model = predictor, predictor.model
        self._length, self.span = window.length, span
        given = (window.signals, mask, window.features, window.codes.astype(np.int64))
        with predictor.alone() as device:
            self._signals, self._mask, self._features, self._codes = (
                torch.from_numpy(np.ascontiguousarray(values))[None].to(device) for values in given
            )
            self._bases = torch.eye(5, 4, device=device)
            # What one base does may be less than what a float32 of the prediction resolves.
            self._head = copy.deepcopy(self._model.pToExpr).double()
            self._pooled = self._model.pooled(
                self._bases[self._codes], self._signals, self._mask
            )  # [1, d]
            self.reference = float(self._model.express(self._pooled, self._features))
            self.margin = self._choose()

    def _choose(self) -> Margin:
        """Return the smallest margin at which the largest change comes out as it should."""
        gone = self._codes.clone()
        gone[:, self.span] = PADDING_CODE
        probe = self._whole(gone) - self.reference
        if self._model.config.variant == "hard":  # it runs the kept bases alone as it is
            return Margin(None, probe, 0.0)
        for bases in MARGINS:
            part = self._around(bases)
            if part == slice(0, self._length):
                break
            error = abs(float(self._near(gone[:, part], part)) - probe)
            rounding = TOLERANCE[0] * max(1.0, abs(self.reference))
            if error <= rounding + TOLERANCE[1] * abs(probe):
                return Margin(bases, probe, error)
        return Margin(None, probe, 0.0)

    def _around(self, bases: int) -> slice:
        return slice(max(self.span.start - bases, 0), min(self.span.stop + bases, self._length))

    def _whole(self, codes: Tensor) -> float:
        """Return the prediction of a window of other bases, codes [1, L]."""
        one_hot = self._bases[codes]
        return float(self._model.predict(one_hot, self._signals, self._features, self._mask))

    def _near(self, codes: Tensor, part: slice) -> Tensor:
        """Return Δ [B] of other bases at the positions `part`, codes [B, n]; float64."""

        def share(codes: Tensor) -> Tensor:
            one_hot = self._bases[codes]
            return self._model.pooled_part(one_hot, self._signals, self._mask, part)

        moved = share(codes) - share(self._codes[:, part])
        pooled = torch.cat([self._pooled.double(), self._pooled.double() + moved])
        features = self._features.double().expand(len(pooled), -1)
        found = self._head(torch.cat([pooled, features], 1)).squeeze(1)
        return found[1:] - found[0]

    def deltas(self, changes: Sequence[tuple[int, int]]) -> Iterator[NDArray[np.float64]]:
        """Yield Δ log10(CAGE + 1) of substitutions, one array for each run of the network.

        Parameters
        ----------
        changes
            Index in the window, inside the span, and the code of the base that stands there
            instead.
        """
        bases = self.margin.bases
        part = slice(0, self._length) if bases is None else self._around(bases)
        most = 1 if bases is None else max(1, _ROWS // (part.stop - part.start))
        for first in range(0, len(changes), most):
            some = changes[first : first + most]
            with self._predictor.alone():
                codes = self._codes[:, part].repeat(len(some), 1)
                for row, (at, code) in zip(codes, some, strict=True):
                    row[at - part.start] = code
                if bases is None:
                    found = [self._whole(codes) - self.reference]
                else:
                    found = self._near(codes, part).tolist()
            yield np.array(found, np.float64)
