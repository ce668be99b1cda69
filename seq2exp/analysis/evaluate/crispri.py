"""CRISPRi: which element-gene scores tell the pairs that changed a gene's expression from the rest.

The rules are those of the ENCODE CRISPR benchmark (Gschwind et al., 2023): what is predicted for
the elements that share a base with a tested one becomes one score, and 0 where there are none. ABC
scores are summed, as the benchmark sums them; of learned elements, which it does not know, the
highest mean mask counts. Scores that exist at every base are read off the tested element itself.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.activity_contact import (
    abc_scores,
    candidates,
    highest_overlapping,
    overlapping,
)
from seq2exp.analysis.answer import find_elements
from seq2exp.analysis.deletion import edits_of
from seq2exp.analysis.evaluate.metrics import estimate, gene_weights, trapezoid_auprc
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval, resolve_chrom
from seq2exp.genome.window import WINDOW, Window
from seq2exp.inference.perturb import Experiment
from seq2exp.inference.predictor import Predictor
from seq2exp.training.evaluation import anchor_scores

#: Pairs at most this many bp apart count: what a window holds.
REACH = WINDOW // 2
#: The exponent with which contact falls with distance, as the ABC model has it.
DECAY = 0.87

_COLUMNS = {
    "chrom": "chrom",
    "chromStart": "start",
    "chromEnd": "end",
    "measuredGeneSymbol": "gene",
    "measuredGeneEnsemblId": "gene_id",
    "distanceToTSS": "distance",
    "DHS.RPM": "dnase",
    "H3K27ac.RPM": "h3k27ac",
    "H3K27ac.RPM.expandedRegion": "h3k27ac_around",
    "Regulated": "regulated",
    "CellType": "cell",
    "ValidConnection": "valid",
}
_TABLE, _TRACKS = "whole table", "with tracks"

Tell = Callable[[float], None]


def read_pairs(path: str | os.PathLike[str], cell: str) -> pd.DataFrame:
    """Read the pairs of a cell type within reach from a table of the ENCODE CRISPR benchmark.

    Returns
    -------
    pandas.DataFrame
        chrom, start, end (0-based half-open), gene, gene_id, distance (bp, of the element's middle
        to the TSS), dnase, h3k27ac, h3k27ac_around (reads per million in the element, and in it
        with its flanks), regulated (bool).

    Raises
    ------
    InputError
        The table cannot be read, or lacks a column.
    """
    try:
        raw = pd.read_csv(path, sep="\t")
    except (OSError, EOFError, ValueError) as error:
        raise InputError(f"The CRISPRi table {path} cannot be read ({error}).") from None
    missing = [name for name in _COLUMNS if name not in raw.columns]
    if missing:
        raise InputError(
            f"The CRISPRi table {path} lacks the columns {', '.join(missing)}, which its scores "
            "are made from; give the ENCODE CRISPR benchmark's own table."
        )
    table = raw[list(_COLUMNS)].rename(columns=_COLUMNS)
    here = (table["cell"].astype(str).str.lower() == cell.lower()) & _true(table["valid"])
    table["distance"] = table["distance"].abs()
    table["regulated"] = _true(table["regulated"])
    near = table[here & (table["distance"] <= REACH)]
    return near.drop(columns=["cell", "valid"]).reset_index(drop=True)


def _true(column: pd.Series) -> pd.Series:
    return column.astype(str).str.strip().str.lower().isin(("true", "t", "1"))


def table_scores(pairs: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """Return the scores that the public table alone gives: the anchors of the scorer.

    H3K27ac alone is read with the element's flanks, beside whose open bases it stands.
    """
    distance = pairs["distance"].to_numpy(np.float64)
    dnase, h3k27ac = (pairs[name].to_numpy(np.float64) for name in ("dnase", "h3k27ac"))
    contact = np.maximum(distance, 1) ** -DECAY
    return {
        "distance": -distance,
        "DNase": dnase,
        "H3K27ac": pairs["h3k27ac_around"].to_numpy(np.float64),
        "sqrt(DNase × H3K27ac) × distance^-0.87": np.sqrt(dnase * h3k27ac) * contact,
    }


def _window_means(values: NDArray, spans: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean of `values` [L] over each span, [n, 2]."""
    up_to = np.concatenate([[0.0], values.cumsum(dtype=np.float64)])
    return (up_to[spans[:, 1]] - up_to[spans[:, 0]]) / (spans[:, 1] - spans[:, 0])


def track_scores(
    window: Window, spans: NDArray[np.int64], peaks: pd.DataFrame
) -> dict[str, NDArray[np.float64]]:
    """Return what the data set's own signals say about tested elements, [n, 2] in the window."""
    found = {
        name: _window_means(values, spans) for name, values in anchor_scores(window.signals).items()
    }
    elements = candidates(peaks, window.interval)
    found["ABC"] = overlapping(spans, elements) @ abc_scores(window.signals, elements)
    return found


