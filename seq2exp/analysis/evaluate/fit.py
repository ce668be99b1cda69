"""How well predictions meet what was measured: one row a model, cell type and window."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from seq2exp.analysis.evaluate.metrics import Floats, estimate, weighted_pearson
from seq2exp.analysis.evaluate.outputs import Network, Outputs
from seq2exp.training.evaluation import fit_metrics
from seq2exp.training.examples import Examples

ALL = "all"


def predictions(network: Network, outputs: Outputs, examples: Examples, split: str) -> pd.DataFrame:
    """Return what was measured and predicted, log10(expression + 1), one row an example."""
    table = examples.table
    ratio = outputs.mask_ratio
    return pd.DataFrame(
        {
            **network.label,
            "split": split,
            "gene_id": [example.gene for example in table],
            "gene": [example.name for example in table],
            "chrom": [example.chrom for example in table],
            "cell": [example.cell for example in table],
            "measured": examples.label.astype(np.float64),
            "predicted": outputs.predicted.astype(np.float64),
            "mask_ratio": np.full(len(table), np.nan) if ratio is None else ratio.astype(float),
        }
    )


def fit_rows(rows: pd.DataFrame, window: int, weights: Floats) -> list[dict[str, Any]]:
    """Return the rows of ``fit.parquet`` on one model: all cell types together, then each.

    Parameters
    ----------
    rows : from `predictions`, of one model and split.
    window : bases that the network was given.
    weights : [1 + R, G], from `gene_weights`; the G genes in the order in which `rows` has them.

    Returns
    -------
    list of dict
        model, model_id, seed, cell, split, window, n, mse, mae, pearson with its 95 % interval
        over genes (pearson_low, pearson_high), spearman, mask_ratio, and as ``draws`` the resampled
        correlations [R]. Correlations are None where predictions do not vary.
    """
    gene = pd.factorize(rows["gene_id"])[0]
    found = []
    for cell in (ALL, *dict.fromkeys(rows["cell"])):
        here = np.full(len(rows), True) if cell == ALL else (rows["cell"] == cell).to_numpy()
        part = rows[here]
        measured, predicted = part["measured"].to_numpy(), part["predicted"].to_numpy()
        fit = fit_metrics(predicted, measured)
        varies = fit.pearson is not None
        drawn = weighted_pearson(predicted, measured, gene[here], weights) if varies else None
        r = None if drawn is None else estimate(drawn)
        first = part.iloc[0]
        ratio = part["mask_ratio"].mean()
        found.append(
            {
                **{name: first[name] for name in ("model", "model_id", "seed")},
                "cell": cell,
                "split": first["split"],
                "window": window,
                "n": len(part),
                **fit.to_dict(),
                "pearson_low": None if r is None else r.low,
                "pearson_high": None if r is None else r.high,
                "spearman": float(spearmanr(predicted, measured).statistic) if varies else None,
                "mask_ratio": None if np.isnan(ratio) else ratio,
                "draws": None if drawn is None else drawn[1:],
            }
        )
    return found
