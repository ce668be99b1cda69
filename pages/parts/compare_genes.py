"""Which genes are compared: one, a list, those that a filter leaves, or those done before."""

from collections.abc import Hashable, Sequence

import pandas as pd
import streamlit as st

from pages.parts import controls, resources
from pages.parts.models_results import read_results
from seq2exp.analysis.compare.genes import GeneFilter, filter_genes, known_genes, split_names
from seq2exp.analysis.results import result_folders, stamp
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.genome.annotation import Gene
from seq2exp.inference.posteriors import PosteriorStore
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.tracks.narrowpeak import text_of

#: They stand in links as they stand on the screen.
WAYS = ONE, LIST, FILTER, DONE = ("One gene", "A list", "All or by filter", "Done before")
#: Names of a list that a link can hold, in characters.
_LINK_CHARACTERS = 1_500
_NAMED = 8


def choose_genes(
    dataset: Dataset, cell: str, entry: ModelEntry, store: PosteriorStore
) -> list[Gene]:
    """Ask for the genes; none (with a message) where nothing sensible was asked for."""
    way = st.segmented_control(
        "Genes",
        WAYS,
        default=ONE,
        required=True,
        key="genes",
        bind="query-params",
        help=f"**{DONE}**: the genes whose learned masks are kept for this model and cell type, "
        "from earlier comparisons.",
    )
    if way != LIST and "names" in st.query_params:
        del st.query_params["names"]
    if way == ONE:
        place = controls.search(dataset, st)
        return [] if place is None else [place.gene]
    try:
        if way == LIST:
            return _listed(dataset)
        if way == FILTER:
            return _filtered(dataset, cell, entry)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return []
    return _done(dataset, store)


def _listed(dataset: Dataset) -> list[Gene]:
    if "names" not in st.session_state:
        st.session_state["names"] = st.query_params.get("names", "")
    left, right = st.columns([3, 2])
    text = left.text_area(
        "Gene symbols or Ensembl ids",
        key="names",
        persist_state="session",
        placeholder="MGAT3, SYNGR1\nENSG00000221890  # what follows a hash is left out",
        height=110,
        help="In any case, separated by spaces, commas or lines; of an id, the version is left "
        "out.",
    )
    upload = right.file_uploader(
        "or a text file with one gene a line", type=["txt", "csv", "tsv"], key="names-file"
    )
    _keep_in_address(split_names(text))
    names = split_names(text)
    if upload is not None:
        names += split_names(text_of(upload.getvalue(), upload.name, "list of genes"))
    if not names:
        st.info("Paste the genes, or give a file.", icon=":material/edit_note:")
        return []
    found, unknown = known_genes(dataset, dict.fromkeys(names))
    if unknown:
        more = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
        st.warning(
            f"{len(unknown):,} of {len(dict.fromkeys(names)):,} names are no genes of "
            f"{dataset.name} and are left out: {', '.join(unknown[:_NAMED])}{more}.",
            icon=":material/link_off:",
        )
    return found


def _keep_in_address(names: Sequence[str]) -> None:
    """Keep a short list in the page's address; a long one no server would take."""
    text = ",".join(names)
    if names and len(text) <= _LINK_CHARACTERS:
        if st.query_params.get("names") != text:
            st.query_params["names"] = text
    elif "names" in st.query_params:
        del st.query_params["names"]


def _filtered(dataset: Dataset, cell: str, entry: ModelEntry) -> list[Gene]:
    predictions, source = _predictions(dataset, cell, entry)
    table = dataset.cells[cell].table
    unit = "log10(x + 1)" if table is None else f"log10({table.spec.label_name} + 1)"
    chroms = st.multiselect(
        "Chromosomes",
        list(dataset.lengths),
        key="chroms",
        bind="query-params",
        placeholder="All chromosomes",
    )
    boxes = st.columns(4)
    limits = []
    for i, (key, label, help_text, disabled) in enumerate(
        (
            ("expression-from", "Measured, from", f"{unit} in {cell}", table is None),
            ("expression-to", "Measured, to", f"{unit} in {cell}", table is None),
            ("error-from", "Model's error, from", _error_help(source, entry), predictions is None),
            ("error-to", "Model's error, to", _error_help(source, entry), predictions is None),
        )
    ):
        limits.append(
            boxes[i].number_input(
                label,
                value=None,
                step=0.1,
                format="%g",
                placeholder=f"no limit, {unit}",
                disabled=disabled,
                key=key,
                bind="query-params",
                help=help_text,
            )
        )
    low, high, least, most = limits
    wanted = GeneFilter(
        tuple(chroms),
        (None, None) if table is None else (low, high),
        (None, None) if predictions is None else (least, most),
    )
    # Other predictions are those of another model, folder, or evaluation.
    of = (entry.id, source, stamp(source)) if source else None
    return _filter(dataset.digest, cell, wanted, of, dataset, predictions)


def _error_help(source: str, entry: ModelEntry) -> str:
    if source:
        return f"|predicted − measured|, log10(x + 1), from the results in {source}."
    return (
        f"Needs the predictions of {entry.id} in this cell type: `seq2exp evaluate` makes them, "
        "and `-- --results FOLDER` names their folder."
    )


@st.cache_resource(max_entries=16, show_spinner="Looking through the genes …")
def _filter(
    digest: str,
    cell: str,
    wanted: GeneFilter,
    of: Hashable,
    _dataset: Dataset,
    _predictions: pd.DataFrame | None,
) -> list[Gene]:
    return filter_genes(_dataset, _dataset.cells[cell], wanted, _predictions)


def _predictions(dataset: Dataset, cell: str, entry: ModelEntry) -> tuple[pd.DataFrame | None, str]:
    """Return the model's predictions in a cell type and the folder they are from, if any is."""
    asked = resources.arguments().results
    for folder in result_folders([asked] if asked else []):
        try:
            results = read_results(str(folder), stamp(folder))
        except InputError as error:
            st.caption(f":material/info: {error}")
            continue
        if results is None or results.predictions is None:
            continue
        # Those of the data set before cell types were added hold as well.
        if results.dataset_name not in ("", *(spec.name for spec in dataset.spec.lineage)):
            continue
        table = results.predictions
        known = results.name_of(entry.id, entry.path)
        own = table[(table["model_id"] == known) & (table["cell"] == cell)]
        own = own.drop_duplicates("gene_id")
        if not own.empty:
            return own, str(folder)
    return None, ""


def _done(dataset: Dataset, store: PosteriorStore) -> list[Gene]:
    genes = _all_genes(dataset.digest, dataset)
    missing = {gene.id for gene in store.missing(genes)}
    found = [gene for gene in genes if gene.id not in missing]
    if not found:
        st.info(
            "No gene has been compared with this model in this cell type yet; choose genes in "
            "another way first.",
            icon=":material/info:",
        )
    return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _all_genes(digest: str, _dataset: Dataset) -> list[Gene]:
    return [_dataset.gene(gene.id) for gene in _dataset.annotation.genes.values()]
