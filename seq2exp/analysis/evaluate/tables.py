"""The results as Markdown tables, with the published numbers in columns of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from seq2exp.analysis.evaluate.fit import ALL
from seq2exp.analysis.result_tables import (
    FAMILIES,
    fit_summary,
    interval,
    spread,
    truth_summary,
    truth_wide,
)
from seq2exp.analysis.results import title

PUBLISHED_CELLS = ("K562", "GM12878")
PUBLISHED = "published, real data"
#: Of fewer regulated pairs an area under the precision-recall curve is not worth reading.
FEW = 10

_PUBLISHED_METRICS = {"mse": "MSE", "pearson": "r"}
_FIT = {"mse": 4, "mae": 4, "pearson": 4, "spearman": 4}  # metric → digits


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """Return a Markdown table of rows that have the same keys, texts as they stand."""
    if not rows:
        return ""
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    for row in rows:
        cells = (str(row[name]).replace("|", "\\|") for name in names)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def to_markdown(
    frames: Mapping[str, pd.DataFrame], about: Mapping[str, Any], published: pd.DataFrame
) -> str:
    """Return tables.md.

    Parameters
    ----------
    frames : the tables of `seq2exp.analysis.evaluate.run`, by name; what is missing is left out.
    about : what evaluate.json holds.
    published : data/benchmarks/published.csv.
    """
    dataset = about["dataset"]
    kind = "simulated" if dataset["simulated"] else "measured"
    text = (
        f"# {dataset['name']}, {about['split']} chromosomes\n\n"
        f"{about['examples']:,} examples (gene × cell type) of {about['genes']:,} genes, "
        f"{kind} data. Models: mean ± sd over seeds. Brackets: 95 % intervals, "
        f"{about['bootstrap']['replicates']:,} resamples of genes.\n\n"
    )
    if "fit" in frames:
        text += _fit(frames["fit"], about["split"], published)
    if "truth" in frames:
        text += f"## Against planted truth\n\n{truth_tables(frames['truth'], about['split'])}"
    if "deletions" in frames:
        text += f"## In-silico deletion\n\n{deletions_table(frames['deletions'])}"
    if "priors" in frames:
        text += f"## Prior sweep\n\n{priors_table(frames['priors'])}"
    if "crispri" in frames:
        text += f"## CRISPRi\n\n{crispri_tables(frames['crispri'])}"
    text += _published(published)
    if about.get("seconds"):
        text += _seconds(about["seconds"])
    if about["notes"]:
        text += "## Notes\n\n" + "".join(f"- {note}\n" for note in about["notes"])
    return text.rstrip() + "\n"


def _fit(fit: pd.DataFrame, split: str, published: pd.DataFrame) -> str:
    text = (
        "## Fit\n\nPredicted against measured log10(expression + 1), windows one by one. A window "
        "shorter than a system's own was cut at test time, the model being the same; what was "
        f"{PUBLISHED.replace(', ', ' for ')} (chr22 and chrX) stands beside whole windows.\n\n"
    )
    for cell in dict.fromkeys(fit["cell"]):
        table = fit_summary(fit, split, cell, every_window=True)
        rows = []
        for row in table.to_dict("records"):
            same = (table["model"] == row["model"]) & (table["setting"] == row["setting"])
            own = row["window"] == table.loc[same, "window"].max()
            ratio = spread(100 * row["mask_ratio_mean"], 100 * row["mask_ratio_sd"], 2)
            rows.append(
                {
                    "System": row["system"],
                    "Window": f"{row['window']:,} bp",
                    "Seeds": str(row["seeds"]),
                    "n": f"{row['n']:,}",
                    **{
                        name: spread(row[f"{metric}_mean"], row[f"{metric}_sd"], _FIT[metric])
                        for metric, name in zip(
                            _FIT, ("MSE", "MAE", "Pearson r", "Spearman ρ"), strict=True
                        )
                    },
                    "Mask ratio, %": ratio,
                    **{
                        f"{name} {place} ({PUBLISHED})": (
                            published_number(published, row["model"], place, metric) if own else ""
                        )
                        for place in PUBLISHED_CELLS
                        for metric, name in _PUBLISHED_METRICS.items()
                    },
                }
            )
        heading = "All cell types" if cell == ALL else cell
        text += f"### {heading}\n\n{markdown(rows)}\n"
    return text


def published_number(published: pd.DataFrame, model: str, cell: str, metric: str) -> str:
    """Return one published number with its sd; nothing where there is none."""
    rows = published[
        (published["model"] == model)
        & (published["cell"] == cell)
        & (published["metric"] == metric)
    ]
    return spread(rows["mean"].iloc[0], rows["sd"].iloc[0], 4) if len(rows) else ""


def truth_tables(truth: pd.DataFrame, split: str) -> str:
    """Return how scores find planted truth, a table a family of metrics."""
    text = (
        "Over the bases outside promoters (TSS ± 1 kb). Running means "
        "have the width that was best on validation. Calls (peaks, hard rules) keep bases "
        "of their own number; of every other score the elements are called at the share of bases "
        "that MACS3 keeps at its default. Open decoys: all but the silenced enhancers.\n\n"
    )
    for name, family in FAMILIES.items():
        wide = truth_wide(truth_summary(truth, split, name))
        if not wide.empty:
            names = {"label": "Score", "ratio_text": "Share kept", "seeds": "Seeds"}
            rows = wide.rename(columns=names).rename(columns={"genes": "Genes"}).astype(str)
            text += f"### {family.title}\n\n{family.meaning}\n\n"
            text += markdown(rows.to_dict("records")) + "\n"
    return text


def deletions_table(deletions: pd.DataFrame) -> str:
    """Return how deletions of causal elements compare with those of decoys."""
    text = (
        "How often the deletion of a planted causal element (its mask closed, the promoter left as "
        "it is) costs more predicted expression than that of a decoy: area under the ROC curve. "
        "|Δ| counts a change whichever way it goes.\n\n"
    )
    shown = [
        {
            "Score": row["score"],
            "Model": _model(row),
            "Rule": row["rule"],
            "Against": row["decoys"].replace("_", " "),
            "AUROC": interval(row["auc"], row["low"], row["high"]),
            "Causal": f"{row['n_causal']:,}",
            "Decoys": f"{row['n_decoys']:,}",
            "Examples": f"{row['n_examples']:,}",
            "Genes": f"{row['n_genes']:,}",
        }
        for row in deletions.to_dict("records")
    ]
    return f"{text}{markdown(shown)}\n"


def priors_table(priors: pd.DataFrame) -> str:
    """Return how near tilting a mask comes to training at another prior."""
    text = (
        "A mask tilted to another prior without training, beside the mask of the "
        "model that was trained at that mean. Where the strength (pseudo-observations) stays as "
        "it was, the tilt is that of the app's slider. r is over bases outside promoters.\n\n"
    )
    rows = [
        {
            "Trained at": f"{row['prior_mean']:.3g}",
            "Tilted to": f"{row['to_mean']:.3g}",
            "Strength": f"{row['prior_strength']:.3g} → {row['to_strength']:.3g}",
            "Model": row["model_id"],
            "Beside": row["other_id"],
            "r of means": number(row["correlation"]),
            "r before the tilt": number(row["untilted_correlation"]),
            "Mean of tilted": number(row["tilted_ratio"], 4),
            "Mean of trained": number(row["trained_ratio"], 4),
            "AUPRC tilted": number(row["auprc_tilted"]),
            "AUPRC trained": number(row["auprc_trained"]),
        }
        for row in priors.to_dict("records")
        if row["model_id"] != row["other_id"]
    ]
    return f"{text}{markdown(rows)}\n"


def crispri_tables(crispri: pd.DataFrame) -> str:
    """Return how scores tell the pairs that changed expression, a table a kind of pairs."""
    text = (
        "Area under the precision-recall curve of pairs within 100 kb, the public "
        "benchmark's overlap rules (ABC: summed; learned elements: the highest). A random score "
        "reaches the share of regulated pairs.\n\n"
    )
    for (cell, pairs), part in crispri.groupby(["cell", "pairs"], sort=False):
        first = part.iloc[0]
        share = first["n_positive"] / first["n_pairs"]
        text += (
            f"### {cell}, {pairs}: {first['n_pairs']:,} pairs, {first['n_positive']:,} regulated "
            f"({share:.1%})\n\n"
        )
        if first["n_positive"] < FEW:
            text += f"Fewer than {FEW} regulated pairs: these areas say next to nothing.\n\n"
        rows = [
            {
                "Score": row["score"],
                "Model": _model(row),
                "AUPRC": interval(row["auprc"], row["low"], row["high"]),
            }
            for row in part.sort_values("auprc", ascending=False).to_dict("records")
        ]
        text += f"{markdown(rows)}\n"
    return text


def _model(row: Mapping[Any, Any]) -> str:
    return "" if pd.isna(row["model"]) else f"{title(row['model'])} ({row['model_id']})"


def _published(published: pd.DataFrame) -> str:
    """Return every published number with where it stands."""
    rows = []
    for (model, cell), part in published.groupby(["model", "cell"], sort=False):
        numbers = part.set_index("metric")
        rows.append(
            {
                "System": title(model),
                "Cell type": cell,
                **{
                    name: (
                        spread(numbers.at[metric, "mean"], numbers.at[metric, "sd"], 4)
                        if metric in numbers.index
                        else ""
                    )
                    for metric, name in {
                        "mse": "MSE",
                        "mae": "MAE",
                        "pearson": "Pearson r",
                        "mask_ratio": "Mask ratio",
                    }.items()
                },
                "Source": "; ".join(dict.fromkeys(part["source"])),
            }
        )
    return f"## Published, on real data (test: chr22 and chrX)\n\n{markdown(rows)}\n"


def _seconds(seconds: Mapping[str, Mapping[str, float]]) -> str:
    rows = [
        {
            "What": name,
            "Networks": number(spent["network"], 1),
            "Scoring": number(spent["scoring"], 1),
        }
        for name, spent in seconds.items()
    ]
    return f"## Seconds that this took\n\n{markdown(rows)}\n"


def number(value: Any, digits: int = 3) -> str:
    """Write a number; nothing for what is not known."""
    return "" if value is None or pd.isna(value) else f"{value:.{digits}f}"
