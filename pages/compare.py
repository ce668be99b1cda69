"""Learned elements beside called peaks, for one gene or many: what each finds and the other not.

The masks of the genes are found once and kept; whatever else is turned on this page (prior, rule,
threshold, q-value, smallest overlap, further sets) is counted anew from them.
"""

import streamlit as st

from pages.parts import controls
from pages.parts.compare_controls import overlap_controls
from pages.parts.compare_genes import choose_genes
from pages.parts.compare_results import results
from pages.parts.compare_sets import choose_sets
from pages.parts.compare_work import Question, compared
from pages.parts.edits import kept_edits
from pages.parts.navigation import enter
from pages.parts.sidebar import choices, needed_model
from pages.parts.start import start
from seq2exp.analysis.plain import foreign_data
from seq2exp.inference.posteriors import PosteriorStore

_INTRO = (
    "**Which elements did the model find that peak calling missed, and which peaks does it "
    "ignore?** A learned element is *shared* where peaks cover enough of it, else *learned-only*; "
    "a peak is *shared* where learned elements cover enough of it, else *peak-only*. Both counts "
    "are given, since one wide element can cover several peaks."
)
#: Up to so many genes whose masks are all kept are compared without being asked.
_AT_ONCE = 200
_ASKED = "comparison-asked"


def page() -> None:
    """Lay out the page."""
    enter()
    dataset, entries = start()
    st.title("Compare")
    st.markdown(_INTRO)
    middle, right = st.columns([2, 3])
    cell = controls.choose_cell(dataset, middle)
    entry = needed_model(entries, right)
    with st.sidebar:
        chosen = choices(dataset, cell, entry)
        overlap = overlap_controls()
        others = choose_sets(dataset, cell)
    genes = choose_genes(dataset, cell, entry, PosteriorStore.of(dataset, cell, entry))
    controls.explain_problems()
    note = foreign_data(entry.card, dataset.simulated)
    if note:
        st.caption(f":material/info: {note}")
    if kept_edits():
        st.caption(
            ":material/info: Edits of the inputs are not applied here: windows are compared as "
            "they were measured. The Browser and In silico show the edited one."
        )
    if not genes:
        st.stop()
    question = Question(
        dataset,
        cell,
        entry,
        genes,
        chosen.prior,
        chosen.rule,
        overlap.settings(chosen.elements),
        chosen.caller,
        chosen.parameters,
        others,
    )
    if asked(question):
        found = compared(question)
        if found is not None:
            results(question, found)


def asked(question: Question) -> bool:
    """Tell whether to compare: at once where that is quick, else when the button was pressed."""
    count = len(question.genes)
    if count == 1 or st.session_state.get(_ASKED) == question.whose():
        return True
    store = PosteriorStore.of(question.dataset, question.cell, question.entry)
    missing = len(store.missing(question.genes))
    if not missing and count <= _AT_ONCE:
        return True
    known = count - missing
    st.markdown(
        f"**{count:,} genes** in {question.cell}. Learned masks of {known:,} of them are kept; "
        f"{missing:,} are still to be found, which is done once. You can stop at any time and go "
        "on later."
    )
    st.button(
        f"Compare {count:,} genes",
        type="primary",
        icon=":material/play_arrow:",
        on_click=_ask,
        args=(question.whose(),),
    )
    return False


def _ask(whose: object) -> None:
    st.session_state[_ASKED] = whose


page()
