"""A page with nothing but the browser's component, on a scene made in memory."""

import json
import sys
from pathlib import Path

import streamlit as st
from streamlit.components.v1 import declare_component

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "view"))

from scenes import TSS, make_scene

from seq2exp.genome.locus import Interval
from seq2exp.view.component import payload, plotly_folder, source
from seq2exp.view.plotly import figure
from seq2exp.view.rows import build_tracks
from seq2exp.view.tracks import ViewSettings

KEY = "browser"
st.set_page_config(layout="wide")
html, css, js = source()
served = declare_component("plotlyjs", path=str(plotly_folder()))
mount = st.components.v2.component(
    "seq2exp_browser", html=html, css=css, js=js, isolate_styles=False
)
scene = st.cache_resource(make_scene)()
window = scene.interval
state = st.session_state
state.setdefault("view", window)
state.setdefault("log", [])


def moved() -> None:
    seen = state[KEY].get("viewport")
    state.view = Interval(window.chrom, seen["start"], seen["end"])


def noted(name: str) -> None:
    value = state[KEY].get(name)
    if value:
        state.log.append([name, value])


@st.fragment
def show() -> None:
    state.runs = state.get("runs", 0) + 1
    settings = ViewSettings()
    marks = [
        Interval(window.chrom, value["start"], value["end"])
        for name, value in state.log
        if name == "selection" and value["action"] == "highlight"
    ]
    drawn = figure(
        build_tracks(scene, state.view, settings),
        state.view,
        window,
        settings,
        dark=st.context.theme.type == "dark",
        highlights=marks,
    )
    mount(
        key=KEY,
        data=payload(
            drawn,
            state.view,
            window,
            f"component/{served.name}/plotly.min.js",
            elements=[(e.interval.start, e.interval.end, e.name) for e in scene.elements],
            peaks=list(scene.peaks[["start", "end", "name"]].itertuples(index=False, name=None)),
            search_selector=".st-key-search input",
        ),
        on_viewport_change=moved,
        on_selection_change=lambda: noted("selection"),
        on_gene_clicked_change=lambda: noted("gene_clicked"),
        on_search_change=lambda: noted("search"),
    )
    known = {"view": [state.view.start, state.view.end], "log": state.log, "runs": state.runs}
    with st.container(key="known"):
        st.code(json.dumps(known), language=None, wrap_lines=True)
    if st.button("Go to the TSS"):
        state.view = Interval(window.chrom, TSS - 5_000, TSS + 5_000)
        st.rerun(scope="fragment")


st.text_input("Search", key="search")
if not st.checkbox("Leave"):
    show()
