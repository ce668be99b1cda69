"""A table with what one must know to read it, and ways to take it along."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

ROW_PX = 35
HIGHEST_PX = 640
UNKNOWN = "–"
#: Of the best values, which are bold, too: reads on white and on black.
BEST = "background-color: rgba(86, 180, 233, 0.25); font-weight: 700"


@dataclass(frozen=True)
class Column:
    """How a column is headed: its name, what it is (unit, denominator), and how numbers look."""

    label: str
    about: str = ""
    format: str = ""
    width: int | None = None
    pinned: bool = False

    def config(self) -> Any:
        """Return Streamlit's description of it."""
        more = {"help": self.about or None, "width": self.width, "pinned": self.pinned or None}
        if self.format:
            return st.column_config.NumberColumn(self.label, format=self.format, **more)
        return st.column_config.Column(self.label, **more)

    def text(self, value: Any) -> str:
        """Write a value as the page shows it."""
        if pd.isna(value):
            return UNKNOWN
        if self.format == "percent":
            return f"{value:.2%}"
        if self.format == "localized":
            return f"{value:,.0f}"
        return self.format % value if self.format else str(value)


def table(
    shown: pd.DataFrame,
    sentence: str,
    key: str,
    columns: Mapping[str, Column],
    raw: pd.DataFrame | None = None,
    best: Mapping[str, pd.Series] | None = None,
) -> None:
    """Show a table, what explains it, and buttons that save it as CSV and as Markdown.

    Parameters
    ----------
    shown
        One row a line of the table; `columns` says which columns and in which order.
    sentence
        What the rows and numbers are.
    key
        Streamlit key, and the stem of the files' names.
    columns
        By column of `shown`; those that `shown` lacks are left out.
    raw
        What is saved as CSV, in full precision; None: `shown`.
    best
        By column, which rows hold its best values; they are marked.
    """
    marked = {name: rows for name, rows in (best or {}).items() if rows.any()}
    st.caption(sentence + (" The best of a column is shaded and bold." if marked else ""))
    order = [name for name in columns if name in shown]
    texts = shown[order].reset_index(drop=True)
    marks = pd.DataFrame("", texts.index, texts.columns)
    for name, rows in marked.items():
        marks.loc[rows.to_numpy(), name] = BEST
    st.dataframe(
        texts.style.apply(lambda _: marks, axis=None) if marked else texts,
        hide_index=True,
        height=min(3 + ROW_PX * (max(len(texts), 1) + 1), HIGHEST_PX),
        column_config={name: columns[name].config() for name in order},
        placeholder=UNKNOWN,
        alt=sentence,
    )
    saved = shown if raw is None else raw
    row = st.container(horizontal=True, gap="small")
    row.download_button(
        "CSV",
        lambda: saved.to_csv(index=False),
        f"{key}.csv",
        "text/csv",
        key=f"csv-{key}",
        icon=":material/download:",
        help="The numbers in full precision.",
        on_click="ignore",
        type="tertiary",
    )
    row.download_button(
        "Markdown",
        lambda: to_markdown(texts, columns, marks),
        f"{key}.md",
        "text/markdown",
        key=f"md-{key}",
        icon=":material/download:",
        help="The table as it is shown, for a report.",
        on_click="ignore",
        type="tertiary",
    )


def to_markdown(texts: pd.DataFrame, columns: Mapping[str, Column], marks: pd.DataFrame) -> str:
    """Return a table as it is shown, marked cells bold; `marks` is not empty where one is."""
    # Its package brings all that evaluates models along.
    from seq2exp.analysis.evaluate.tables import markdown

    rows = []
    for values, signs in zip(
        texts.itertuples(index=False, name=None),
        marks.itertuples(index=False, name=None),
        strict=True,
    ):
        cells = {}
        for name, value, sign in zip(texts.columns, values, signs, strict=True):
            text = columns[name].text(value)
            cells[columns[name].label] = f"**{text}**" if sign else text
        rows.append(cells)
    return markdown(rows)
