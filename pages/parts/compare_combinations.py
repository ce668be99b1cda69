"""Elements, peaks and further sets at once: every combination, and every pair."""

from collections.abc import Mapping

import streamlit as st

from pages.parts.compare_table import table
from pages.parts.models_table import Column
from seq2exp.analysis.compare.pooled import Comparison
from seq2exp.view.compare_curves import upset

_PAIRS = {
    "set_a": Column("a"),
    "set_b": Column("b"),
    "a": Column("Intervals of a", "", "localized"),
    "a_shared": Column("shared", "intervals of a that b covers enough of", "localized"),
    "a_only": Column("a only", "intervals of a", "localized"),
    "b": Column("Intervals of b", "", "localized"),
    "b_shared": Column("shared", "intervals of b that a covers enough of", "localized"),
    "b_only": Column("b only", "intervals of b", "localized"),
    "jaccard": Column("Jaccard", "bp in both, of bp in either", "%.3f"),
    "precision": Column("bp of a in b", "of the bp of a", "%.3f"),
    "recall": Column("bp of b in a", "of the bp of b", "%.3f"),
    "bp_shared": Column("bp in both", "", "localized"),
    "bp_a": Column("bp of a", "", "localized"),
    "bp_b": Column("bp of b", "", "localized"),
}


def combinations(found: Comparison, about: Mapping[str, str]) -> None:
    """Show which sets meet where, as an UpSet plot with its table, and all pairs."""
    others = [one.name for one in found.comparer.others]
    if not others:
        st.info(
            "Choose a further set at the left: CRISPRi-tested elements, the spans you selected in "
            "the Browser, or any BED, such as ENCODE's candidate elements.",
            icon=":material/info:",
        )
    unit = st.segmented_control(
        "Count",
        ["regions", "bp"],
        default="regions",
        required=True,
        key="compare-unit",
        help="**bp**: every counted base belongs to the sets that cover it. **regions**: the union "
        "of all sets, merged; a region belongs to the sets that cover at least 1 bp of it, "
        "whatever smallest overlap is chosen.",
    )
    table_ = found.combinations
    if table_.empty:
        st.info("No set has a base here.", icon=":material/info:")
        return
    st.plotly_chart(
        upset(table_, unit),
        key=f"upset-{unit}",
        alt=f"UpSet plot: {unit} of every combination of sets; the table below has all numbers.",
    )
    sets = [name for name in table_ if name not in ("combination", "regions", "bp")]
    table(
        "combinations",
        table_,
        "One row: what exactly these sets have, and no other; rows add up to the union of all "
        "sets. Regions: at least 1 bp of each.",
        {
            "combination": Column("Sets"),
            "regions": Column("Regions", "of the merged union", "localized"),
            "bp": Column("bp", "counted bases", "localized"),
            **{name: Column(name) for name in sets},
        },
        about,
    )
    minimum = found.comparer.settings.minimum
    table(
        "pairs",
        found.pairs,
        f"Every pair of sets, in both directions; smallest overlap: {minimum}.",
        _PAIRS,
        about,
    )
