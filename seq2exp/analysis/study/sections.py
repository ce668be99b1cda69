"""Sections of a study's report on what was evaluated; empty where nothing was."""

from seq2exp.analysis.evaluate.fit import ALL
from seq2exp.analysis.evaluate.tables import (
    PUBLISHED,
    PUBLISHED_CELLS,
    markdown,
    number,
    priors_table,
    published_number,
)
from seq2exp.analysis.result_tables import fit_summary, interval, prior_sweep, spread
from seq2exp.analysis.results import title
from seq2exp.analysis.study.contents import Contents

_PUBLISHED_METRICS = {"mse": "MSE", "mae": "MAE", "pearson": "r", "mask_ratio": "mask ratio"}


def setting(study: Contents) -> str:
    """Return what data, split and machine the numbers come from."""
    about = study.about
    if not about:
        return "Nothing was evaluated yet: below is what the cards of the runs say.\n"
    dataset = about.get("dataset") or {}
    kind = "simulated" if dataset.get("simulated") else "measured"
    lines = [
        f"{dataset.get('name')}, {kind} data, digest `{str(dataset.get('digest'))[:16]}`; cell "
        f"types {', '.join(about.get('cells', []))}.",
        f"{study.split.capitalize()} chromosomes: {about.get('examples', 0):,} examples (gene × "
        f"cell type) of {about.get('genes', 0):,} genes, windows of {about.get('length', 0):,} bp, "
        "one by one.",
    ]
    if about.get("macs3_ratio"):
        lines.append(
            f"MACS3's peaks at its default cover {100 * about['macs3_ratio']:.2f} % of the bases "
            "that are scored."
        )
    resampled = about.get("bootstrap") or {}
    if resampled:
        lines.append(f"Intervals: 95 %, {resampled.get('replicates', 0):,} resamples of genes.")
    seconds = [spent["network"] for spent in (about.get("seconds") or {}).values()]
    scoring = [spent["scoring"] for spent in (about.get("seconds") or {}).values()]
    if seconds:
        lines.append(
            f"Evaluated on {about.get('device')} in {sum(seconds) / 60:,.1f} min of running "
            f"networks and {sum(scoring) / 60:,.1f} min of scoring, on {about.get('date')}."
        )
    lines += [str(note) for note in about.get("notes", [])]
    return "".join(f"- {line}\n" for line in lines)


def prediction(study: Contents) -> str:
    """Return how well each system predicts, with the published numbers in columns of their own."""
    fit = study.table("fit", study.runs("system"))
    if fit is None or study.results is None:
        return ""
    text = (
        "Predicted against measured log10(expression + 1); each system on its own window. Mean ± "
        f"sd over seeds. Columns marked “{PUBLISHED}” are the paper's, measured on real K562 and "
        "GM12878 data (chr22 and chrX), and no result of this study.\n\n"
    )
    for cell in dict.fromkeys(fit["cell"]):
        rows = []
        for row in fit_summary(fit, study.split, cell).to_dict("records"):
            own = {
                head: spread(row[f"{metric}_mean"], row[f"{metric}_sd"], 4)
                for metric, head in (
                    ("mse", "MSE"),
                    ("mae", "MAE"),
                    ("pearson", "Pearson r"),
                    ("spearman", "Spearman ρ"),
                    ("mask_ratio", "Mask ratio"),
                )
            }
            said = {
                f"{head} {place} ({PUBLISHED})": published_number(
                    study.results.published, row["model"], place, metric
                )
                for place in (PUBLISHED_CELLS if cell == ALL else ())
                for metric, head in _PUBLISHED_METRICS.items()
            }
            start = {
                "System": row["system"],
                "Window": f"{row['window']:,} bp",
                "Seeds": str(row["seeds"]),
                "n": f"{row['n']:,}",
            }
            rows.append({**start, **own, **said})
        text += f"### {'All cell types' if cell == ALL else cell}\n\n{markdown(rows)}\n"
    return text


def windows(study: Contents) -> str:
    """Return what becomes of each system on the central bases alone."""
    fit = study.table("fit", study.runs("system"))
    if fit is None:
        return ""
    table = fit_summary(fit, study.split, ALL, every_window=True)
    lengths = sorted(table["window"].unique())
    rows = []
    for system in dict.fromkeys(table["system"]):
        here = table[table["system"] == system].set_index("window")
        rows.append(
            {"System": system}
            | {
                f"{head}, {bp // 1000:g} kb": (
                    spread(here.at[bp, f"{key}_mean"], here.at[bp, f"{key}_sd"], 3)
                    if bp in here.index
                    else ""
                )
                for key, head in (("mse", "MSE"), ("pearson", "r"))
                for bp in lengths
            }
        )
    return (
        "The same models, given less of each window at test time. The control, Caduceus with "
        "signals on 2 kb, was trained on that length: what a system gains on it is what it makes "
        "of bases outside the promoter. Mean ± sd over seeds.\n\n" + markdown(rows)
    )


def priors(study: Contents) -> str:
    """Return what models trained at several priors came to, and how near tilting comes to that."""
    varied = study.there("prior")
    if not varied:
        return ""
    bases = {runs[0].base for runs in varied.values()}
    settings = study.there()
    every = {name: settings[name] for name in (*sorted(filter(None, bases)), *varied)}
    chosen = [run for name, runs in settings.items() if name in every for run in runs]
    cards = {run.id: study.cards[run.id] for run in chosen}
    fit, truth = study.table("fit", chosen), study.table("truth", chosen)
    rows = [
        {
            "Run": row["model_id"],
            "Prior mean": f"{row['prior_mean']:g}",
            "MSE": number(row["mse"], 4),
            "Pearson r": number(row["pearson"], 4),
            "Mask ratio": number(row["mask_ratio"], 4),
            "AUPRC, raw": interval(row["auprc"], row["low"], row["high"]),
        }
        for row in prior_sweep(cards, fit, truth, study.split).to_dict("records")
    ]
    text = f"Trained at several priors; {study.split} chromosomes.\n\n{markdown(rows)}\n"
    tilted = None if study.results is None else study.results.priors
    if tilted is not None:
        mine = tilted[tilted["model_id"].isin(list(cards)) & tilted["other_id"].isin(list(cards))]
        if len(mine):
            text += priors_table(mine)
    return text


def missing(study: Contents) -> str:
    """Return the runs that the plan lists and that are not there."""
    runs = study.missing()
    if not runs:
        return "Every run of the plan is there.\n"
    return "".join(f"- {run.id} ({title(run.model)}, {run.group}): {run.reason}\n" for run in runs)
