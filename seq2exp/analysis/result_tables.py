"""From single runs to the rows of a table: means and sd over seeds, intervals over genes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from seq2exp.analysis.results import floats, rank, settings, title
from seq2exp.datasets.truth import ROLES
from seq2exp.model.checkpoint import model_name

#: Numbers of a fit, with their units.
FIT_METRICS: dict[str, str] = {
    "mse": "MSE, log10(CAGE + 1) squared",
    "mae": "MAE, log10(CAGE + 1)",
    "pearson": "Pearson r",
    "spearman": "Spearman ρ",
    "mask_ratio": "Mask ratio, share of the window",
}


#: What is compared of a tilted mask and a trained one.
TILT_METRICS = (
    *("correlation", "untilted_correlation", "tilted_ratio", "trained_ratio"),
    *("auprc_tilted", "auprc_trained"),
)


#: What names a tilt: the prior of the training, and the one tilted to.
_TILTS = ("prior_mean", "prior_strength", "to_mean", "to_strength")


@dataclass(frozen=True)
class Family:
    """Numbers against planted truth that stand in one table.

    Attributes
    ----------
    title
        What it is called.
    meaning
        One sentence: what is counted, in which unit, over what.
    part
        What its columns stand for; empty where there is one column.
    """

    title: str
    meaning: str
    part: str = ""


#: By what stands before the colon or the @ of a metric's name.
FAMILIES: dict[str, Family] = {
    "auprc": Family(
        "AUPRC, per base",
        "Area under the precision-recall curve of each score as a map of the planted causal bases "
        "outside promoters; 0 to 1, a random score reaches the share of causal bases.",
    ),
    "f1_at_ratio": Family(
        "F1 at a mask ratio",
        "F1 of the highest-scoring bases as a set of planted causal bases, where as many bases of "
        "the window are kept as the column's head says; 0 to 1.",
        "Bases kept",
    ),
    "element_auc": Family(
        "Element AUC",
        "The chance that a causal element scores above a decoy of the kind in the column's head; "
        "0.5 is chance, 1 is perfect.",
        "Decoy",
    ),
    "precision": Family(
        "Precision by distance",
        "The share of called elements that overlap a planted causal one, by distance to the TSS; "
        "0 to 1.",
        "Distance to TSS",
    ),
    "recall": Family(
        "Recall by distance",
        "The share of planted causal elements that a called element overlaps, by distance to the "
        "TSS; 0 to 1.",
        "Distance to TSS",
    ),
}
#: F1 where a score calls bases itself, so that it keeps a number of its own.
OWN_RATIO = "own share"
#: What is said of a mask made of the signals alone, which nothing was learned for.
_UNLEARNED = "signal-only mask"


def part_title(part: str) -> str:
    """Return what to call a part on screen: a kind of decoy, a distance, a share of bases."""
    if part in ROLES:
        return ROLES[part].removeprefix("decoy: ")
    return {"open_decoys": "any open decoy"}.get(part, part.replace("-", "–").replace("kb", " kb"))


def family(metric: str) -> tuple[str, str]:
    """Split a metric's name into its family and its part, as in ``precision@0-10kb``."""
    for sign in (":", "@"):
        if sign in metric:
            head, _, part = metric.partition(sign)
            return head, part
    return metric, ""


def _ordered(table: pd.DataFrame, *more: str) -> pd.DataFrame:
    key = table["model"].map(rank)
    return table.assign(_rank=key).sort_values(["_rank", *more]).drop(columns="_rank")


def _named(model: str, setting: str) -> str:
    return f"{title(model)} ({setting})" if setting else title(model)


def fit_summary(
    fit: pd.DataFrame, split: str, cell: str, *, every_window: bool = False
) -> pd.DataFrame:
    """Return mean and sd over seeds of each system's fit.

    Parameters
    ----------
    fit
        See `Results.fit`.
    split, cell
        Which rows count, e.g. "test" and "all".
    every_window
        Also rows where the window was cut at test time; without, each system's longest alone.

    Returns
    -------
    pandas.DataFrame
        system, model, setting, window (bp), seeds, n (examples), and for each of `FIT_METRICS` its
        ``_mean`` and ``_sd`` (n - 1; NaN with one seed). In the order of the paper's tables.
    """
    rows = floats(fit).assign(setting=settings(fit))
    rows = rows[(rows["split"] == split) & (rows["cell"] == cell)]
    keys = ["model", "setting", "window"]
    if not every_window:
        longest = rows.groupby(["model", "setting"])["window"].transform("max")
        rows = rows[rows["window"] == longest]
    grouped = rows.groupby(keys, as_index=False)
    table = grouped.agg(seeds=("seed", "nunique"), n=("n", "max"))
    for metric in FIT_METRICS:
        table[f"{metric}_mean"] = grouped[metric].mean()[metric]
        table[f"{metric}_sd"] = grouped[metric].std(ddof=1)[metric]
    names = [_named(*pair) for pair in zip(table["model"], table["setting"], strict=True)]
    table.insert(0, "system", names)
    return _ordered(table, "setting", "window").reset_index(drop=True)


