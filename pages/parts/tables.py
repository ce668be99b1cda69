"""The tables under the figure: a twin of what is drawn, and what the user takes along."""

import pandas as pd
import streamlit as st

from pages.parts.genome import look_at
from pages.parts.take_selections import SELECTIONS
from seq2exp.export.session import Selection
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval, to_one_based
from seq2exp.view.tracks import PALETTE

MARGIN = 0.5
"""Part of a feature's width that is shown on either side of it when one jumps there."""


def _shown(frame: pd.DataFrame, gene: Gene) -> pd.DataFrame:
    """Return a copy with 1-based positions, lengths and distances for reading."""
    middle = (frame["start"] + frame["end"]) // 2
    return frame.assign(
        start=[to_one_based(start) for start in frame["start"]],
        length=frame["end"] - frame["start"],
        to_tss=gene.from_tss(middle),
        summit=[to_one_based(summit) if summit >= 0 else None for summit in frame["summit"]],
    )


_COLUMNS = {
    "name": st.column_config.TextColumn("Name"),
    "chrom": st.column_config.TextColumn("Chromosome"),
    "start": st.column_config.NumberColumn("Start (1-based)", format="localized"),
    "end": st.column_config.NumberColumn("End", format="localized"),
    "length": st.column_config.NumberColumn("Length (bp)", format="localized"),
    "to_tss": st.column_config.NumberColumn(
        "To TSS (bp)", format="localized", help="Of its middle; negative upstream of the gene."
    ),
    "summit": st.column_config.NumberColumn("Summit (1-based)", format="localized"),
    "mean_mask": st.column_config.NumberColumn("Mean mask", format="%.3f"),
    "max_mask": st.column_config.NumberColumn("Highest mask", format="%.3f"),
    "signal_value": st.column_config.NumberColumn("Signal (fold)", format="%.2f"),
    "q_log10": st.column_config.NumberColumn("-log10 q", format="%.2f"),
    "p_log10": st.column_config.NumberColumn("-log10 p", format="%.2f"),
}
_ORDER = (
    "name",
    "start",
    "end",
    "length",
    "to_tss",
    "mean_mask",
    "max_mask",
    "signal_value",
    "q_log10",
    "p_log10",
    "summit",
    "chrom",
)


def feature_table(frame: pd.DataFrame, gene: Gene, key: str, empty: str) -> pd.DataFrame:
    """Show elements or peaks with selectable rows; return the selected ones (all where none is).

    Parameters
    ----------
    frame
        chrom, start, end (0-based half-open), name, summit and more, one row a feature.
    gene
        From whose TSS distances count.
    key
        Streamlit key; it changes with the content, so that a selection never points at other rows.
    empty
        What to say where there are no rows.
    """
    if frame.empty:
        st.info(empty)
        return frame
    shown = _shown(frame, gene)
    event = st.dataframe(
        shown,
        key=key,
        hide_index=True,
        height=min(38 + 35 * len(frame), 320),
        column_config=_COLUMNS,
        column_order=[name for name in _ORDER if name in shown],
        on_select="rerun",
        selection_mode="multi-row",
    )
    rows = event.selection.rows
    chosen = frame.iloc[rows]
    row = st.container(horizontal=True, vertical_alignment="center")
    if row.button("Show on the figure", key=f"show-{key}", disabled=chosen.empty):
        _show(chosen)
    if row.button("Add to selection", key=f"add-{key}", disabled=chosen.empty):
        add_to_selection(chosen, PALETTE["elements" if "mean_mask" in frame else "peaks"])
        st.rerun()
    picked = f"{len(chosen)} of {len(frame)} rows picked" if rows else f"{len(frame)} rows"
    row.caption(f"{picked}; downloads take {'these' if rows else 'all of them'}.")
    return chosen if rows else frame


def _show(rows: pd.DataFrame) -> None:
    start, end = int(rows["start"].min()), int(rows["end"].max())
    margin = max(int(MARGIN * (end - start)), 100)
    look_at(Interval(str(rows["chrom"].iloc[0]), start - margin, end + margin))
    st.rerun()


def add_to_selection(rows: pd.DataFrame, color: str) -> None:
    """Add features to the BED selection; those of a place that it has already are left out."""
    kept: list[Selection] = st.session_state.setdefault(SELECTIONS, [])
    for row in rows.itertuples(index=False):
        one = Selection(row.chrom, int(row.start), int(row.end), name=row.name, color=color)
        if one.interval not in [other.interval for other in kept]:
            kept.append(one)
