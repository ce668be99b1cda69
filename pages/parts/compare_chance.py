"""Whether elements and peaks share more than chance: intervals thrown back at random."""

from collections.abc import Mapping

import streamlit as st

from pages.parts.compare_controls import shuffle_controls
from pages.parts.compare_table import table
from pages.parts.compare_work import Question, compared
from pages.parts.models_table import Column
from seq2exp.view.compare_curves import enrichment_dots

_COLUMNS = {
    "a": Column("Thrown set"),
    "b": Column("Shared with"),
    "unit": Column("Unit", "bp in common, or intervals that reach the smallest overlap"),
    "observed": Column("Observed", "", "localized"),
    "expected": Column("Expected", "mean of the shuffles", "%.1f"),
    "fold": Column("Times", "observed / expected", "%.2f"),
    "fold_low": Column("from", "observed / 97.5 % quantile of the shuffles", "%.2f"),
    "fold_high": Column("to", "observed / 2.5 % quantile of the shuffles", "%.2f"),
    "z": Column("z", "standard deviations of the shuffles", "%.1f"),
    "p_more": Column("p (more)", "one-sided: shuffles that share at least as much", "%.2g"),
    "p_less": Column("p (less)", "one-sided: shuffles that share at most as much", "%.2g"),
    "placed": Column("Intervals thrown", "of the set, in every shuffle", "localized"),
    "unplaced": Column("Fit nowhere", "intervals too long for any place", "localized"),
    "shuffles": Column("Shuffles", "", "localized"),
}


def chance(question: Question, about: Mapping[str, str]) -> None:
    """Show how much more sets share than shuffled intervals do."""
    st.markdown(
        "**Would intervals of the same widths, thrown anywhere, share as much?** Each keeps its "
        "gene, chromosome and number of counted bases, and falls on no blacklisted base and no N."
    )
    chosen = shuffle_controls()
    found = compared(question, "chance", **chosen)
    if found is None:
        return
    rows = found.enrichments
    st.plotly_chart(
        enrichment_dots(rows),
        key="enrichment",
        alt="How many times more sets share than shuffled intervals; the table below has all "
        "numbers.",
    )
    none = [f"{row.a} in {row.b} ({row.unit})" for row in rows if row.fold is None]
    if none:
        st.caption(f"No shuffle shared any, so there is no ratio: {', '.join(none)}.")
    if len(found.found) > 1:
        st.caption(
            ":material/info: Where windows of genes overlap, z and p are too good: neighbouring "
            "genes share peaks and much of their masks, but are thrown independently."
        )
    table(
        "enrichment",
        found.enrichment,
        "One row: a set that was thrown, another that stayed. The interval of “Times” holds 95 % "
        "of the shuffles, and has no upper end where some of them share nothing. Smallest overlap: "
        f"{question.settings.minimum}.",
        _COLUMNS,
        {**about, "thrown within": str(chosen["within"])},
    )