def mask_scores(
    predictor: Predictor, dataset: Dataset, window: Window, spans: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Return what a network says about tested elements, [n, 2] in the window.

    The mean of the mask's posterior over the element; the highest mean mask of the learned elements
    (as the app calls them) that overlap it; and how much of the predicted log10 expression is lost
    when the mask is closed over it and the predictor runs again.
    """
    experiment = Experiment(predictor, window)
    posterior = experiment.posterior()
    places = [
        Interval(window.interval.chrom, int(start), int(end))
        for start, end in spans + window.interval.start
    ]
    effects = experiment.effects([edits_of(place, neutralise=False) for place in places])
    lost = np.array([-effect.delta for effect in effects])
    elements = find_elements(window, posterior, experiment.rule, dataset.lengths)
    found = np.array([[e.interval.start, e.interval.end] for e in elements], np.int64)
    found = found.reshape(-1, 2) - window.interval.start
    heights = np.array([element.mean_mask for element in elements])
    return {
        "learned mask": _window_means(posterior.mean, spans),
        "learned elements": highest_overlapping(spans, found, heights),
        "in-silico deletion": lost,
    }


def crispri_rows(
    dataset: Dataset,
    cell: str,
    predictors: Mapping[str, tuple[dict[str, Any], Predictor]],
    peaks: pd.DataFrame,
    *,
    replicates: int,
    seed: int,
    progress: Tell,
) -> list[dict[str, Any]]:
    """Return the rows of ``crispri.parquet`` on one cell type.

    Parameters
    ----------
    cell : a cell type with a CRISPRi table.
    predictors : by model id, what names the model in tables, and the model.
    peaks : of the cell type, for the ABC score.
    replicates, seed : of the bootstrap over genes.
    progress : told of the share that is done.

    Returns
    -------
    list of dict
        score, model, model_id, seed, cell, pairs ("whole table": all within reach; "with tracks":
        those whose gene and element the data set has, which all scores of that kind share), auprc,
        low, high (95 % over genes), n_pairs, n_positive.
    """
    path = dataset.cell(cell).crispr_path
    assert path is not None
    pairs = read_pairs(path, cell)
    rows: list[dict[str, Any]] = []

    def judge(
        what: str, here: pd.DataFrame, scores: Mapping[str, NDArray], label: dict[str, Any]
    ) -> None:
        gene = pd.factorize(here["gene_id"])[0]
        weights = gene_weights(int(gene.max()) + 1, replicates, seed)
        true = here["regulated"].to_numpy()
        for name, score in scores.items():
            found = estimate(trapezoid_auprc(score, true, gene, weights))
            rows.append(
                {
                    "score": name,
                    **label,
                    "cell": cell,
                    "pairs": what,
                    "auprc": found.value,
                    "low": found.low,
                    "high": found.high,
                    "n_pairs": len(here),
                    "n_positive": int(true.sum()),
                }
            )

    nothing = {"model": None, "model_id": None, "seed": None}
    if len(pairs):
        judge(_TABLE, pairs, table_scores(pairs), nothing)
    parts: list[pd.DataFrame] = []
    own: dict[str, list[dict[str, NDArray]]] = {"": [], **{name: [] for name in predictors}}
    groups = list(pairs.groupby(["gene_id", "gene"], sort=False))
    for number, ((gene_id, symbol), tested) in enumerate(groups):
        window = _window(dataset, cell, str(gene_id), str(symbol))
        if window is not None:
            spans = tested[["start", "end"]].to_numpy(np.int64) - window.interval.start
            inside = _on(tested, window) & (spans[:, 0] >= 0) & (spans[:, 1] <= window.length)
            if inside.any():
                parts.append(tested[inside])
                own[""].append(track_scores(window, spans[inside], peaks))
                for name, (_, predictor) in predictors.items():
                    own[name].append(mask_scores(predictor, dataset, window, spans[inside]))
        progress((number + 1) / len(groups))
    if parts:
        here = pd.concat(parts)
        judge(_TRACKS, here, {"distance": table_scores(here)["distance"]}, nothing)
        for name, scores in own.items():
            joined = {key: np.concatenate([part[key] for part in scores]) for key in scores[0]}
            judge(_TRACKS, here, joined, predictors[name][0] if name else nothing)
    return rows


def _window(dataset: Dataset, cell: str, gene_id: str, symbol: str) -> Window | None:
    """Return a gene's window, by its id or else its symbol; None where the data set lacks it."""
    for name in (gene_id, symbol):
        gene = dataset.annotation.get(name)
        if gene is not None and resolve_chrom(gene.chrom, dataset.lengths) is not None:
            return dataset.window(dataset.gene(name), cell)
    return None


def _on(pairs: pd.DataFrame, window: Window) -> NDArray[np.bool_]:
    """Tell which elements lie on the window's chromosome, whatever the table calls it."""
    names = pairs["chrom"].map(lambda chrom: resolve_chrom(str(chrom), [window.interval.chrom]))
    return names.notna().to_numpy()
