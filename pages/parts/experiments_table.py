"""A table of an experiment: its rows for reading, and files with units to take along."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.models_table import HIGHEST_PX, ROW_PX, UNKNOWN, Column
from pages.parts.opening import open_in_browser
from pages.parts.tables import add_to_selection
from pages.parts.work import Setting
from seq2exp.export.tables import write_table
from seq2exp.genome.locus import Interval
from seq2exp.view.experiment_figures import KIND_COLORS


@dataclass(frozen=True)
class Download:
    """One more file of a table: its button, the end of its name, and what makes its text."""

    label: str
    suffix: str
    make: Callable[[], str]


@dataclass(frozen=True, eq=False)
class Files:
    """What is taken along of a table.

    Attributes
    ----------
    stem
        How the files' names begin.
    frame, units
        The table in full precision, and the units of its columns.
    about
        What it is of, key by key; stands in the files.
    more
        Further files.
    """

    stem: str
    frame: pd.DataFrame
    units: Mapping[str, str]
    about: Mapping[str, str]
    more: tuple[Download, ...] = field(default=())


def result_table(
    shown: pd.DataFrame,
    sentence: str,
    key: str,
    columns: Mapping[str, Column],
    files: Files,
    places: pd.DataFrame | None = None,
) -> None:
    """Show a table with what explains it, a way to the Browser, and files.

    Parameters
    ----------
    shown
        One row a line; `columns` says which columns and in which order.
    sentence
        What the rows and numbers are.
    key
        Streamlit key; the table's own goes with its content, too, so that rows that are picked are
        never others than they were.
    columns
        By column of `shown`.
    files
        What is taken along.
    places
        chrom, start, end (0-based half-open) of each row of `shown`, to be opened in the Browser,
        and perhaps a name, and what it is (`of`, a key of `KIND_COLORS`), to be added to the BED
        selection; None: rows have no place.
    """
    st.caption(sentence)
    order = [name for name in columns if name in shown]
    more = {} if places is None else {"on_select": "rerun", "selection_mode": "multi-row"}
    content = hash(pd.util.hash_pandas_object(shown[order], index=False).to_numpy().tobytes())
    event = st.dataframe(
        shown[order],
        key=f"table-{key}-{content}",
        hide_index=True,
        height=min(3 + ROW_PX * (max(len(shown), 1) + 1), HIGHEST_PX),
        column_config={name: columns[name].config() for name in order},
        placeholder=UNKNOWN,
        alt=sentence,
        **more,
    )
    row = st.container(horizontal=True, gap="small", key=f"below-{key}")
    if places is not None:
        _actions(row, places.iloc[event.selection.rows], key)
    for label, fmt in (("TSV", "tsv"), ("Parquet", "parquet")):
        _file(
            row,
            files,
            label,
            fmt,
            lambda fmt=fmt: write_table(files.frame, fmt, files.units, files.about),
        )
    for one in files.more:
        _file(row, files, one.label, one.suffix, one.make)


def _actions(row: DeltaGenerator, picked: pd.DataFrame, key: str) -> None:
    """Offer to look at the rows that are picked, and to keep them."""
    if row.button(
        "Show in the Browser",
        key=f"show-{key}",
        disabled=picked.empty,
        icon=":material/genetics:",
        help="Pick rows by the boxes on the left; the Browser then shows where they lie.",
    ):
        low, high = int(picked["start"].min()), int(picked["end"].max())
        open_in_browser(region=Interval(str(picked["chrom"].iloc[0]), low, high))
    if "of" in picked and row.button(
        "Add to selection",
        key=f"add-{key}",
        disabled=picked.empty,
        icon=":material/playlist_add:",
        help="The BED selection of the Browser takes the rows that are picked.",
    ):
        for kind, rows in picked.groupby("of", sort=False):
            add_to_selection(rows, KIND_COLORS[str(kind)])
        st.rerun()


def _file(
    box: DeltaGenerator, files: Files, label: str, suffix: str, make: Callable[[], str | bytes]
) -> None:
    box.download_button(
        label,
        make,
        f"{files.stem}.{suffix}",
        "application/octet-stream" if suffix == "parquet" else "text/plain",
        key=f"take-{files.stem}-{suffix}",
        icon=":material/download:",
        on_click="ignore",
        type="tertiary",
        disabled=files.frame.empty,
    )


def about_of(setting: Setting, dataset_name: str, **more: str) -> dict[str, str]:
    """Return what a table is of, for its files: data set, gene, cell type, model, mask, edits."""
    window, predictor = setting.window, setting.predictor
    rule, prior = setting.rule, setting.prior or setting.trained.prior
    edits = {}
    if setting.edits:
        edits = {"edited inputs": "; ".join(edit.describe() for edit in setting.edits)}
    number = {"soft": "", "hard": f" at {rule.threshold:g}", "top": f" {rule.fraction:g}"}
    return {
        "data set": dataset_name,
        "gene": f"{window.gene.name} ({window.gene.id})",
        "cell type": window.cell,
        "model": predictor.model_id,
        "mask": f"{rule.mode}{number[rule.mode]}, prior mean {prior.mean:.3g}, strength "
        f"{prior.strength:.3g}",
        **edits,
        **more,
    }


def notes(lines: tuple[str, ...]) -> None:
    """Show the sentences that belong beside the numbers."""
    for line in lines:
        st.caption(f":material/info: {line}")
