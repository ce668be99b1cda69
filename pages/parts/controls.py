"""The browser's controls: what is chosen, kept in the page's address so that a link restores it."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from seq2exp.datasets.catalog import Dataset
from seq2exp.datasets.schema import nearest
from seq2exp.errors import InputError
from seq2exp.export.session import QUERY, Session, TrackSetting, from_query
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import Interval
from seq2exp.inference.predictor import MODES, MaskRule
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import ModelEntry, suggested_threshold
from seq2exp.model.config import ModelConfig
from seq2exp.tracks.peaks import PeakCaller, PeakParameters
from seq2exp.view.tracks import PALETTE, ROW_HEIGHTS, ROW_ORDER, ROW_TITLES, ViewSettings

DEFAULTS = Session()
MODE_HELP = (
    "**soft** multiplies every base by its mask mean. **hard** keeps the bases whose mean reaches "
    "the threshold and drops the others. **top** keeps the given share of the window with the "
    "highest means, the rule of the paper's retraining. Under soft the prediction hardly follows "
    "the prior: the network's first norm takes out what changes at all bases alike."
)
#: Counts the sessions opened: the table of tracks begins anew with each.
TRACK_TABLE = "track-table"
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
#: What an opened session says about the tracks; it stands in the table until edited.
TRACKS_OF_SESSION = "tracks-of-session"


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


def track_controls(user_names: list[str]) -> ViewSettings:
    """Ask which rows are shown, in which order, how high, and on which scale."""
    with st.expander("Tracks", icon=":material/tune:"):
        table = st.data_editor(
            _track_rows(tuple(user_names), st.session_state.get(TRACKS_OF_SESSION, ())),
            key=f"{TRACK_TABLE}-{st.session_state.get(TRACK_TABLE, 0)}",
            hide_index=True,
            height="content",
            column_order=["show", "row", "order", "height", "scale", "top", "color"],
            column_config={
                "show": st.column_config.CheckboxColumn("Show", width="small"),
                "row": st.column_config.TextColumn("Track", disabled=True),
                "order": st.column_config.NumberColumn("Place", help="1 is the top", width="small"),
                "height": st.column_config.NumberColumn(
                    "Height (px)", min_value=16, max_value=400, width="small"
                ),
                "scale": st.column_config.SelectboxColumn(
                    "Scale", options=["linear", "log1p"], width="small"
                ),
                "top": st.column_config.TextColumn(
                    "Top", help="max, p99 (99th percentile) or a number", width="small"
                ),
                "color": st.column_config.TextColumn(
                    "Colour",
                    help="#RRGGBB",
                    validate="^#[0-9a-fA-F]{6}$",
                    required=True,
                    width="small",
                ),
            },
        )
        same_scale = st.toggle("DNase and H3K27ac on one scale", key="grouped")
        every_transcript = st.toggle("Every transcript on a line of its own", key="expanded")
        view_scale = st.toggle(
            "Scale to the part on screen", key="autoscale", help="Otherwise to the whole window."
        )
    settings = ViewSettings(
        order=("ruler", *table.sort_values("order", kind="stable")["key"]),
        expand_genes=every_transcript,
        autoscale="view" if view_scale else "window",
    )
    for row in table.itertuples():
        # A row of its usual height may grow with its content, as the genes do.
        usual = ROW_HEIGHTS[base_key(row.key)]
        settings = settings.with_track(
            row.key,
            visible=bool(row.show),
            height=None if pd.isna(row.height) or row.height == usual else float(row.height),
            scale=row.scale or "linear",
            color=None if row.color == PALETTE[base_key(row.key)] else row.color,
        )
        settings = settings.with_track(row.key, ymax=_top(row.top, row.row))
    if same_scale:
        for key in ("dnase", "h3k27ac"):
            settings = settings.with_track(key, group="signals")
    return settings


def _top(text: str, title: str) -> str | float:
    """Read what stands in the column Top of the track table."""
    if text in ("max", "p99"):
        return text
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = 0.0
    if value > 0:
        return value
    st.warning(f"{title}: the top of the scale is max, p99 or a number above 0, not “{text}”.")
    return "max"


def base_key(key: str) -> str:
    """Return the kind of a row: that of the user's own rows is ``user``."""
    return key.split(":", maxsplit=1)[0]


@st.cache_data(show_spinner=False)
def _track_rows(user_names: tuple[str, ...], kept: tuple[TrackSetting, ...]) -> pd.DataFrame:
    """Return the table of tracks: a session's rows in its order, then the others'."""
    titles = {key: ROW_TITLES[key] for key in ROW_ORDER if key != "ruler"}
    titles |= {f"user:{i}": name for i, name in enumerate(user_names)}
    known = {one.key: one for one in kept if one.key in titles}
    keys = [*known, *(key for key in titles if key not in known)]
    rows = [known.get(key) or TrackSetting(key, visible=key != "triangle") for key in keys]
    return pd.DataFrame(
        {
            "key": keys,
            "show": [one.visible for one in rows],
            "row": [titles[key] for key in keys],
            "order": range(1, len(rows) + 1),
            "height": [int(one.height or ROW_HEIGHTS[base_key(one.key)]) for one in rows],
            "scale": [one.scale or "linear" for one in rows],
            "top": [str(one.limit or "max") for one in rows],
            "color": [one.color or PALETTE[base_key(one.key)] for one in rows],
        }
    )
