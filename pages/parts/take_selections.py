"""The BED selection: a table to name, colour and annotate it in, and a file to bring it back."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import count

import pandas as pd
import streamlit as st

from seq2exp.errors import InputError
from seq2exp.export.selections import parse_selections
from seq2exp.export.session import Selection
from seq2exp.genome.locus import to_one_based
from seq2exp.tracks.narrowpeak import text_of

SELECTIONS = "selections"
_TABLE = "selection-table"
_UPLOAD = "selection-upload"
#: What came of the uploaded file: whether it was taken, and what to say.
_SAID = "selection-upload-said"


def selection_table(lengths: Mapping[str, int]) -> list[Selection]:
    """Show the BED selection, to be edited, pruned and filled from a file; return it.

    Parameters
    ----------
    lengths
        Chromosome lengths in bp, to check a file against.
    """
    kept: list[Selection] = st.session_state.setdefault(SELECTIONS, [])
    if kept:
        kept = _edit(kept)
    else:
        st.info(
            "Nothing selected yet. Shift-drag over the figure, pick rows of a table, or open a BED "
            "file."
        )
    _open_file(lengths)
    return kept


def selection_frame(selections: Iterable[Selection]) -> pd.DataFrame:
    """Return selections as a table: chrom, start, end (0-based half-open), name, color, note."""
    columns = ["chrom", "start", "end", "name", "color", "note"]
    return pd.DataFrame([asdict(one) for one in selections], columns=columns)


def unused_name(kept: Iterable[Selection]) -> str:
    """Return what a new span is called: ``selection_`` and the first number that is free."""
    taken = {one.name for one in kept}
    return next(name for i in count(1) if (name := f"selection_{i}") not in taken)


@dataclass
class _Table:
    """What the table on the screen began with, and what it holds after all edits so far.

    Were it given the edited rows, it would begin anew with every edit, and lose the next one of
    somebody who types fast.
    """

    number: int
    base: tuple[Selection, ...]
    held: tuple[Selection, ...]

    @property
    def key(self) -> str:
        return f"selection-table-{self.number}"


def _table(kept: list[Selection]) -> _Table:
    """Return the table on the screen, or a new one where the list was changed elsewhere."""
    table = st.session_state.get(_TABLE)
    # On another page, Streamlit forgets the edits of a table.
    if table is None or table.held != tuple(kept) or table.key not in st.session_state:
        number = 0 if table is None else table.number + 1
        table = st.session_state[_TABLE] = _Table(number, tuple(kept), tuple(kept))
    return table


def _edit(kept: list[Selection]) -> list[Selection]:
    """Show the list to be edited; return it as it is afterwards."""
    st.caption(
        "Names, colours and notes can be edited here; pick rows on the left to delete them. The "
        "tab Download has the list as BED, TSV and Parquet, and a session keeps it, too."
    )
    table = _table(kept)
    frame = selection_frame(table.base)
    shown = frame.assign(
        start=[to_one_based(start) for start in frame["start"]],
        length=frame["end"] - frame["start"],
        swatch="",
    )
    edits = st.session_state.get(table.key, {}).get("edited_rows", {})
    colors = [edits.get(i, {}).get("color") or color for i, color in enumerate(frame["color"])]
    edited = st.data_editor(
        shown.style.apply(
            lambda _: [f"background-color: {color}" for color in colors], subset=["swatch"]
        ),
        key=table.key,
        hide_index=True,
        num_rows="delete",
        disabled=["chrom", "start", "end", "length", "swatch"],
        column_order=["chrom", "start", "end", "length", "name", "color", "swatch", "note"],
        column_config={
            "chrom": st.column_config.TextColumn("Chromosome"),
            "start": st.column_config.NumberColumn("Start (1-based)", format="localized"),
            "end": st.column_config.NumberColumn("End", format="localized"),
            "length": st.column_config.NumberColumn("Length (bp)", format="localized"),
            "name": st.column_config.TextColumn("Name", width="medium"),
            "color": st.column_config.TextColumn(
                "Colour", validate="^#[0-9a-fA-F]{6}$", help="#RRGGBB"
            ),
            "swatch": st.column_config.TextColumn("", width=40),
            "note": st.column_config.TextColumn("Note", width="large"),
        },
        alt="The BED selection: position, length, name, colour and note of each span.",
    )
    now = [
        Selection(
            str(row.chrom),
            int(row.start) - 1,
            int(row.end),
            row.name or "",
            row.color or Selection.color,
            row.note or "",
        )
        for row in pd.DataFrame(edited).fillna("").itertuples(index=False)
    ]
    if now != kept:
        st.session_state[SELECTIONS] = now
        table.held = tuple(now)
        if not now:
            st.rerun()
    return now


def _open_file(lengths: Mapping[str, int]) -> None:
    """Offer to add the spans of a BED file, and say what came of the last one."""
    upload = st.file_uploader(
        "Add the spans of a BED file",
        type=["bed", "txt", "gz"],
        key=_UPLOAD,
        on_change=_add,
        args=(dict(lengths),),
        help="A selection that was saved here comes back with its names, colours and notes; of any "
        "other BED, names and colours are taken. What is in the list stays in it.",
    )
    said = st.session_state.get(_SAID)
    if upload is None or said is None:
        return
    taken, text = said
    if taken:
        st.success(text, icon=":material/check:")
    else:
        st.error(text, icon=":material/error:")


def _add(lengths: dict[str, int]) -> None:
    """Add what the uploaded file has and the list has not; a callback."""
    upload = st.session_state.get(_UPLOAD)
    if upload is None:
        st.session_state.pop(_SAID, None)
        return
    kept: list[Selection] = st.session_state.setdefault(SELECTIONS, [])
    try:
        text = text_of(upload.getvalue(), upload.name, "BED file")
        found = parse_selections(text, upload.name, lengths)
        if not found:
            raise InputError(f"{upload.name} has no interval; give a BED file with at least one.")
    except InputError as error:
        st.session_state[_SAID] = (False, f"{error} The list is as it was.")
        return
    before = tuple(kept)
    new = [
        one
        for one in dict.fromkeys(found)
        if not any(_says_as_much(other, one) for other in before)
    ]
    kept += new
    there = len(found) - len(new)
    already = f"; {there} of its {len(found)} rows were there already" if there else ""
    st.session_state[_SAID] = (
        True,
        f"{len(new)} {'span' if len(new) == 1 else 'spans'} of {upload.name} added{already}.",
    )


def _says_as_much(kept: Selection, found: Selection) -> bool:
    """Tell whether a row of a file has nothing that a span of the list has not."""
    return (
        found.interval == kept.interval
        and found.name in ("", kept.name)
        and found.note in ("", kept.note)
        and found.color in (Selection.color, kept.color)
    )
