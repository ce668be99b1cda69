"""The app's pages, and the way to them for who comes by a page's own address.

Until `st.navigation` has run once in a server, Streamlit takes a folder called pages for its older
kind of app: whoever asks for a page first would get that page alone, without what app.py sets up.
"""

import streamlit as st
from streamlit.navigation.page import Page

from pages.parts import resources
from seq2exp.export.session import QUERY

BROWSER = "pages/browser.py"
_ENTERED = "entered"
_LEAVE = "leave"
_PAGE = "page-on-show"


def navigation() -> Page:
    """Set up the browser's tab, register the pages, and return the one asked for, to be run."""
    st.session_state[_ENTERED] = True
    # First: without it Streamlit would fetch a page's icon from elsewhere to show it in the tab.
    st.set_page_config(page_title="Seq2Exp Browser", page_icon="🧬", layout="wide")
    browser = st.Page(BROWSER, title="Browser", icon=":material/genetics:", default=True)
    models = st.Page("pages/models.py", title="Models", icon=":material/school:")
    page = st.navigation([browser, models])
    if st.session_state.get(_PAGE) != page.url_path:
        st.session_state[_PAGE] = page.url_path
        _take_choices_along(page is browser)
    return page


def _take_choices_along(to_browser: bool) -> None:
    """Let what was chosen before stand on the page that is opened now, and in its address.

    Streamlit keeps the values of controls from page to page, but a control that is new on a page
    shows its value only where it is set anew, and the address loses it.
    """
    kept = {}
    for key in QUERY if to_browser else ("model",):
        value = st.session_state.get(key)
        if value is None:
            continue
        if to_browser and key == "model" and value not in resources.models():
            # The Models page also has models without a mask, which the Browser cannot show.
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
    if st.session_state.pop(_LEAVE, False):
        # Without parameters of its own, Streamlit refuses to drop those that belong to controls.
        st.switch_page(BROWSER, query_params={})


def leave() -> None:
    """Go to the Browser, at the start of the next run.

    By then no control of this page is there that would hold on to its parameter in the address.
    """
    st.session_state[_LEAVE] = True
    st.rerun()