def with_published(summary: pd.DataFrame, published: pd.DataFrame, cell: str) -> pd.DataFrame:
    """Add the paper's numbers for a real cell type in columns of their own.

    Returns
    -------
    pandas.DataFrame
        `summary` with ``published_METRIC_mean`` and ``_sd``; NaN for what the paper does not have.
    """
    here = published[published["cell"] == cell]
    table = summary.copy()
    for metric in FIT_METRICS:
        rows = here[here["metric"] == metric].drop_duplicates("model").set_index("model")
        for what in ("mean", "sd"):
            table[f"published_{metric}_{what}"] = table["model"].map(rows[what]).astype(float)
    return table


def truth_summary(truth: pd.DataFrame, split: str, name: str) -> pd.DataFrame:
    """Return how well scores find planted truth, one row for score, setting and part.

    A score of several seeds gets the mean of their values; its interval reaches from the lowest
    lower to the highest upper bound of the seeds' bootstrap intervals over genes, and so covers
    genes and seeds. The parts of F1 are the shares of bases kept: those that all scores were
    taken at, and `OWN_RATIO` for what a score calls by itself. A mask of the signals alone is one
    row where it is the same for all models.

    Parameters
    ----------
    truth
        See `Results.truth`.
    split, name
        Which rows count: the split, and a family of `FAMILIES`.

    Returns
    -------
    pandas.DataFrame
        label, score, model, setting, smoothed, part, smoothing_bp (the largest over seeds),
        smoothing_from (the smallest), ratio, seeds, n_genes, value, low, high.
    """
    named = truth["metric"].map(family)
    rows = floats(truth).assign(
        setting=settings(truth),
        family=[head for head, _ in named],
        part=[part for _, part in named],
        seed=truth["seed"].astype("Int64"),
    )
    rows = rows[(rows["split"] == split) & (rows["family"] == name)]
    # MACS3 and the signals have no model and no seed; an empty name groups where a null would not.
    rows = rows.assign(
        model=rows["model"].astype("object").fillna(""), smoothed=rows["smoothing_bp"] > 0
    )
    if name == "f1_at_ratio":
        rows = rows.assign(part=_ratio_parts(rows))
    keys = ["score", "model", "setting", "smoothed", "part"]
    grouped = _merged_unlearned(rows).groupby(keys, dropna=False, as_index=False, sort=False)
    table = grouped.agg(
        smoothing_bp=("smoothing_bp", "max"),
        smoothing_from=("smoothing_bp", "min"),
        ratio=("ratio", "mean"),
        seeds=("seed", "nunique"),
        n_genes=("n_genes", "max"),
        value=("value", "mean"),
        low=("low", "min"),
        high=("high", "max"),
    )
    table.insert(0, "label", [_score_label(row) for row in table.itertuples(index=False)])
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _ratio_parts(rows: pd.DataFrame) -> pd.Series:
    """Name the share of bases at which each F1 was taken: one that all share, or each its own."""
    runs = rows["score"] + "|" + rows["model_id"].astype("object").fillna("")
    shared = runs.groupby(rows["ratio"]).transform("nunique") == runs.nunique()
    return rows["ratio"].map(_percent).where(shared, OWN_RATIO)


def _merged_unlearned(rows: pd.DataFrame) -> pd.DataFrame:
    """Make one row of the masks of the signals alone that are the same for several models."""
    mine = rows[rows["score"] == _UNLEARNED]
    for keys in ([], ["model"]):
        within = [*keys, "smoothed", "part"]
        if (mine["value"].round(9).groupby([mine[key] for key in within]).nunique() <= 1).all():
            plain = {"setting": "", "seed": pd.NA} | ({} if keys else {"model": ""})
            merged = mine.assign(**plain).astype({"seed": "Int64"})
            return pd.concat([rows.drop(mine.index), merged])
    return rows


def _score_label(row: Any) -> str:
    label = f"{row.score}, {_named(row.model, row.setting)}" if row.model else str(row.score)
    if not row.smoothed:
        return label
    low, high = int(row.smoothing_from), int(row.smoothing_bp)
    return f"{label}, smoothed {high:,} bp" if low == high else f"{label}, smoothed {low}–{high} bp"


def parts(summary: pd.DataFrame) -> list[str]:
    """Return the parts of a family: distances and shares by their first number, others last."""

    def first_number(name: str) -> float:
        digits = "".join(c if c.isdigit() or c == "." else " " for c in name).split()
        return float(digits[0]) if digits else np.inf

    return sorted(dict.fromkeys(summary["part"]), key=first_number)


