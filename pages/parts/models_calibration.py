"""Predicted against measured expression, gene by gene; a click opens the gene in the Browser."""

import pandas as pd
import streamlit as st

from pages.parts.models_controls import choose_split, make_results
from pages.parts.models_table import Column, table
from pages.parts.opening import open_in_browser
from seq2exp.analysis.calibration import calibration as compare
from seq2exp.analysis.cards import training_mean
from seq2exp.analysis.results import Results
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.view.model_figures import calibration as scatter

_COLUMNS = {
    "gene": Column("Gene", pinned=True),
    "cell": Column("Cell type"),
    "measured": Column("Measured", "log10(CAGE + 1)", "%.3f"),
    "predicted": Column("Predicted", "log10(CAGE + 1)", "%.3f"),
    "residual": Column("Predicted − measured", "log10(CAGE + 1)", "%+.3f"),
    "mask_ratio": Column("Mask ratio", "mean mask value over the window's bases", "percent"),
    "chrom": Column("Chromosome"),
    "gene_id": Column("Gene id"),
}


@st.fragment
def calibration(entry: ModelEntry, results: Results | None, problem: str = "") -> None:
    """Show the figure, the spread in words, and the genes as a table.

    `problem` says why there are no results, where that was said already.
    """
    predictions = None if results is None else results.predictions
    name = "" if results is None else results.name_of(entry.id, entry.path)
    if predictions is None or name not in set(predictions["model_id"]):
        if problem:
            st.caption("The predictions cannot be read; the message above says why.")
        else:
            st.info(f"There are no predictions of {entry.id} yet.", icon=":material/info:")
            make_results()
        return
    own = predictions[predictions["model_id"] == name].dropna(subset=["measured", "predicted"])
    left, right = st.columns([3, 2], gap="large")
    with right:
        split = choose_split(own, "points-split")
        own = own[own["split"] == split]
        cells = sorted(own["cell"].unique())
        cell = "all"
        if len(cells) > 1:
            cell = st.segmented_control(
                "Cell type", ["all", *cells], default="all", required=True, key="points-cell"
            )
    points = own if cell == "all" else own[own["cell"] == cell]
    points = points.assign(residual=points["predicted"] - points["measured"])
    points = points.sort_values("residual", key=abs, ascending=False).reset_index(drop=True)
    if points.empty:
        st.info("No gene of this split was measured in this cell type.")
        return
    mean = training_mean(entry.card)
    spread = compare(points["measured"], points["predicted"]).sentence()
    with left:
        event = st.plotly_chart(
            scatter(points, mean),
            key=f"points-{entry.id}-{split}-{cell}",
            on_select="rerun",
            selection_mode="points",
            alt=f"Predicted against measured expression. {spread}",
        )
    picked = [point["customdata"] for point in event.selection.points if "customdata" in point]
    if picked:
        open_in_browser(*picked[0][:2])
    note = "" if mean is not None else " Its card does not say the training mean: no line shows it."
    with right:
        st.markdown(spread)
        st.caption(
            f"One point is one gene in one cell type ({split} chromosomes, not seen in training). "
            "On the grey line the prediction is what was measured."
            f"{note}"
        )
        st.markdown(
            ":material/ads_click: **Click a point to open the gene in the Browser**, or choose it:"
        )
        _choose_gene(entry, points, f"{split}-{cell}")
    with st.expander("The genes as a table"):
        table(
            points,
            "One row a gene in a cell type, those predicted worst first; expression is "
            "log10(CAGE + 1).",
            f"{entry.id}-{split}-predictions",
            _COLUMNS,
        )


def _choose_gene(entry: ModelEntry, points: pd.DataFrame, key: str) -> None:
    """Offer what a click on a point does to those who do not use a mouse."""
    named = {
        f"{point.gene} in {point.cell}: {point.residual:+.2f}": (point.gene_id, point.cell)
        for point in points.itertuples(index=False)
    }
    chosen = st.selectbox(
        "Gene: predicted − measured, worst first", list(named), key=f"gene-{entry.id}-{key}"
    )
    if st.button("Open this gene", icon=":material/genetics:", key="points-open"):
        open_in_browser(*named[chosen])
