"""A table of the comparison: what its rows are, and TSV and Parquet files with units."""

import io
import zipfile
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pages.parts.models_table import HIGHEST_PX, ROW_PX, UNKNOWN, Column
from seq2exp.analysis.compare.units import units_of
from seq2exp.export.tables import write_table

_MIME = {"tsv": "text/tab-separated-values", "parquet": "application/vnd.apache.parquet"}
_NAMES = {"tsv": "TSV", "parquet": "Parquet"}
#: Rows that are sent to the screen; files have all of them.
MOST = 2_000


def table(
    name: str,
    shown: pd.DataFrame,
    sentence: str,
    columns: Mapping[str, Column],
    about: Mapping[str, str],
    raw: pd.DataFrame | None = None,
    *,
    key: str = "",
    select: bool = False,
) -> list[int]:
    """Show a table with what explains it and its files; return the numbers of selected rows.

    Parameters
    ----------
    name
        Of `Comparison.tables`, which knows the units of its columns; stem of the files' names.
    shown
        One row a line; `columns` says which columns and in which order.
    sentence
        What the rows and numbers are.
    about
        What the table is of, for the files.
    raw
        What the files hold, in full precision; None: `shown`.
    key
        Streamlit key; it changes with the content where rows can be selected.
    select
        Whether a row can be.
    """
    more = len(shown) - MOST
    if more > 0:
        sentence += f" The first {MOST:,} of {len(shown):,} rows; the files have all of them."
    st.caption(sentence)
    order = [column for column in columns if column in shown]
    texts = shown[order].head(MOST).reset_index(drop=True)
    options = {"on_select": "rerun", "selection_mode": "multi-row"} if select else {}
    event = st.dataframe(
        texts,
        key=key or f"table-{name}",
        hide_index=True,
        height=min(3 + ROW_PX * (max(len(texts), 1) + 1), HIGHEST_PX),
        column_config={column: columns[column].config() for column in order},
        placeholder=UNKNOWN,
        alt=sentence,
        **options,
    )
    files(name, shown if raw is None else raw, about)
    return list(event.selection.rows) if select else []


def files(name: str, raw: pd.DataFrame, about: Mapping[str, str]) -> None:
    """Offer one table as TSV and as Parquet; each is made when its button is pressed."""
    row = st.container(horizontal=True, gap="small")
    for fmt, label in _NAMES.items():
        row.download_button(
            label,
            lambda fmt=fmt: write_table(raw, fmt, units_of(name, raw), about),
            f"compare-{name}.{fmt}",
            _MIME[fmt],
            key=f"{fmt}-{name}",
            icon=":material/download:",
            help="The numbers in full precision, every column with its unit.",
            on_click="ignore",
            type="tertiary",
        )


def all_files(tables: Mapping[str, pd.DataFrame], about: Mapping[str, str]) -> None:
    """Offer all tables as one zip of TSV or Parquet files."""
    row = st.container(horizontal=True, gap="small")
    for fmt, label in _NAMES.items():
        row.download_button(
            f"All tables ({label}, zip)",
            lambda fmt=fmt: _zip(tables, fmt, about),
            f"compare-{fmt}.zip",
            "application/zip",
            key=f"zip-{fmt}",
            icon=":material/folder_zip:",
            on_click="ignore",
        )


def _zip(tables: Mapping[str, pd.DataFrame], fmt: str, about: Mapping[str, str]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, frame in tables.items():
            content = write_table(frame, fmt, units_of(name, frame), about)
            archive.writestr(f"{name}.{fmt}", content)
    return sink.getvalue()
