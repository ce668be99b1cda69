"""Measured expression, the nine features and the TSS, from one table a cell type."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.datasets.schema import ExpressionSpec
from seq2exp.errors import InputError, nearest
from seq2exp.genome.annotation import Gene, without_version
from seq2exp.genome.window import FEATURES


class Expression:
    """The expression table of one cell type.

    Parameters
    ----------
    spec
        The file and what its columns are called. Tab-separated, or commas where its name ends in
        ``.csv`` or ``.csv.gz``.

    Attributes
    ----------
    table : DataFrame
        As in the file.

    Raises
    ------
    InputError
        Where the file cannot be read, lacks a named column, or has text in a column of numbers.
    """

    def __init__(self, spec: ExpressionSpec) -> None:
        self.spec = spec
        self.table = read_table(spec.path)
        self._values: dict[str, NDArray[np.float64]] = {}
        numbers = (spec.label, spec.tss, *spec.features, *(spec.promoter_activity or ()))
        for column in (spec.gene, spec.name, *numbers):
            if column is not None and column not in self.table.columns:
                raise InputError(
                    f"The expression table {spec.path} has no column '{column}'; "
                    f"{nearest(column, self.table.columns)}"
                )
        for column in numbers:
            if column is not None and not pd.api.types.is_numeric_dtype(self.table[column]):
                raise InputError(
                    f"Column '{column}' of {spec.path} must hold numbers only; correct the others."
                )

    @cached_property
    def _rows(self) -> dict[str, int]:
        rows: dict[str, int] = {}
        # Ids win over names, and of two rows with one name the first wins.
        for column in (self.spec.gene, self.spec.name):
            if column is not None:
                for row, value in enumerate(self.table[column].astype(str)):
                    rows.setdefault(without_version(value.strip().upper()), row)
        return rows

    def row(self, names: Iterable[str]) -> int | None:
        """Return the row of the first of `names` (ids or symbols, any case) that has one."""
        keys = (without_version(name.strip().upper()) for name in names)
        return next((self._rows[key] for key in keys if key in self._rows), None)

    def of(self, gene: Gene) -> int | None:
        """Return the row of `gene`, found by its id or else its symbol."""
        return self.row((gene.id, gene.name))

    def names(self, row: int) -> list[str]:
        """Return what the table calls the gene of `row`: its id and, if it has one, its name."""
        columns = [c for c in (self.spec.gene, self.spec.name) if c is not None]
        return [str(self.table[column].iloc[row]) for column in columns]

    def tss(self, row: int) -> int | None:
        """Return the 0-based TSS, None where the table has none."""
        value = self._number(self.spec.tss, row)
        return None if value is None else int(value)

    def measured(self, row: int) -> float | None:
        """Return the measured expression as in the table, None where it has none."""
        return self._number(self.spec.label, row)

    def label(self, row: int) -> float | None:
        """Return log10(measured + 1), None where nothing was measured.

        Raises
        ------
        InputError
            For a negative value, which has no such logarithm.
        """
        value = self.measured(row)
        if value is None:
            return None
        if value < 0:
            raise InputError(
                f"{self.spec.path} has the negative value {value:g} in '{self.spec.label}'; "
                "give counts or TPM, not logarithms."
            )
        return float(np.log10(value + 1))

    def features(self, row: int) -> NDArray[np.float32]:
        """Return the nine features in the published order, float32 [9]; 0 where there is none."""
        values = [self._number(column, row) or 0.0 for column in self.spec.features]
        if self.spec.features[-1] is None and self.spec.promoter_activity is not None:
            h3k27ac, dnase = (
                max(self._number(column, row) or 0.0, 0.0) for column in self.spec.promoter_activity
            )
            values[-1] = float(np.sqrt(h3k27ac * dnase))
        return np.array(values, dtype=np.float32)

    @property
    def missing_features(self) -> list[str]:
        """Names of the features the table has no column for."""
        missing = [
            name for name, column in zip(FEATURES, self.spec.features, strict=True) if not column
        ]
        if self.spec.promoter_activity is not None:
            missing = [name for name in missing if name != FEATURES[-1]]
        return missing

    def _number(self, column: str | None, row: int) -> float | None:
        if column is None:
            return None
        if column not in self._values:
            # A table of pandas takes a thousand times as long for a single value.
            self._values[column] = self.table[column].to_numpy(np.float64, na_value=np.nan)
        value = float(self._values[column][row])
        return value if np.isfinite(value) else None


def read_table(path: Path) -> pd.DataFrame:
    """Read a table: tab-separated, or commas where its name ends in ``.csv`` or ``.csv.gz``.

    Raises
    ------
    InputError
        Where it cannot be read.
    """
    separator = "," if ".csv" in path.suffixes else "\t"
    try:
        return pd.read_csv(path, sep=separator)
    except (OSError, EOFError, ValueError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"The expression table {path} cannot be read ({text}); give a table of "
            f"{'comma' if separator == ',' else 'tab'}-separated columns."
        ) from None
