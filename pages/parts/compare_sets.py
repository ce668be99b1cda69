"""Further sets beside elements and peaks: CRISPRi, planted truth, the selection, anyone's BED."""

from functools import lru_cache
from hashlib import sha256

import pandas as pd
import streamlit as st

from pages.parts import resources
from seq2exp.analysis.compare.gene import TAKEN
from seq2exp.analysis.compare.sets import IntervalSet, crispri_set, parse_intervals
from seq2exp.analysis.compare.upset import MOST
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.tracks.narrowpeak import text_of

CRISPRI, PLANTED, SELECTION = "CRISPRi", "planted", "selection"
#: Names that no uploaded set can have, in small letters: of the other sets, and of columns.
_OTHERS = {name.lower() for name in (CRISPRI, PLANTED, SELECTION, *TAKEN)}
_CHOSEN = "sets"
_UPLOADER = "set-files"
#: The uploaded sets by name; kept while other pages are looked at.
_UPLOADED = "uploaded-sets"
_PROBLEMS = "set-problems"
_MEANING = {
    CRISPRI: "elements whose silencing lowered the gene's expression in CRISPRi experiments",
    PLANTED: "causal elements that the simulation planted for the gene",
    SELECTION: "the spans selected in the Browser",
}


def choose_sets(dataset: Dataset, cell: str) -> list[IntervalSet]:
    """Ask for further sets; each comes into the plot of combinations, the pairs and the chances."""
    offered = _own_sets(dataset, cell) | st.session_state.get(_UPLOADED, {})
    if _CHOSEN not in st.session_state:
        st.session_state[_CHOSEN] = [name for name in (CRISPRI, PLANTED) if name in offered]
    # What is no longer there, such as a selection that was emptied, cannot stay chosen.
    st.session_state[_CHOSEN] = [name for name in st.session_state[_CHOSEN] if name in offered]
    if offered:
        meaning = [f"**{name}**: {_MEANING.get(name, 'uploaded')}" for name in offered]
        chosen = st.pills(
            "Further sets",
            list(offered),
            selection_mode="multi",
            key=_CHOSEN,
            persist_state="session",
            help="  \n".join(meaning),
        )
    else:
        chosen = []
    st.file_uploader(
        "Add a set (BED, narrowPeak)",
        type=["bed", "narrowPeak", "gz", "txt"],
        accept_multiple_files=True,
        key=_UPLOADER,
        on_change=_take,
        args=(dataset,),
        help="The first three columns of any BED-like file of the data set's assembly, such as "
        f"ENCODE's candidate elements (cCREs). Up to {MOST - 2} further sets.",
    )
    for one in st.session_state.get(_UPLOADED, {}).values():
        if one.left_out:
            total = one.left_out + len(one.frame)
            st.caption(
                f"{one.name}: {one.left_out:,} of {total:,} intervals lie on chromosomes that this "
                "genome lacks and are left out."
            )
    for problem in st.session_state.get(_PROBLEMS, []):
        st.error(problem, icon=":material/error:")
    found = [offered[name] for name in chosen]
    if len(found) > MOST - 2:
        st.error(
            f"{len(found)} further sets are too many for one plot; choose at most {MOST - 2}.",
            icon=":material/error:",
        )
    return found[: MOST - 2]


def _own_sets(dataset: Dataset, cell: str) -> dict[str, IntervalSet]:
    """Return what is there without an upload."""
    found = {}
    tracks = dataset.cells[cell]
    if tracks.crispr_path is not None:
        try:
            found[CRISPRI] = _crispri(dataset.digest, cell, dataset)
        except InputError as error:
            st.error(str(error), icon=":material/error:")
    if resources.planted(dataset):
        planted = _planted(dataset.digest, cell, dataset)
        # Nothing was planted for a cell type that somebody added.
        if len(planted.frame):
            found[PLANTED] = planted
    selections = st.session_state.get("selections", [])
    if selections:
        rows = [(one.chrom, one.start, one.end, one.name) for one in selections]
        frame = pd.DataFrame(rows, columns=["chrom", "start", "end", "name"])
        found[SELECTION] = IntervalSet(SELECTION, frame)
    return found


@st.cache_resource(max_entries=8, show_spinner=False)
def _crispri(digest: str, cell: str, _dataset: Dataset) -> IntervalSet:
    return crispri_set(_dataset.cells[cell], _dataset.lengths, CRISPRI)


@st.cache_resource(max_entries=8, show_spinner=False)
def _planted(digest: str, cell: str, _dataset: Dataset) -> IntervalSet:
    pairs = resources.planted(_dataset).pairs
    own = pairs[(pairs["cell"] == cell) & (pairs["role"] == "causal")]
    # A gene's rows are found by its id; two genes of one symbol stay apart.
    frame = own.assign(gene_symbol="", name=own["element"])
    return IntervalSet(PLANTED, frame.reset_index(drop=True), of_genes=True)


def _take(dataset: Dataset) -> None:
    """Read what was uploaded; a file that is no set is named with the reason."""
    kept: dict[str, IntervalSet] = st.session_state.setdefault(_UPLOADED, {})
    problems = st.session_state[_PROBLEMS] = []
    chosen = list(st.session_state.get(_CHOSEN, []))
    for upload in st.session_state[_UPLOADER]:
        name = upload.name.removesuffix(".gz").rsplit(".", 1)[0] or "uploaded"
        # The Browser's own file of the selection is called so, too, and must not stand for it.
        if name.lower() in _OTHERS:
            name = f"{name} (file)"
        try:
            text = text_of(upload.getvalue(), upload.name, "BED file")
            found = parse_intervals(text, name, dataset.lengths, upload.name)
            if found.frame.empty:
                raise InputError(f"{upload.name} has no interval; upload a BED with at least one.")
            kept[name] = found
        except InputError as error:
            problems.append(str(error))
            continue
        if name not in chosen:
            chosen.append(name)
    st.session_state[_CHOSEN] = chosen


@lru_cache(maxsize=16)
def content_of(one: IntervalSet) -> str:
    """Return what tells one set from another of the same name; a million rows take a while."""
    frame = one.frame[["chrom", "start", "end"]]
    hashed = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return f"{one.name} {one.of_genes} {sha256(hashed.tobytes()).hexdigest()}"
