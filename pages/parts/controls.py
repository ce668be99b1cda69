"""The browser's controls: what is chosen, kept in the page's address so that a link restores it."""

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError, nearest
from seq2exp.export.session import QUERY, Session, from_query
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval
from seq2exp.inference.predictor import MODES, MaskRule
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import ModelEntry, suggested_threshold
from seq2exp.model.config import ModelConfig
from seq2exp.tracks.peaks import PeakCaller, PeakParameters

DEFAULTS = Session()
MODE_HELP = (
    "**soft** multiplies every base by its mask mean. **hard** keeps the bases whose mean reaches "
    "the threshold and drops the others. **top** keeps the given share of the window with the "
    "highest means, the rule of the paper's retraining. Under soft the prediction hardly follows "
    "the prior: the network's first norm takes out what changes at all bases alike."
)
#: Lowest and highest value of each number, by its name in links.
LIMITS = {
    "prior": (0.01, 0.5),
    "strength": (0.05, 10_000.0),
    "threshold": (0.005, 1.0),
    "fraction": (0.01, 0.5),
    "length": (1, 5000),
    "gap": (0, 5000),
    "q": (1e-10, 1.0),
}
#: What of the link or the place asked for cannot be used.
PROBLEMS = "link-problems"


@dataclass(frozen=True)
class Place:
    """Where the user wants to look: a gene's window, and perhaps a part of it."""

    gene: Gene
    locus: Interval | None


def explain_link(dataset: Dataset, entries: dict[str, ModelEntry]) -> None:
    """Keep what of a deep link cannot be used, to be shown; its widgets take their defaults."""
    if PROBLEMS in st.session_state:
        return
    problems = st.session_state[PROBLEMS] = []
    for key in st.query_params:
        value = st.query_params[key]
        try:
            asked = from_query({key: value}, lengths=dataset.lengths)
            check_choices(asked, "the link", dataset, entries)
        except InputError as error:
            problems.append(str(error)[:1].upper() + str(error)[1:])


def check_choices(
    asked: Session, source: str, dataset: Dataset, entries: dict[str, ModelEntry]
) -> None:
    """Refuse what the widgets do not offer.

    Raises
    ------
    InputError
        Naming `source`, the parameter and what it may be.
    """
    for key, known in (("cell", dataset.cells), ("model", entries)):
        value = getattr(asked, QUERY[key])
        if value and known and value not in known:
            raise InputError(f"{source}'s '{key}' is '{value}'; {nearest(value, known)}")
    for key, (low, high) in LIMITS.items():
        value = getattr(asked, QUERY[key])
        if value is not None and not low <= value <= high:
            raise InputError(
                f"{source}'s '{key}' is {value:g}; give a number from {low} to {high}."
            )


def explain_problems() -> None:
    """Show what could not be used of the link or the place, until another place is opened."""
    for problem in st.session_state[PROBLEMS]:
        st.warning(problem, icon=":material/link_off:")


def search(dataset: Dataset, box: DeltaGenerator) -> Place | None:
    """Ask for a gene or a locus; None (with a message) where there is no such place."""
    names = _symbols(dataset.digest, dataset)
    text = box.selectbox(
        "Gene or locus",
        names,
        index=names.index(dataset.default_gene) if dataset.default_gene in names else 0,
        accept_new_options=True,
        key="gene",
        bind="query-params",
        help="A gene symbol, an Ensembl id, or a locus such as `chr22:37,200,001-37,400,000`.",
    )
    try:
        found = dataset.locate(text or dataset.default_gene)
        if isinstance(found, Gene):
            return Place(found, None)
        return Place(nearest_gene(dataset, found), found)
    except InputError as error:
        st.error(str(error), icon=":material/search_off:")
        return None


@st.cache_data(max_entries=4, show_spinner=False)
def _symbols(digest: str, _dataset: Dataset) -> list[str]:
    return sorted(_dataset.annotation.symbols(), key=str.upper)


def nearest_gene(dataset: Dataset, locus: Interval) -> Gene:
    """Return the gene whose TSS lies nearest to the middle of a locus.

    Raises
    ------
    InputError
        Where the annotation has no gene on the chromosome.
    """
    near = [
        dataset.gene(gene.id)
        for gene in dataset.annotation.genes.values()
        if gene.chrom == locus.chrom
    ]
    if not near:
        raise InputError(
            f"The annotation {dataset.spec.annotation} has no gene on {locus.chrom}; "
            "choose a locus near a gene."
        )
    return min(near, key=lambda gene: abs(gene.tss - locus.center))


def choose_cell(dataset: Dataset, box: DeltaGenerator) -> str:
    """Ask for the cell type."""
    return box.selectbox("Cell type", list(dataset.cells), key="cell", bind="query-params")


def choose_model(entries: dict[str, ModelEntry], box: DeltaGenerator) -> ModelEntry | None:
    """Ask for the model; its prior and threshold become those of the controls."""
    if not entries:
        box.selectbox("Model", ["none found"], disabled=True)
        return None
    # On the Models page one without a mask can be chosen; Streamlit brings it back once.
    if st.session_state.get("model", next(iter(entries))) not in entries:
        del st.session_state["model"]
    model = box.selectbox(
        "Model",
        list(entries),
        key="model",
        bind="query-params",
        on_change=_model_changed,
        args=(entries,),
        help="  \n".join(f"**{id}**: {entry.title}" for id, entry in entries.items()),
    )
    return entries[model]


