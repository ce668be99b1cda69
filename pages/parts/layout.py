"""The table of tracks: which rows the figure has, in which order, how high, on which scale."""

import pandas as pd
import streamlit as st

from seq2exp.export.session import TrackSetting
from seq2exp.view.tracks import PALETTE, ROW_HEIGHTS, ROW_ORDER, ROW_TITLES, ViewSettings

#: Counts the sessions opened: the table of tracks begins anew with each.
TRACK_TABLE = "track-table"
#: What an opened session says about the tracks; it stands in the table until edited.
TRACKS_OF_SESSION = "tracks-of-session"


def track_controls(user_names: list[str]) -> ViewSettings:
    """Ask which rows are shown, in which order, how high, and on which scale."""
    with st.expander("Tracks", icon=":material/tune:"):
        table = st.data_editor(
            _track_rows(tuple(user_names), st.session_state.get(TRACKS_OF_SESSION, ())),
            key=f"{TRACK_TABLE}-{st.session_state.get(TRACK_TABLE, 0)}",
            hide_index=True,
            height="content",
            column_order=["show", "row", "order", "height", "scale", "top", "color"],
            column_config={
                "show": st.column_config.CheckboxColumn("Show", width="small"),
                "row": st.column_config.TextColumn("Track", disabled=True),
                "order": st.column_config.NumberColumn("Place", help="1 is the top", width="small"),
                "height": st.column_config.NumberColumn(
                    "Height (px)", min_value=16, max_value=400, width="small"
                ),
                "scale": st.column_config.SelectboxColumn(
                    "Scale", options=["linear", "log1p"], width="small"
                ),
                "top": st.column_config.TextColumn(
                    "Top", help="max, p99 (99th percentile) or a number", width="small"
                ),
                "color": st.column_config.TextColumn(
                    "Colour",
                    help="#RRGGBB",
                    validate="^#[0-9a-fA-F]{6}$",
                    required=True,
                    width="small",
                ),
            },
        )
        same_scale = st.toggle("DNase and H3K27ac on one scale", key="grouped")
        every_transcript = st.toggle("Every transcript on a line of its own", key="expanded")
        view_scale = st.toggle(
            "Scale to the part on screen", key="autoscale", help="Otherwise to the whole window."
        )
    settings = ViewSettings(
        order=("ruler", *table.sort_values("order", kind="stable")["key"]),
        expand_genes=every_transcript,
        autoscale="view" if view_scale else "window",
    )
    for row in table.itertuples():
        # A row of its usual height may grow with its content, as the genes do.
        usual = ROW_HEIGHTS[_kind(row.key)]
        settings = settings.with_track(
            row.key,
            visible=bool(row.show),
            height=None if pd.isna(row.height) or row.height == usual else float(row.height),
            scale=row.scale or "linear",
            color=None if row.color == PALETTE[_kind(row.key)] else row.color,
        )
        settings = settings.with_track(row.key, ymax=_top(row.top, row.row))
    if same_scale:
        for key in ("dnase", "h3k27ac"):
            settings = settings.with_track(key, group="signals")
    return settings


def _top(text: str, title: str) -> str | float:
    """Read what stands in the column Top of the track table."""
    if text in ("max", "p99"):
        return text
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = 0.0
    if value > 0:
        return value
    st.warning(f"{title}: the top of the scale is max, p99 or a number above 0, not “{text}”.")
    return "max"


def _kind(key: str) -> str:
    """Return the kind of a row: that of the user's own rows is ``user``."""
    return key.split(":", maxsplit=1)[0]


@st.cache_data(show_spinner=False)
def _track_rows(user_names: tuple[str, ...], kept: tuple[TrackSetting, ...]) -> pd.DataFrame:
    """Return the table of tracks: a session's rows in its order, then the others'."""
    titles = {key: ROW_TITLES[key] for key in ROW_ORDER if key != "ruler"}
    titles |= {f"user:{i}": name for i, name in enumerate(user_names)}
    known = {one.key: one for one in kept if one.key in titles}
    keys = [*known, *(key for key in titles if key not in known)]
    rows = [known.get(key) or TrackSetting(key, visible=key != "triangle") for key in keys]
    return pd.DataFrame(
        {
            "key": keys,
            "show": [one.visible for one in rows],
            "row": [titles[key] for key in keys],
            "order": range(1, len(rows) + 1),
            "height": [int(one.height or ROW_HEIGHTS[_kind(one.key)]) for one in rows],
            "scale": [one.scale or "linear" for one in rows],
            "top": [str(one.limit or "max") for one in rows],
            "color": [one.color or PALETTE[_kind(one.key)] for one in rows],
        }
    )
