"""The data: what is loaded, how its tracks look at a gene, and adding one's own cell type."""

import streamlit as st

from pages.parts import controls, resources
from pages.parts.data_added import added, say_what_happened
from pages.parts.data_form import ask
from pages.parts.data_loaded import known_files, loaded
from pages.parts.data_preview import preview
from pages.parts.data_verdicts import verdicts
from pages.parts.navigation import enter
from pages.parts.sidebar import name_data
from pages.parts.start import start
from seq2exp.datasets.catalog import Dataset

_INTRO = (
    "**Which files is everything in this app computed from, and how do I add my own cell type?** "
    "*Loaded* lists them by content, *Tracks at a gene* shows them side by side, and *Add a cell "
    "type* checks your files before it takes them."
)
_TABS = ("Loaded", "Tracks at a gene", "Add a cell type")


def page() -> None:
    """Lay out the page."""
    enter()
    dataset, _ = start()
    st.title("Data")
    st.markdown(_INTRO)
    controls.explain_problems()
    say_what_happened(dataset)
    with st.sidebar:
        name_data(dataset)
    files = known_files(dataset)
    if files is None:
        st.stop()
    one, two, three = st.tabs(list(_TABS), key="data", on_change="rerun", bind="query-params")
    # What stands on the first two tabs is made when they are opened.
    if one.open:
        with one:
            loaded(dataset, files)
    if two.open:
        with two:
            preview(dataset)
    with three:
        # Always, so that the form keeps what was given, uploads too, while one looks at the others.
        add_cell(dataset)


def add_cell(dataset: Dataset) -> None:
    """Ask for the files of a cell type, show what the checks say, and list those added before."""
    store = resources.store_of_opened()
    st.markdown(
        "Give at least a DNase and an H3K27ac bigWig. Nothing is added before you have seen what "
        "the checks say, and the data set itself is never changed: what you add is kept beside it "
        "and can be removed again."
    )
    given, entry = ask(dataset, store)
    if given is not None:
        verdicts(dataset, store, given, entry)
    added(dataset, store)


page()
