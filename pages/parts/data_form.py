"""The form for a new cell type: its name, its files, and what their columns mean."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from pages.parts import controls, resources
from seq2exp.datasets.adding import ROLES, Given, Store
from seq2exp.datasets.adding.expression import UNITS, Columns, columns_of
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.files import digest
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.tracks.contact import NORMALISATIONS

#: What was asked to be checked, whether that was just now, the form as it was then, and how often
#: it was emptied: the keys of its controls end so.
ASKED, JUST_NOW, _FORM, EMPTIED = "data-asked", "data-just-now", "data-form", "data-emptied"
_TYPES = {
    "dnase": ["bw", "bigwig"],
    "h3k27ac": ["bw", "bigwig"],
    "contact": ["hic", "cool", "mcool"],
    "reads": ["bam", "bed", "tagalign", "gz"],
    "peaks": ["narrowpeak", "bed", "gz"],
    "expression": ["tsv", "txt", "csv", "gz"],
}


def key(name: str) -> str:
    """Return the key of one of the form's controls."""
    return f"new-{name}-{st.session_state.get(EMPTIED, 0)}"


def ask(dataset: Dataset, store: Store) -> tuple[Given | None, ModelEntry | None]:
    """Show the form; return what was last asked to be checked, and the model to compare with."""
    returned = _fill()
    left, right = st.columns([3, 4], vertical_alignment="bottom")
    name = left.text_input("Name of the cell type", key=key("name"), placeholder="HepG2")
    entry = controls.choose_model(resources.models(), right)
    st.caption(
        "Signals are compared with the training data of this model, where they are open; else with "
        "the data set's own cell types. Files are named by a **path on the computer that the app "
        "runs on**, by a **web address** (they are downloaded), or **uploaded** (up to "
        f"{st.get_option('server.maxUploadSize'):,} MB each)."
    )
    texts, more = {}, {}
    for role in ROLES:
        texts[role] = _file(role)
        if role == "contact":
            more |= _contact(texts[role])
        elif role == "expression":
            more |= _expression(texts[role], dataset, store)
    files = {role: one if isinstance(one, str) else one.file_id for role, one in texts.items()}
    form = (name.strip(), files, more)
    if returned:  # an upload stands there as the file that was kept
        st.session_state[_FORM] = form
    # Not in a callback: that would see the fields as they were when the page was last drawn.
    if st.button(
        "Check the files",
        type="primary",
        icon=":material/fact_check:",
        key="data-check",
    ):
        st.session_state[_FORM] = form
        _check(name, texts, more, store)
    if ASKED in st.session_state and st.session_state[_FORM] != form:
        st.caption(":material/edit: The form has changed since the checks below; check again.")
    return st.session_state.get(ASKED), entry


def _fill() -> bool:
    """Let fields hold what they held before another page was visited; before they are drawn.

    Returns whether they were empty though something was asked to be checked: then they hold that.
    """
    asked = st.session_state.get(ASKED)
    returned = asked is not None and key("name") not in st.session_state
    for name in ("name", *ROLES, "resolution", "normalisation", "unit"):
        value = getattr(asked, name) if returned else st.session_state.get(key(name))
        if value:
            st.session_state[key(name)] = value
    return returned


def _file(role: str) -> str | Any:
    """Ask for one file; return its path or address, or what was uploaded."""
    about = ROLES[role]
    left, right = st.columns([5, 4])
    need = "" if about.needed else " (optional)"
    # Not behind a button that opens it: who closed that would lose an upload that still runs.
    upload = right.file_uploader(
        f"{about.title}: upload",
        type=_TYPES[role],
        key=key(f"upload-{role}"),
        label_visibility="collapsed",
    )
    text = left.text_input(
        f"{about.title}{need}",
        key=key(role),
        placeholder="/data/… or https://…" if upload is None else "the file uploaded here",
        help=f"{about.about} {'' if about.needed else 'Without: ' + about.without}",
        disabled=upload is not None,
    )
    return text.strip() if upload is None else upload


def _contact(given: Any) -> dict[str, Any]:
    """Ask how a contact map is to be read; nothing without one."""
    if not given:
        return {}
    left, right, _ = st.columns([2, 2, 5])
    st.session_state.setdefault(key("resolution"), 5000)
    resolution = left.number_input(
        "Contact: bin size (bp)",
        min_value=1,
        step=1000,
        key=key("resolution"),
        help="The method reads maps at 5,000 bp.",
    )
    normalisation = right.selectbox(
        "Contact: normalisation",
        NORMALISATIONS,
        key=key("normalisation"),
        help="The method uses VC, which is computed where the file does not have it.",
    )
    return {"resolution": int(resolution), "normalisation": normalisation}


def _expression(given: Any, dataset: Dataset, store: Store) -> dict[str, str]:
    """Ask for the columns of an expression table and for its unit; nothing without one."""
    if not given:
        return {}
    columns = None
    try:
        path = _kept(given, store)
        if Path(path).is_file():
            columns = _columns(digest(path), Path(path), dataset)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
    found = columns or Columns("", "", (), ())
    left, middle, right = st.columns(3)
    gene = _column(left, "Expression: column with genes", "gene", found.gene, found.names)
    value = _column(middle, "Expression: column with values", "value", found.value, found.numbers)
    unit = right.selectbox(
        "Expression: unit of the values",
        UNITS,
        index=None,
        accept_new_options=True,
        key=key("unit"),
        placeholder="Choose, or write what it is",
        help="Plain values, no logarithms: the app takes log10(x + 1) itself.",
    )
    return {"gene": gene, "value": value, "unit": unit or ""}


def _column(box: Any, label: str, name: str, found: str, names: tuple[str, ...]) -> str:
    chosen = box.selectbox(
        label,
        names,
        index=names.index(found) if found in names else None,
        accept_new_options=True,
        key=key(f"{name}-{found}"),
        placeholder="Found by itself" if not names else "Choose a column",
    )
    return chosen or ""


@st.cache_data(max_entries=8, show_spinner=False)
def _columns(content: str, path: Path, _dataset: Dataset) -> Columns:
    return columns_of(path, _dataset)


def _kept(given: Any, store: Store) -> str:
    """Return the path or address of what is given; an upload is written into the store."""
    if isinstance(given, str):
        return given
    return str(store.keep(given.name, given.getbuffer()))


def _check(name: str, files: Mapping[str, Any], more: Mapping[str, Any], store: Store) -> None:
    """Keep what was given, to be checked from now on."""
    try:
        with st.spinner("Keeping the uploaded files …"):
            texts = {role: _kept(given, store) for role, given in files.items() if given}
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return
    needed = {role: "" for role, about in ROLES.items() if about.needed}
    st.session_state[ASKED] = Given(name=name.strip(), **{**needed, **texts}, **more)
    st.session_state[JUST_NOW] = True


def empty_form() -> None:
    """Begin anew; only in a callback."""
    st.session_state.pop(ASKED, None)
    st.session_state[EMPTIED] = st.session_state.get(EMPTIED, 0) + 1
