"""CRISPRi-tested element-gene pairs: what changed a gene's expression when it was silenced."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from seq2exp.errors import InputError

_COLUMNS = {
    "chrom": "chrom",
    "chromStart": "start",
    "chromEnd": "end",
    "measuredGeneSymbol": "gene_symbol",
    "measuredGeneEnsemblId": "gene_id",
    "EffectSize": "effect",
    "pValueAdjusted": "p_adjusted",
    "Significant": "significant",
    "Regulated": "regulated",
    "Dataset": "dataset",
    "CellType": "cell",
}
_TRUE = {"true", "t", "1", "yes"}
_FALSE = {"false", "f", "0", "no", "na", "nan", ""}


def read_crispr(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of the ENCODE CRISPR benchmark format (tab-separated, plain or gzip).

    Returns
    -------
    DataFrame
        One row per tested pair: ``chrom, start, end`` (0-based half-open), ``gene_symbol``,
        ``gene_id``, ``effect`` (relative change of expression, -0.3 = 30 % less), ``p_adjusted``,
        ``significant`` and ``regulated`` (bool; regulated = significant and less expression),
        ``dataset``, ``cell``.

    Raises
    ------
    InputError
        Where the file is missing, cut short, or lacks a column.
    """
    path = Path(path)
    try:
        raw = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"There is no CRISPRi table at {path}; give its path.") from None
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            f"The CRISPRi table {path} cannot be read ({error}); fetch it again."
        ) from None
    missing = [name for name in _COLUMNS if name not in raw.columns]
    if missing:
        raise InputError(
            f"The CRISPRi table {path} lacks the columns {', '.join(missing)}; "
            "give a table of the ENCODE CRISPR benchmark format."
        )
    table = raw[list(_COLUMNS)].rename(columns=_COLUMNS)
    try:
        for name in ("start", "end"):
            table[name] = table[name].astype(np.int64)
        for name in ("effect", "p_adjusted"):
            table[name] = pd.to_numeric(table[name].where(~table[name].isin(["NA", ""]), None))
        for name in ("significant", "regulated"):
            table[name] = [_truth(value) for value in table[name]]
    except ValueError as error:
        raise InputError(f"The CRISPRi table {path} has a wrong value: {error}.") from None
    return table


def _truth(text: str) -> bool:
    lower = text.strip().lower()
    if lower not in _TRUE | _FALSE:
        raise ValueError(f"'{text}' is neither TRUE nor FALSE")
    return lower in _TRUE
