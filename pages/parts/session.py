"""Keeping a view as a file, and coming back to it."""

import streamlit as st

from pages.parts.controls import (
    PROBLEMS,
    Place,
    check_choices,
    set_mask_controls,
)
from pages.parts.edits import EDITS, kept_edits
from pages.parts.genome import SHOWN, camera, look_at
from pages.parts.layout import TRACK_TABLE, TRACKS_OF_SESSION
from pages.parts.take_selections import SELECTIONS
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.export.session import QUERY, Session, TrackSetting, parse_session
from seq2exp.inference.predictor import MaskRule
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.tracks.peaks import PeakParameters
from seq2exp.view.tracks import ViewSettings

UPLOAD = "session-upload"


def session_of(
    dataset: Dataset,
    place: Place,
    cell: str,
    model: str,
    prior: BetaPrior | None,
    rule: MaskRule,
    elements: tuple[int, int],
    peaks: PeakParameters,
    settings: ViewSettings,
) -> Session:
    """Return what is on show as a session."""
    keys = [key for key in settings.order if key != "ruler" and not key.startswith("user:")]
    return Session(
        dataset=dataset.name,
        dataset_digest=dataset.cell_digests[cell],
        gene=place.gene.name,
        cell=cell,
        region=camera().region,
        model=model,
        prior_mean=None if prior is None else prior.mean,
        prior_strength=None if prior is None else prior.strength,
        mode=rule.mode,
        threshold=rule.threshold,
        fraction=rule.fraction,
        min_length=elements[0],
        merge_gap=elements[1],
        q=peaks.q,
        cutoff=peaks.cutoff,
        tracks=tuple(
            TrackSetting(
                key,
                visible=settings.shows(key),
                height=settings.of(key).height,
                scale=settings.of(key).scale,
                limit=settings.of(key).ymax,
                color=settings.of(key).color,
            )
            for key in keys
        ),
        selections=tuple(st.session_state.get(SELECTIONS, ())),
        edits=tuple(kept_edits()),
        highlights=tuple(st.session_state.get("highlights", ())),
    )


def restore_control(dataset: Dataset, entries: dict[str, ModelEntry]) -> None:
    """Offer to open a session file; what it says takes the place of all controls."""
    st.file_uploader(
        "Open a session (JSON)",
        type="json",
        key=UPLOAD,
        on_change=_restore,
        args=(dataset, entries),
    )
    problem = st.session_state.pop("session-problem", None)
    if problem:
        st.error(problem, icon=":material/error:")


def _restore(dataset: Dataset, entries: dict[str, ModelEntry]) -> None:
    upload = st.session_state.get(UPLOAD)
    if upload is None:
        return
    try:
        text = upload.getvalue().decode("utf-8", errors="replace")
        session = parse_session(text, upload.name, dataset.lengths)
        there = dataset.cell_digests.get(session.cell, dataset.digest)
        if session.dataset_digest and session.dataset_digest != there:
            raise InputError(
                f"{upload.name} was saved on the data set “{session.dataset}”, which differs from "
                f"“{dataset.name}” opened here; open that data set first."
            )
        check_choices(session, upload.name, dataset, entries)
        dataset.locate(session.gene or dataset.default_gene)
        apply_session(session, dataset, entries)
    except InputError as error:
        st.session_state["session-problem"] = str(error)


def apply_session(session: Session, dataset: Dataset, entries: dict[str, ModelEntry]) -> None:
    """Set all controls to what a session says; only in a callback, before they are drawn."""
    state = st.session_state
    model = session.model or next(iter(entries), "")
    if model:
        set_mask_controls(entries[model], threshold=False)
    plain = {"gene": dataset.default_gene, "cell": next(iter(dataset.cells)), "model": model}
    for key, name in QUERY.items():
        value = getattr(session, name)
        if value in (None, ""):
            value = plain.get(key)
        if key != "region" and (value is not None or key == "cutoff"):
            state[key] = value
    state[SELECTIONS] = list(session.selections)
    state[EDITS] = list(session.edits)
    state["highlights"] = list(session.highlights)
    state[TRACK_TABLE] = state.get(TRACK_TABLE, 0) + 1
    state[TRACKS_OF_SESSION] = session.tracks
    state[SHOWN] = state["gene"]
    state[PROBLEMS] = []
    look_at(session.region)
