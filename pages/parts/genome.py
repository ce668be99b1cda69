"""The genome figure: the browser's component, mounted so that panning reruns nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.components import v1

from pages.parts.edits import edit_here
from pages.parts.experiments_kept import delete_span
from pages.parts.take_selections import SELECTIONS, unused_name
from seq2exp.export.session import Selection
from seq2exp.genome.locus import Interval
from seq2exp.view import component
from seq2exp.view.plotly import figure
from seq2exp.view.rows import build_tracks
from seq2exp.view.scene import Scene
from seq2exp.view.tracks import ViewSettings

KEY = "browser"
SEARCH_BOX = "[data-testid='stMain'] [data-testid='stSelectbox'] input"
#: Text of the search that the camera was last set for.
SHOWN = "shown-place"
#: What the page does with a gesture; each callback leaves its wish in the session under this key.
WISH = "rerun-wanted"


@dataclass(frozen=True, eq=False)
class Picture:
    """What the figure shows, apart from which part of it.

    Attributes
    ----------
    scene, settings
        The domain objects and how they are shown.
    window : Interval
        The part of the window that lies on the chromosome, and can be looked at.
    busy : str
        What is being computed; empty when nothing is.
    actions : sequence of (str, str)
        What one may do with a span, as in `component.ACTIONS`.
    """

    scene: Scene
    settings: ViewSettings
    window: Interval
    busy: str
    actions: Sequence[tuple[str, str]] = component.ACTIONS


@st.cache_resource(show_spinner=False)
def _component():
    html, css, js = component.source()
    # Plotly puts its styles into the page, where a shadow root would not see them.
    return st.components.v2.component(
        "seq2exp_browser", html=html, css=css, js=js, isolate_styles=False
    )


def _plotly_url() -> str:
    """Serve the plotly package's own plotly.min.js, and return where."""
    served = v1.declare_component("plotlyjs", path=str(component.plotly_folder()))
    return f"component/{served.name}/plotly.min.js"


@dataclass
class Camera:
    """Where one browser session looks; shared with download threads, which see no session state."""

    region: Interval | None = None

    def on(self, window: Interval) -> Interval:
        """Return the part of the window on screen; all of it where the region lies elsewhere."""
        part = None if self.region is None else self.region.intersection(window)
        return window if part is None or part.width == 0 else part


def camera() -> Camera:
    """Return this session's camera."""
    return st.session_state.setdefault("camera", Camera())


def look_at(region: Interval | None) -> None:
    """Move the view; None is the whole window."""
    camera().region = region


@st.fragment
def genome_figure(picture: Picture) -> None:
    """Show the figure; a rerun of this fragment alone draws another part of it."""
    if st.session_state.pop(WISH, False):
        st.rerun()
    scene, settings = picture.scene, picture.settings
    window = picture.window
    view = camera().on(window)
    _remember_in_address(view, window)
    specs = build_tracks(scene, view, settings)
    marks = st.session_state.get("highlights", [])
    drawn = figure(
        specs,
        view,
        window,
        settings,
        dark=st.context.theme.type == "dark",
        highlights=[mark for mark in marks if mark.chrom == window.chrom],
    )
    peaks = scene.peaks
    inside = [] if peaks is None else peaks[peaks["chrom"] == window.chrom]
    stops = (
        []
        if peaks is None
        else [
            (row.start, row.end, row.name)
            for row in inside.itertuples(index=False)
            if row.end > window.start and row.start < window.end
        ]
    )
    _component()(
        key=KEY,
        data=component.payload(
            drawn,
            view,
            window,
            _plotly_url(),
            elements=[(e.interval.start, e.interval.end, e.name) for e in scene.elements],
            peaks=stops,
            search_selector=SEARCH_BOX,
            actions=picture.actions,
            busy=picture.busy,
        ),
        on_viewport_change=_moved(window),
        on_selection_change=_selected(window.chrom),
        on_gene_clicked_change=_gene_clicked,
        on_search_change=lambda: None,
    )


def _remember_in_address(view: Interval, window: Interval) -> None:
    """Keep the region in the page's address, so that the link restores the view."""
    if view == window:
        if "region" in st.query_params:
            del st.query_params["region"]
        return
    text = str(Interval(view.chrom, max(view.start, 0), view.end))
    if st.query_params.get("region") != text:
        st.query_params["region"] = text


def _moved(window: Interval):
    def callback() -> None:
        seen = st.session_state[KEY].get("viewport")
        if seen:
            look_at(Interval(window.chrom, int(seen["start"]), int(seen["end"])))

    return callback


def _selected(chrom: str):
    def callback() -> None:
        made = st.session_state[KEY].get("selection")
        if not made:
            return
        span = Interval(chrom, int(made["start"]), int(made["end"]))
        if made["action"] == "highlight":
            st.session_state.setdefault("highlights", []).append(span)
            return
        if made["action"] == "delete":
            delete_span(span)
        elif made["action"] == "edit":
            edit_here(span)
        else:
            rows = st.session_state.setdefault(SELECTIONS, [])
            rows.append(Selection(span.chrom, span.start, span.end, name=unused_name(rows)))
        st.session_state[WISH] = True

    return callback


def _gene_clicked() -> None:
    clicked = st.session_state[KEY].get("gene_clicked")
    if clicked:
        st.session_state["gene"] = clicked["name"]
        look_at(None)
        st.session_state[WISH] = True
