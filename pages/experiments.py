"""In-silico experiments on one gene: deletions, saturation, windows, variants, and a check of them.

Each runs as a job when it is asked for; what it came to is kept by content, so that it stands here
again whenever data, gene, model, mask and edits are the same.
"""

import streamlit as st

from pages.parts.experiments_crispri import crispri
from pages.parts.experiments_deletion import deletion
from pages.parts.experiments_distal import distal
from pages.parts.experiments_saturation import saturation
from pages.parts.experiments_subject import choose
from pages.parts.experiments_variants import variants
from pages.parts.navigation import enter
from pages.parts.start import start

_INTRO = (
    "What becomes of the predicted expression of **one gene** when its window is changed? Every "
    "experiment starts from the gene, the model and the mask chosen here (they are the Browser's), "
    "and says what the *model* would expect, which is a hypothesis to test, not a measurement."
)
_TABS = {
    "Delete": deletion,
    "Saturation": saturation,
    "Does distal matter": distal,
    "Variants": variants,
    "CRISPRi check": crispri,
}


def page() -> None:
    """Lay out the page."""
    enter()
    dataset, entries = start()
    st.title("In silico")
    st.markdown(_INTRO)
    if dataset.simulated:
        st.markdown(":orange-badge[simulated] Nothing on this page was measured.")
    subject = choose(dataset, entries)
    tabs = st.tabs(list(_TABS), key="experiment", on_change="rerun", bind="query-params")
    # What stands on a tab is made when it is opened.
    for tab, show in zip(tabs, _TABS.values(), strict=True):
        if tab.open:
            with tab:
                show(subject)


page()
