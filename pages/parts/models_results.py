"""The results of ``seq2exp evaluate``: which ones are shown, and their tables on tabs."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from pages.parts import resources
from pages.parts.models_controls import make_results
from pages.parts.models_crispri import crispri
from pages.parts.models_deletions import deletions
from pages.parts.models_fit import fit
from pages.parts.models_priors import priors
from pages.parts.models_truth import truth
from seq2exp.analysis.results import COMMAND, Results, load_results, result_folders, stamp
from seq2exp.errors import InputError
from seq2exp.model.checkpoint import ModelEntry


def choose_results() -> Results | None:
    """Return the results asked for: those of the command line, or a folder of data/benchmarks.

    Raises
    ------
    InputError
        A damaged file, or a folder of the command line that holds no results.
    """
    asked = resources.arguments().results
    folders = result_folders([asked] if asked else [])
    if not folders:
        return None
    names = {str(folder): folder for folder in folders}
    chosen = str(folders[0])
    if len(names) > 1:
        chosen = st.sidebar.selectbox(
            "Results",
            list(names),
            format_func=lambda name: Path(name).name,
            key="results",
            help="Folders that `seq2exp evaluate` wrote; another one by `-- --results FOLDER`.",
        )
    found = read_results(chosen, stamp(chosen))
    if found is None:
        raise InputError(f"There are no results in {chosen}; make them with '{COMMAND}'.")
    return found


@st.cache_resource(max_entries=4, show_spinner="Reading the results …")
def read_results(folder: str, files: tuple[tuple[str, int, int], ...]) -> Results | None:
    """Read a folder of results once, and again when `files` changed."""
    return load_results(folder)


@st.fragment
def benchmarks(results: Results | None, entries: Mapping[str, ModelEntry]) -> None:
    """Show every table that the results have, one kind a tab."""
    if results is None:
        st.info("There are no results yet. Make them so:", icon=":material/info:")
        make_results()
        return
    _about(results)
    names = ["Fit", "Against planted truth", "In-silico deletion", "Prior sweep", "CRISPRi"]
    # What stands on a tab is computed when it is opened.
    tabs = st.tabs(names, key="results-tab", on_change="rerun")
    for tab, show in zip(
        tabs,
        (
            lambda: fit(results),
            lambda: truth(results),
            lambda: deletions(results),
            lambda: priors(results, entries),
            lambda: crispri(results),
        ),
        strict=True,
    ):
        if tab.open:
            with tab:
                show()


def _about(results: Results) -> None:
    badge = " :orange-badge[simulated]" if results.simulated else ""
    count = results.about.get("examples")
    over = ""
    if count:
        over = f", {count:,} examples (gene × cell type) of {results.about.get('genes'):,} genes"
    if results.about.get("length"):
        over += f", windows of {results.about['length']:,} bp"
    date = f", made {results.about['date']}" if results.about.get("date") else ""
    st.markdown(f"Scored on **{results.dataset_name or results.folder.name}**{badge}{over}{date}.")
    for note in results.about.get("notes") or []:
        st.caption(f":material/info: {note}")
    if results.about:
        with st.expander("How these results were made"):
            if results.about.get("command"):
                st.code(str(results.about["command"]), language="bash", wrap_lines=True)
            st.json(dict(results.about))
