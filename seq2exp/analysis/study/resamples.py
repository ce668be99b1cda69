"""Comparing scores draw by draw: every score was resampled with the same genes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.evaluate.folder import PREDICTION
from seq2exp.analysis.evaluate.metrics import LEVELS
from seq2exp.errors import InputError

Form = Literal["raw", "smoothed"]
_COLUMNS = ("score", "model_id", "metric", "window", "smoothing_bp", "ratio", "value", "draws")


@dataclass(frozen=True, eq=False)
class Sample:
    """A number, and what it is in every resample of the genes.

    Attributes
    ----------
    value : over all genes.
    draws : float64 [R].
    """

    value: float
    draws: NDArray[np.float64]

    @property
    def bounds(self) -> tuple[float, float]:
        """The 95 % interval over genes; NaN where no resample has a value."""
        finite = self.draws[np.isfinite(self.draws)]
        if len(finite) == 0:
            return float("nan"), float("nan")
        low, high = np.quantile(finite, LEVELS)
        return float(low), float(high)

    def __sub__(self, other: "Sample") -> "Sample":
        """Return the difference, draw by draw."""
        return Sample(self.value - other.value, self.draws - other.draws)

    @classmethod
    def mean(cls, samples: Sequence["Sample"]) -> "Sample":
        """Return the mean of several (seeds, say), draw by draw."""
        value = float(np.mean([sample.value for sample in samples]))
        return cls(value, np.mean([sample.draws for sample in samples], axis=0))


class Resamples:
    """What draws.parquet holds, by score.

    Parameters
    ----------
    table : its rows, of one split.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table

    def fit(self, model_id: str) -> Sample | None:
        """Return Pearson's r of a model on its longest window; None where there is none."""
        rows = self._of(PREDICTION, "pearson", model_id)
        return _first(rows.sort_values("window", ascending=False))

    def bases(
        self,
        score: str,
        metric: str,
        form: Form,
        model_id: str | None = None,
        ratio: float | None = None,
    ) -> Sample | None:
        """Return a score's number against planted truth; None where there is none.

        Parameters
        ----------
        form : as the score is, or as its running mean.
        ratio : the share of bases that F1 is at.
        """
        rows = self._of(score, metric, model_id)
        wide = rows["smoothing_bp"].astype(float) > 0
        rows = rows[wide if form == "smoothed" else ~wide]
        if ratio is not None:
            rows = rows[np.isclose(rows["ratio"].astype(float), ratio, rtol=1e-6)]
        return _first(rows)

    def best(self, score: str, metric: str) -> Sample | None:
        """Return a score without a model in the form, raw or smoothed, that does better."""
        forms: tuple[Form, ...] = ("raw", "smoothed")
        found = [self.bases(score, metric, form) for form in forms]
        return max(filter(None, found), key=lambda sample: sample.value, default=None)

    def _of(self, score: str, metric: str, model_id: str | None) -> pd.DataFrame:
        table = self._table
        own = table["model_id"].isna() if model_id is None else table["model_id"] == model_id
        return table[own & (table["score"] == score) & (table["metric"] == metric)]


def _first(rows: pd.DataFrame) -> Sample | None:
    if len(rows) == 0 or pd.isna(rows["value"].iloc[0]):
        return None
    return Sample(float(rows["value"].iloc[0]), np.asarray(rows["draws"].iloc[0], np.float64))


def read_resamples(folder: Path) -> Resamples | None:
    """Read draws.parquet of a folder of results; None where there is none.

    Raises
    ------
    InputError
        A file that cannot be read or lacks a column.
    """
    path = folder / "draws.parquet"
    if not path.is_file():
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a readable Parquet file ({error}).") from None
    missing = [name for name in _COLUMNS if name not in table]
    if missing:
        raise InputError(
            f"{path} has no column '{missing[0]}'; make the results anew with 'seq2exp evaluate'."
        )
    return Resamples(table)
