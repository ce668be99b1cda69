"""How well each system predicts expression, beside what was published; windows cut short."""

import pandas as pd
import streamlit as st

from pages.parts.models_controls import choose_split, nothing
from pages.parts.models_table import Column, table
from seq2exp.analysis.result_tables import (
    FIT_METRICS,
    best,
    fit_summary,
    spread,
    with_published,
)
from seq2exp.analysis.results import Results
from seq2exp.view.model_figures import dots

PUBLISHED = "published, real data"
_SHORT = {
    "mse": "MSE",
    "mae": "MAE",
    "pearson": "Pearson r",
    "spearman": "Spearman ρ",
    "mask_ratio": "Mask ratio",
}
_HIGHEST = {"mse": False, "mae": False, "pearson": True, "spearman": True}
_BETTER = {True: "higher is better", False: "lower is better"}


def fit(results: Results) -> None:
    """Show the systems side by side: figure, table, and the control with windows cut short."""
    frame = results.fit
    if frame is None or frame.empty:
        nothing("table of fits")
        return
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    with row:
        split = choose_split(frame, "fit-split")
        cells = sorted(frame["cell"].unique(), key=lambda name: (name != "all", name))
        cell = st.segmented_control(
            "Cell type", cells, default=cells[0], required=True, key="fit-cell"
        )
        metric = st.segmented_control(
            "Number in the figure",
            list(_HIGHEST),
            default="mse",
            required=True,
            format_func=_SHORT.get,
            key="fit-metric",
        )
        real = list(dict.fromkeys(results.published["cell"]))
        paper = ""
        if real:
            paper = st.segmented_control(
                "Published numbers of",
                real,
                default=real[0],
                required=True,
                key="fit-paper",
                help="The paper's own numbers on real data; other data than these results.",
            )
    summary = fit_summary(frame, split, cell)
    if summary.empty:
        st.info("No system was scored on this split and cell type.")
        return
    if paper:
        summary = with_published(summary, results.published, paper)
    st.plotly_chart(
        _figure(summary, metric, paper),
        key="fit-figure",
        alt=f"{FIT_METRICS[metric]} of each system; the table below has all numbers.",
    )
    _table(summary, split, paper)
    _window_cut(frame, split, cell, metric)


def _figure(summary: pd.DataFrame, metric: str, paper: str):
    groups = [("", "these results")]
    if paper and summary[f"published_{metric}_mean"].notna().any():
        groups.append(("published_", f"{paper} ({PUBLISHED})"))
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "label": summary["system"],
                    "value": summary[f"{prefix}{metric}_mean"],
                    "sd": summary[f"{prefix}{metric}_sd"],
                    "group": name,
                }
            )
            for prefix, name in groups
        ]
    )
    return dots(
        list(rows["label"]),
        list(rows["value"]),
        list(rows["value"] - rows["sd"]),
        list(rows["value"] + rows["sd"]),
        f"{FIT_METRICS[metric]} (mean ± sd over seeds; {_BETTER[_HIGHEST[metric]]})",
        list(rows["group"]),
    )


def _table(summary: pd.DataFrame, split: str, paper: str) -> None:
    shown = summary[["system", "seeds", "n", "window"]].copy()
    columns = {"system": Column("System", pinned=True, width=250)}
    marks = {}
    first, rest = ("mse", "pearson", "mask_ratio"), ("mae", "spearman")
    for prefix, name in (
        *(("", name) for name in first),
        *(("published_", name) for name in first if paper),
        *(("", name) for name in rest),
        *(("published_", name) for name in rest if paper),
    ):
        key = f"{prefix}{name}"
        means, sds = summary[f"{key}_mean"], summary[f"{key}_sd"]
        if means.isna().all():
            continue
        factor, digits = (100, 2) if name == "mask_ratio" else (1, 3)
        shown[key] = [
            spread(m * factor, sd * factor, digits) or None
            for m, sd in zip(means, sds, strict=True)
        ]
        note = f"; {_BETTER[_HIGHEST[name]]}" if name in _HIGHEST else ""
        head = f"{_SHORT[name]}{', %' if factor == 100 else ''}"
        if prefix:
            columns[key] = Column(
                f"{head} (paper)", f"{FIT_METRICS[name]}{note}; {paper}, {PUBLISHED}"
            )
        else:
            columns[key] = Column(head, f"{FIT_METRICS[name]}{note}; mean ± sd over seeds")
        if name in _HIGHEST:
            marks[key] = best(means, highest=_HIGHEST[name])
    columns |= {
        "seeds": Column("Seeds", "runs that differ in nothing but their seed", width=60),
        "n": Column("Examples", "gene × cell type, held out", "localized", width=80),
        "window": Column("Window (bp)", "bases read around the TSS", "localized", width=100),
    }
    table(
        shown,
        f"Mean ± sd over seeds on the {split} chromosomes; MSE in log10(CAGE + 1) squared, MAE in "
        "log10(CAGE + 1), the mask ratio is the mean mask value over the window's bases."
        + (
            f" The columns “(paper)” are {PUBLISHED} ({paper}): other data, so they are no target "
            "for those beside them."
            if paper
            else ""
        ),
        "fit",
        columns,
        summary,
        marks,
    )


def _window_cut(frame: pd.DataFrame, split: str, cell: str, metric: str) -> None:
    """Show what is left of each system where its window is cut at test time."""
    every = fit_summary(frame, split, cell, every_window=True)
    cut = every[every.groupby(["model", "setting"])["window"].transform("nunique") > 1]
    st.subheader("How much do distal bases matter? The window cut at test time", anchor=False)
    if cut.empty:
        st.info(
            "These results have each system at one window length only; `seq2exp evaluate` scores "
            "shorter windows, too.",
            icon=":material/info:",
        )
        return
    texts = cut.assign(
        text=[
            spread(*row)
            for row in cut[[f"{metric}_mean", f"{metric}_sd"]].itertuples(index=False, name=None)
        ]
    )
    order = list(dict.fromkeys(cut["system"]))
    wide = texts.pivot(index="system", columns="window", values="text").loc[order]
    means = cut.pivot(index="system", columns="window", values=f"{metric}_mean").loc[order]
    windows = list(wide.columns)
    wide.columns = means.columns = [str(window) for window in windows]
    head = FIT_METRICS[metric]
    table(
        wide.reset_index(),
        f"{head}, mean ± sd over seeds. A network trained on whole windows is given the central "
        "bases alone: what it does not lose, it did not take from farther away.",
        "window-cut",
        {
            "system": Column("System", pinned=True, width=250),
            **{str(w): Column(f"{int(w):,} bp", f"{head}; window at test time") for w in windows},
        },
        cut,
        {name: best(means[name], highest=_HIGHEST[metric]) for name in means},
    )