def spread(mean: float, sd: float, digits: int = 3) -> str:
    """Write "0.239 ± 0.004"; without sd "0.239"; nothing for what is not known."""
    if pd.isna(mean):
        return ""
    text = f"{mean:.{digits}f}"
    return text if pd.isna(sd) else f"{text} ± {sd:.{digits}f}"


def interval(value: float, low: float, high: float, digits: int = 3) -> str:
    """Write "0.223 [0.201, 0.244]"; without bounds "0.223"; nothing for what is not known."""
    if pd.isna(value):
        return ""
    text = f"{value:.{digits}f}"
    return text if pd.isna(low) else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def truth_wide(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a family as it is shown: a row for each score, a column for each part.

    The rows are ordered by the first part's value, highest first. ``ratio_text`` is the share of
    bases that was kept, where the column's head does not say it.
    """
    if summary.empty:
        return pd.DataFrame()
    columns = parts(summary)
    texts = summary.assign(
        text=[
            interval(*row)
            for row in summary[["value", "low", "high"]].itertuples(index=False, name=None)
        ],
        ratio_text=[
            "" if pd.isna(ratio) or part == _percent(ratio) else _percent(ratio)
            for ratio, part in zip(summary["ratio"], summary["part"], strict=True)
        ],
    )
    rows = texts.groupby("label", sort=False)
    wide = rows.agg(
        ratio_text=("ratio_text", "max"), seeds=("seeds", "max"), genes=("n_genes", "max")
    )
    first = texts[texts["part"] == columns[0]].set_index("label")["value"]
    for part in columns:
        wide[part or "value"] = texts[texts["part"] == part].set_index("label")["text"]
    ordered = wide.assign(_best=first).sort_values("_best", ascending=False, kind="stable")
    return ordered.drop(columns="_best").reset_index().fillna("")


def prior_sweep(
    cards: Mapping[str, Mapping[str, object]],
    fit: pd.DataFrame | None,
    truth: pd.DataFrame | None,
    split: str,
) -> pd.DataFrame:
    """Return what soft models trained at several priors came to.

    Parameters
    ----------
    cards
        By model id.
    fit, truth
        See `Results`; None leaves their columns empty.
    split
        Which chromosomes count, e.g. "test".

    Returns
    -------
    pandas.DataFrame
        model_id, prior_mean, n, mask_ratio, mse, pearson, auprc, low, high; by prior mean.
    """
    rows = []
    for model_id, card in cards.items():
        config = card.get("config")
        if model_name(card) != "seq2exp-soft" or not isinstance(config, Mapping):
            continue
        row: dict[str, object] = {"model_id": model_id, "prior_mean": float(config["prior_mean"])}
        if fit is not None:
            found = fit[
                (fit["model_id"] == model_id) & (fit["split"] == split) & (fit["cell"] == "all")
            ].sort_values("window")
            if len(found):
                last = found.iloc[-1]
                row |= {key: last[key] for key in ("n", "mask_ratio", "mse", "pearson")}
        if truth is not None:
            found = truth[
                (truth["model_id"] == model_id)
                & (truth["split"] == split)
                & (truth["metric"] == "auprc")
                & ~(truth["smoothing_bp"] > 0)
            ]
            if len(found):
                row |= {"auprc": found.iloc[0]["value"]}
                row |= {key: found.iloc[0][key] for key in ("low", "high")}
        rows.append(row)
    columns = ("model_id", "prior_mean", "n", "mask_ratio", "mse", "pearson", "auprc", "low")
    table = pd.DataFrame(rows, columns=[*columns, "high"])
    return table.sort_values(["prior_mean", "model_id"]).reset_index(drop=True)


def tilt_summary(priors: pd.DataFrame) -> pd.DataFrame:
    """Return how near a tilted mask comes to a trained one, mean and sd over seeds.

    Parameters
    ----------
    priors
        See `Results.priors`; a model beside itself is left out.

    Returns
    -------
    pandas.DataFrame
        system, prior_mean and prior_strength (a + b, of the training), to_mean and to_strength
        (tilted to; the app's slider keeps the strength), seeds, and ``_mean`` and ``_sd``
        of `TILT_METRICS`.
    """
    rows = floats(priors[priors["model_id"] != priors["other_id"]])
    grouped = rows.groupby(["model", *_TILTS], as_index=False)
    table = grouped.agg(seeds=("seed", "nunique"))
    for metric in TILT_METRICS:
        table[f"{metric}_mean"] = grouped[metric].mean()[metric]
        table[f"{metric}_sd"] = grouped[metric].std(ddof=1)[metric]
    table.insert(0, "system", table["model"].map(title))
    return _ordered(table, *_TILTS).reset_index(drop=True)


def best(values: pd.Series, *, highest: bool, digits: int = 3) -> pd.Series:
    """Return which values are the best of a column as it is written, to `digits`; ties are all."""
    written = values.round(digits)
    return written == (written.max() if highest else written.min())
