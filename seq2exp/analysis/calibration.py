"""How far predicted expression lies from what was measured, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Calibration:
    """How far predictions lie from what was measured; in log10(CAGE + 1).

    Attributes
    ----------
    n
        Points: one a gene in a cell type.
    pearson, mse, mae
        Of predicted against measured; `pearson` is NaN where one of them does not vary.
    half, most
        Half of the points, and nine tenths, lie at most so far from what was measured.
    bias
        Mean of predicted minus measured.
    """

    n: int
    pearson: float
    mse: float
    mae: float
    half: float
    most: float
    bias: float

    def sentence(self) -> str:
        """Say it in words, with units and denominator."""
        r = "undefined" if np.isnan(self.pearson) else f"{self.pearson:.3f}"
        side = "above" if self.bias > 0 else "below"
        return (
            f"Pearson r {r}, MSE {self.mse:.3f}, MAE {self.mae:.3f} over n = {self.n:,} points "
            f"(gene × cell type). Half of them lie within {self.half:.2f} of what was measured, "
            f"nine tenths within {self.most:.2f}; on average the prediction is "
            f"{abs(self.bias):.2f} {side} it. All in log10(CAGE + 1), the MSE in its square."
        )


def calibration(measured: Sequence[float], predicted: Sequence[float]) -> Calibration:
    """Compare predicted with measured expression; both [n], n at least 1."""
    x, y = np.asarray(measured, dtype=float), np.asarray(predicted, dtype=float)
    off = y - x
    varies = len(x) > 1 and np.ptp(x) > 0 and np.ptp(y) > 0
    return Calibration(
        n=len(x),
        pearson=float(np.corrcoef(x, y)[0, 1]) if varies else float("nan"),
        mse=float(np.mean(off**2)),
        mae=float(np.mean(np.abs(off))),
        half=float(np.quantile(np.abs(off), 0.5)),
        most=float(np.quantile(np.abs(off), 0.9)),
        bias=float(np.mean(off)),
    )
