"""The browser's component: its markup, style and JavaScript, and what Python hands to it.

The page mounts it with ``st.components.v2.component(...)``; this package stays free of Streamlit.
``main.js`` keeps one Plotly figure alive across reruns, turns gestures and keys into a new view
and reports that view back, so that Python can bin the tracks for it.

State and triggers that the JavaScript sets:

=================  ==============================================================================
``viewport``       state, ``{"start", "end"}`` 0-based half-open: what is on screen now
``selection``      trigger, ``{"start", "end", "action"}`` after Shift-drag; the action is one of
                   the keys in ``actions``, except ``zoom``, which is done in place
``gene_clicked``   trigger, ``{"gene_id", "name"}``
``search``         trigger, ``true``: the user pressed ``/`` and no search box was found to focus
=================  ==============================================================================
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from seq2exp.genome.locus import Interval

#: What the menu after a Shift-drag offers: the action's name in the trigger, and its label.
ACTIONS: tuple[tuple[str, str], ...] = (
    ("zoom", "Zoom in"),
    ("highlight", "Highlight"),
    ("add", "Add to selection"),
    ("delete", "Delete in silico"),
    ("edit", "Edit the inputs here"),
)
HTML = '<div class="s2e-anchor"></div>'


def source() -> tuple[str, str, str]:
    """Return the component's HTML, CSS and JavaScript as text."""
    here = files(__name__)
    css = here.joinpath("main.css").read_text(encoding="utf-8")
    js = here.joinpath("main.js").read_text(encoding="utf-8")
    return HTML, css, js


def plotly_folder() -> Path:
    """Return the folder of the installed plotly package that holds ``plotly.min.js``."""
    import plotly

    return Path(plotly.__file__).parent / "package_data"


def payload(
    figure: Mapping[str, Any],
    viewport: Interval,
    window: Interval,
    plotly_url: str,
    elements: Iterable[tuple[int, int, str]] = (),
    peaks: Iterable[tuple[int, int, str]] = (),
    search_selector: str = "",
    actions: Sequence[tuple[str, str]] = ACTIONS,
    busy: str = "",
) -> dict[str, Any]:
    """Return the ``data`` that the component is mounted with.

    Parameters
    ----------
    figure : mapping
        From :func:`seq2exp.view.plotly.figure`. It travels as one JSON string: Streamlit
        serialises ``data`` several times per run, and a string is quick to copy.
    viewport, window : Interval
        What is on screen, and how far one can pan; 0-based half-open.
    plotly_url : str
        Where the page serves ``plotly.min.js``.
    elements, peaks : iterable of (start, end, name)
        Of the whole window, for the keys F, B, P and O.
    search_selector : str
        CSS selector of the search box that ``/`` focuses.
    actions : sequence of (str, str)
        What the menu after a Shift-drag offers.
    busy : str
        What is being computed, shown beside the locus; empty when nothing is.
    """
    return {
        "figure": json.dumps(figure, separators=(",", ":"), allow_nan=False),
        "chrom": window.chrom,
        "viewport": [viewport.start, viewport.end],
        "window": [window.start, window.end],
        "elements": _stops(elements),
        "peaks": _stops(peaks),
        "plotly_url": plotly_url,
        "search_selector": search_selector,
        "actions": [list(action) for action in actions],
        "busy": busy,
    }


def _stops(intervals: Iterable[tuple[int, int, str]]) -> list[list[int | str]]:
    return [[int(start), int(end), str(name)] for start, end, name in sorted(intervals)]
