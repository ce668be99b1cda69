"""Cell types that were added here: accepting one, listing them, removing one."""

import streamlit as st

from pages.parts.data_form import empty_form
from pages.parts.navigation import leave
from seq2exp.datasets.adding import ROLES, Store
from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.schema import CellSpec
from seq2exp.errors import InputError

#: What was done by the last click: (what happened, cell type), or an error.
_DONE, _PROBLEM = "data-done", "data-store-problem"


def accept(store: Store, cell: CellSpec) -> None:
    """Add a cell type that passed the checks; only in a callback."""
    try:
        store.add(cell)
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.session_state[_DONE] = ("added", cell.name)
    empty_form()


def _remove(store: Store, name: str) -> None:
    try:
        store.remove(name)
    except InputError as error:
        st.session_state[_PROBLEM] = str(error)
        return
    st.session_state[_DONE] = ("removed", name)
    if st.session_state.get("cell") == name:
        del st.session_state["cell"]


def say_what_happened(dataset: Dataset) -> None:
    """Say what the last click did, until the next one."""
    problem = st.session_state.pop(_PROBLEM, "")
    if problem:
        st.error(problem, icon=":material/error:")
    what, name = st.session_state.get(_DONE, ("", ""))
    if what == "added" and name in dataset.cells:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.success(
            f"{name} was added. It is in the list of cell types on every page.",
            icon=":material/check_circle:",
        )
        if row.button(f"Open {name} in the Browser", icon=":material/genetics:"):
            del st.session_state[_DONE]
            leave({"cell": name})
    elif what == "removed":
        st.success(f"{name} was removed.", icon=":material/check_circle:")
        del st.session_state[_DONE]


def added(dataset: Dataset, store: Store) -> None:
    """List the cell types that were added, each with its files and a way to remove it."""
    st.subheader("Added cell types", anchor="added", divider="gray")
    try:
        tables = store.tables()
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return
    if not tables:
        st.caption("None yet.")
        return
    for name, table in tables.items():
        row = st.container(border=True, horizontal=True, vertical_alignment="center")
        lines = []
        for role, about in ROLES.items():
            value = table.get(role)
            if value is not None:
                path = value["path"] if isinstance(value, dict) else value
                kept = " (kept by the app)" if str(path).startswith(str(store.files)) else ""
                lines.append(f"{about.title}: `{path}`{kept}")
        row.markdown(f"**{name}**  \n" + "  \n".join(lines))
        with row.popover("Remove", icon=":material/delete:"):
            st.write(
                f"{name} leaves every page's list. Files that the app keeps for it are deleted; "
                "those elsewhere on this computer are left alone."
            )
            st.button(f"Remove {name}", key=f"remove-{name}", on_click=_remove, args=(store, name))
    st.caption(
        "The data set with what was added to it, for the command line: "
        f"`--dataset {store.path}`. The digest of the data set changes with its cell types, so a "
        "session saved before is opened again when the added ones are removed."
    )
