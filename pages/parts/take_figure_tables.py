"""The tables of the publication figure's dialog: its rows in their order, and its highlights."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from pages.parts.take_selections import SELECTIONS
from pages.parts.take_shown import Shown
from seq2exp.errors import InputError
from seq2exp.export.figure import parse_highlight
from seq2exp.view.paper.highlights import COLOR, Highlight
from seq2exp.view.tracks import ViewSettings

#: What the tables held when the dialog was open last.
_ROWS, _MARKS = "figure-rows", "figure-marks"


def row_table(rows: Mapping[str, str], settings: ViewSettings, times: int) -> list[str]:
    """Ask which rows the figure has, and in which order; return their keys.

    Parameters
    ----------
    rows
        Key to title of those that there are, in the order of the screen.
    settings
        Which of them the screen shows.
    times
        Changes with every opening of the dialog. What was chosen in it stays for as long as the
        screen has the same rows.
    """
    screen = tuple((key, settings.shows(key)) for key in rows)
    frame = pd.DataFrame(
        {
            "show": [shows for _, shows in screen],
            "row": list(rows.values()),
            "place": [float(place) for place in range(1, len(rows) + 1)],
        },
        index=list(rows),
    )
    base = _base(_ROWS, (times, screen), frame, screen)
    edited = st.data_editor(
        base,
        key=f"{_ROWS}-{times}-{hash(screen)}",
        hide_index=True,
        height="content",
        column_config={
            "show": st.column_config.CheckboxColumn("Show", width="small"),
            "row": st.column_config.TextColumn("Row", disabled=True),
            "place": st.column_config.NumberColumn(
                "Place", help="1 is the top; 2.5 stands between 2 and 3.", width="small"
            ),
        },
        alt="The rows of the figure: whether each is drawn, and its place from the top.",
    )
    st.session_state[_ROWS]["latest"] = edited
    chosen = edited[edited["show"].astype(bool)].sort_values("place", kind="stable")
    return list(chosen.index)


def highlight_table(shown: Shown, times: int) -> list[Highlight]:
    """Ask which spans are marked, in which colour and with which label.

    Raises
    ------
    InputError
        Naming the row that is no highlight.
    """
    st.caption(
        "Spans marked through all rows. Those of the figure (Shift-drag, “Highlight”) and of the "
        "BED selection are listed; tick what is to be marked, or add a row with a locus."
    )
    listed = _listed(shown)
    kept = st.session_state.get(_MARKS)
    signature = tuple(listed["place"])
    if kept is not None and kept["of"] != (times, signature):
        listed = _merged(listed, kept["latest"], kept["of"][1])
    base = _base(_MARKS, (times, signature), listed, None)
    edited = st.data_editor(
        base,
        key=f"{_MARKS}-{times}-{hash(signature)}",
        hide_index=True,
        num_rows="dynamic",
        height="content",
        column_config={
            "mark": st.column_config.CheckboxColumn("Mark", default=True, width="small"),
            "place": st.column_config.TextColumn(
                "Span", help="A locus, 1-based: chr22:39,310,001-39,312,000", required=True
            ),
            "color": st.column_config.TextColumn(
                "Colour", default=COLOR, validate="^#[0-9a-fA-F]{6}$", width="small"
            ),
            "label": st.column_config.TextColumn("Label", help="Above the rows; may be empty."),
        },
        alt="Spans to mark: whether each is marked, its position, colour and label.",
    )
    st.session_state[_MARKS]["latest"] = edited
    return [
        _highlight(row, shown)
        for row in edited.fillna({"color": "", "label": "", "mark": False}).itertuples()
        if row.mark and isinstance(row.place, str)
    ]


def _base(name: str, of: tuple[object, ...], fresh: pd.DataFrame, screen: object) -> pd.DataFrame:
    """Return what a table starts from: the same for as long as it is on the screen.

    Parameters
    ----------
    name
        Of the table, in the session's state.
    of
        What the table on the screen is told by.
    fresh
        The table for who sees it first.
    screen
        A new table takes over what the last one held where this is the same; None: never.
    """
    kept = st.session_state.get(name)
    if kept is not None and kept["of"] == of:
        return kept["base"]
    again = kept is not None and screen is not None and kept["screen"] == screen
    base = kept["latest"] if again else fresh
    st.session_state[name] = {"of": of, "screen": screen, "base": base, "latest": base}
    return base


def _listed(shown: Shown) -> pd.DataFrame:
    """Return the highlights of the figure, to be marked, and the selection, to be chosen from."""
    window = shown.scene.interval
    rows = [(True, str(one), COLOR, "") for one in shown.highlights if one.overlaps(window)]
    for one in st.session_state.get(SELECTIONS, ()):
        if one.interval.overlaps(window):
            rows.append((False, str(one.interval), one.color, one.name))
    frame = pd.DataFrame(rows, columns=["mark", "place", "color", "label"])
    return frame.drop_duplicates("place", ignore_index=True).astype(
        {"mark": "bool", "place": "str", "color": "str", "label": "str"}
    )


def _merged(listed: pd.DataFrame, before: pd.DataFrame, given: Sequence[str]) -> pd.DataFrame:
    """Return what is listed now, as it was set before, and what was typed beside the `given`."""
    known = before.dropna(subset="place").drop_duplicates("place").set_index("place", drop=False)
    rows = [
        known.loc[row.place] if row.place in known.index else pd.Series(row._asdict())
        for row in listed.itertuples(index=False)
    ]
    typed = known[~known["place"].isin([*listed["place"], *given])]
    merged = pd.concat([pd.DataFrame(rows, columns=listed.columns), typed], ignore_index=True)
    return merged.fillna({"color": COLOR, "label": "", "mark": False}).astype(listed.dtypes)


def _highlight(row, shown: Shown) -> Highlight:
    try:
        return parse_highlight(f"{row.place}={row.color}={row.label}", shown.dataset.lengths)
    except InputError as error:
        raise InputError(f"Highlight “{row.place}”: {error}") from None
