"""The comparison as a curve: over the mask's threshold, and over the peaks' q-value."""

from collections.abc import Mapping

import streamlit as st

from pages.parts.compare_table import table
from pages.parts.compare_work import Question, compared
from pages.parts.models_table import Column
from seq2exp.analysis.compare.sweeps import CUTOFF, Q_VALUE
from seq2exp.inference.predictor import MaskRule
from seq2exp.view.compare_curves import sweep_curves

_COLUMNS = {
    "value": Column("Value", "", "%.4g"),
    "learned": Column("Elements", "learned elements", "localized"),
    "learned_shared": Column("shared", "of the elements", "localized"),
    "learned_only": Column("learned-only", "of the elements", "localized"),
    "peaks": Column("Peaks", "", "localized"),
    "peaks_shared": Column("shared", "of the peaks", "localized"),
    "peaks_only": Column("peak-only", "of the peaks", "localized"),
    "jaccard": Column("Jaccard", "bp in both, of bp in either", "%.3f"),
    "precision": Column("Precision", "bp in both, of bp learned", "%.3f"),
    "recall": Column("Recall", "bp in both, of bp in peaks", "%.3f"),
    "learned_ratio": Column("Elements cover", "of the counted bp", "percent"),
    "peaks_ratio": Column("Peaks cover", "of the counted bp", "percent"),
    "bp_counted": Column("Counted (bp)", "", "localized"),
}


def sweeps(question: Question, about: Mapping[str, str]) -> None:
    """Show the comparison at other thresholds than those in use."""
    st.markdown(
        "**How much of the answer is the choice of a threshold?** The comparison is repeated at "
        "every value, with everything else as it is; the dashed line is the value in use."
    )
    of_peaks = Q_VALUE if question.caller.knob == "q" else CUTOFF
    names = {"masks": "the mask's threshold", "peaks": f"the peaks' {of_peaks}"}
    swept = st.segmented_control(
        "Over",
        list(names),
        default="masks",
        required=True,
        format_func=names.get,
        key="compare-sweep",
        help="Peaks at other values are called once and then remembered; on reads that takes a "
        "while.",
    )
    found = compared(question, swept)
    if found is None:
        return
    curve = found.curves
    name = str(curve["parameter"].iloc[0])
    now = _in_use(question, found.comparer.rule, name)
    st.plotly_chart(
        sweep_curves(curve, now),
        key=f"sweep-{name}",
        alt=f"Agreement, coverage and counts over the {name}, and precision against recall; the "
        "table below has all numbers.",
    )
    st.caption(
        "Precision: bp of learned elements in peaks, of their bp. Recall: bp of peaks in learned "
        "elements, of their bp. Jaccard: bp in both, of bp in either. The ring marks the value in "
        "use."
    )
    if name == Q_VALUE and question.caller.kind == "imported":
        st.caption(
            ":material/info: The peaks were imported: none looser than those of the file are seen."
        )
    table(
        "curves",
        curve,
        f"One row a {name}, genes added up; smallest overlap: {question.settings.minimum}.",
        _COLUMNS,
        about,
    )


def _in_use(question: Question, rule: MaskRule, name: str) -> float:
    """Return the value of a swept parameter that the comparison uses."""
    if name == Q_VALUE:
        return question.parameters.q
    if name == CUTOFF:
        return question.caller.cutoff(question.parameters)
    return rule.fraction if rule.mode == "top" else rule.threshold