def set_mask_controls(entry: ModelEntry, *, threshold: bool = True) -> None:
    """Put prior (and threshold) where a model has them; only in a callback.

    What is taken out of the state instead would still stand on the screen.
    """
    trained = trained_prior(entry)
    st.session_state["prior"] = round(trained.mean, 3)
    st.session_state["strength"] = round(trained.strength, 4)
    if threshold:
        st.session_state["threshold"] = suggested_threshold(entry.card)


def _model_changed(entries: dict[str, ModelEntry]) -> None:
    set_mask_controls(entries[st.session_state["model"]])


def trained_prior(entry: ModelEntry) -> BetaPrior:
    """Return the prior that a model was trained with."""
    return ModelConfig.from_dict(entry.card["config"]).prior


def prior_note(entry: ModelEntry, prior: BetaPrior) -> str:
    """Say which prior the mask on show stands under, and which one the model was trained with."""
    trained = trained_prior(entry)
    if prior == trained:
        return f"prior mean {prior.mean:.3g}, strength {prior.strength:.3g}, as trained"
    return (
        f"prior mean {prior.mean:.3g}, strength {prior.strength:.3g} "
        f"(trained at {trained.mean:.3g}, {trained.strength:.3g})"
    )


def mask_controls(entry: ModelEntry) -> tuple[BetaPrior, MaskRule]:
    """Ask for the prior and for the rule that turns the posterior into a mask."""
    trained = trained_prior(entry)
    st.subheader("Mask", help="Which bases count, as the model sees it.")
    mean = st.slider(
        "Prior mean (expected share of open bases)",
        *LIMITS["prior"],
        round(trained.mean, 3),
        0.005,
        format="%.3f",
        key="prior",
        bind="query-params",
        help="A new prior tilts the learned mask at once, without running the model's first half "
        f"again. This model was trained at {trained.mean:.3g}.",
    )
    strength = st.number_input(
        "Prior strength (pseudo-observations per base)",
        *LIMITS["strength"],
        round(trained.strength, 4),
        format="%g",
        key="strength",
        bind="query-params",
        help="How hard the prior is to move: the sum of its two Beta parameters. This model was "
        f"trained at {trained.strength:.3g}.",
    )
    shown = (round(trained.mean, 3), round(trained.strength, 4))
    is_trained = (round(mean, 3), round(strength, 4)) == shown
    prior = trained if is_trained else BetaPrior.from_mean(mean, strength)
    if not is_trained:
        st.button(
            "Back to the trained prior",
            on_click=set_mask_controls,
            args=(entry,),
            kwargs={"threshold": False},
            width="stretch",
        )
    mode = st.segmented_control(
        "Rule",
        list(MODES),
        default=DEFAULTS.mode,
        required=True,
        key="mode",
        bind="query-params",
        help=MODE_HELP,
        width="stretch",
    )
    if mode == "top":
        fraction = st.slider(
            "Bases kept (share of the window)",
            *LIMITS["fraction"],
            DEFAULTS.fraction,
            0.005,
            format="percent",
            key="fraction",
            bind="query-params",
        )
        return prior, MaskRule("top", fraction=fraction)
    threshold = st.slider(
        "Threshold on the mask mean",
        *LIMITS["threshold"],
        suggested_threshold(entry.card),
        0.001,
        format="%.3f",
        key="threshold",
        bind="query-params",
        help="Elements are stretches of bases whose mask mean reaches this value; the hard rule "
        "keeps only them.",
    )
    return prior, MaskRule(mode, threshold=threshold)


def element_controls() -> tuple[int, int]:
    """Ask for the shortest element and the widest gap within one, in bp."""
    left, right = st.columns(2)
    length = left.number_input(
        "Shortest element (bp)",
        *LIMITS["length"],
        DEFAULTS.min_length,
        key="length",
        bind="query-params",
    )
    gap = right.number_input(
        "Merge gaps up to (bp)", *LIMITS["gap"], DEFAULTS.merge_gap, key="gap", bind="query-params"
    )
    return int(length), int(gap)


def peak_controls(caller: PeakCaller) -> PeakParameters:
    """Ask for the q-value, or for the cutoff where peaks are called on a signal."""
    imported = caller.kind == "imported"
    st.subheader("Imported peaks" if imported else "MACS3 peaks", help=caller.source)
    if caller.knob == "q":
        q = st.number_input(
            "q-value",
            *LIMITS["q"],
            DEFAULTS.q,
            0.01,
            format="%g",
            key="q",
            bind="query-params",
            help="The largest share of false peaks that is accepted. A new value is called once "
            "and then remembered.",
        )
        return PeakParameters(q=float(q))
    cutoff = st.number_input(
        "Cutoff on the DNase signal",
        min_value=0.0,
        value=None,
        placeholder=f"{caller.cutoff(PeakParameters()):.3g} (suggested)",
        key="cutoff",
        bind="query-params",
        help="This cell type has no reads, so peaks are the stretches of signal above a cutoff.",
    )
    return PeakParameters(cutoff=cutoff or None)
