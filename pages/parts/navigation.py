"""The app's pages, and the way to them for who comes by a page's own address.

Until `st.navigation` has run once in a server, Streamlit takes a folder called pages for its older
kind of app: whoever asks for a page first would get that page alone, without what app.py sets up.
"""

from collections.abc import Mapping

import streamlit as st
from streamlit.navigation.page import Page

from pages.parts import resources
from seq2exp.export.session import QUERY

BROWSER = "pages/browser.py"
_PLACED = tuple(key for key in QUERY if key != "region")
#: By page (the end of its address): the controls that it shares with the others, by their keys;
#: those of the other pages share the model alone.
_SHARED = {
    "": tuple(QUERY),
    "compare": _PLACED,
    "experiments": _PLACED,
    "data": ("gene", "model"),
}
_ENTERED = "entered"
_LEAVE = "leave"
_PAGE = "page-on-show"


def navigation() -> Page:
    """Set up the browser's tab, register the pages, and return the one asked for, to be run."""
    st.session_state[_ENTERED] = True
    # First: without it Streamlit would fetch a page's icon from elsewhere to show it in the tab.
    st.set_page_config(page_title="Seq2Exp Browser", page_icon="🧬", layout="wide")
    browser = st.Page(BROWSER, title="Browser", icon=":material/genetics:", default=True)
    compare = st.Page("pages/compare.py", title="Compare", icon=":material/join_inner:")
    silico = st.Page("pages/experiments.py", title="In silico", icon=":material/experiment:")
    models = st.Page("pages/models.py", title="Models", icon=":material/school:")
    data = st.Page("pages/data.py", title="Data", icon=":material/database:")
    page = st.navigation([browser, compare, silico, models, data])
    if st.session_state.get(_PAGE) != page.url_path:
        st.session_state[_PAGE] = page.url_path
        _take_choices_along(page.url_path)
    return page


def _take_choices_along(to: str) -> None:
    """Let what was chosen before stand on the page that is opened now, and in its address.

    Streamlit keeps the values of controls from page to page, but a control that is new on a page
    shows its value only where it is set anew, and the address loses it.
    """
    kept = {}
    for key in _SHARED.get(to, ("model",)):
        value = st.session_state.get(key)
        if value is None:
            continue
        if to in _SHARED and key == "model" and value not in resources.models():
            # The Models page also has models without a mask, which the others cannot show.
            del st.session_state[key]
            continue
        st.session_state[key] = value
        kept[key] = f"{value:.12g}" if isinstance(value, float) else str(value)
    st.query_params.update(kept)


def enter() -> None:
    """Start again through app.py where a page runs without it; the first thing a page does.

    And go where `leave` was told to.
    """
    if _ENTERED not in st.session_state:
        navigation()
        st.rerun()
    choices = st.session_state.pop(_LEAVE, None)
    if choices is not None:
        # Before the page's controls of these keys are there, which could not be set any more.
        st.session_state.update(choices)
        # Without parameters of its own, Streamlit refuses to drop those that belong to controls.
        st.switch_page(BROWSER, query_params={})


def leave(choices: Mapping[str, str] | None = None) -> None:
    """Go to the Browser, at the start of the next run.

    By then no control of this page is there that would hold on to its parameter in the address.

    Parameters
    ----------
    choices
        Values of the Browser's controls, by their keys; None: as they are.
    """
    st.session_state[_LEAVE] = dict(choices or {})
    st.rerun()
