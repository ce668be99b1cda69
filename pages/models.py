"""The models: which there are, how well each does, and which one the Browser opens with.

The numbers are those of the models' cards and of ``seq2exp evaluate``; nothing is computed here
but means over seeds.
"""

import streamlit as st

from pages.parts import resources
from pages.parts.models_calibration import calibration
from pages.parts.models_card import card, curves, headline
from pages.parts.models_list import choose, overview
from pages.parts.models_results import benchmarks, choose_results
from pages.parts.navigation import enter
from pages.parts.opening import open_in_browser
from seq2exp.analysis.cards import has_mask
from seq2exp.analysis.results import Results
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import ModelEntry

_INTRO = (
    "Each model reads the DNA and the measured signals around a gene and predicts how strongly the "
    "gene is expressed; those with a **mask** also say which bases they used. Here you see how far "
    "to trust them: predictions beside measurements on chromosomes that no model saw in training, "
    "masks beside what is known to be regulatory, and simpler methods beside both."
)


def page() -> None:
    """Lay out the page."""
    enter()
    resources.write_log()
    st.title("Models")
    st.markdown(_INTRO)
    try:
        resources.arguments()
        entries = resources.all_models()
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()
    entry = choose(entries)
    overview(entries, entry)
    # One message says what is wrong with the results; the models are shown nevertheless.
    results, problem = None, ""
    try:
        results = choose_results()
    except InputError as error:
        problem = str(error)
        st.error(problem, icon=":material/error:")
    if entry is not None:
        one_model(entry, results, problem)
    if not problem:
        st.header("Benchmarks", anchor="benchmarks", divider="gray")
        benchmarks(results, entries)


def one_model(entry: ModelEntry, results: Results | None, problem: str) -> None:
    """Show what is known of the active model."""
    st.header(entry.title, anchor="model", divider="gray")
    headline(entry)
    if has_mask(entry.card) and st.button(
        "Open in the Browser",
        icon=":material/genetics:",
        help="The Browser then shows this model's mask; so it does when you go there by the menu.",
    ):
        open_in_browser()
    names = ["Predicted and measured", "Learning curves", "Card"]
    # What stands on a tab is computed when it is opened.
    scatter, learning, about = st.tabs(names, key="model-tab", on_change="rerun")
    if scatter.open:
        with scatter:
            calibration(entry, results, problem)
    if learning.open:
        with learning:
            curves(entry)
    if about.open:
        with about:
            card(entry)


page()
