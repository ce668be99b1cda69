"""The genome browser: a gene's 200 kb window, what was measured there and what the model learned.

Everything above the figure is drawn at once. The model and the peak caller run as jobs beside the
page; their rows fill in when they are done, and moving a slider runs the predictor alone.
"""

from contextlib import suppress

import pandas as pd
import streamlit as st

from pages.parts import controls, resources
from pages.parts.downloads import downloads
from pages.parts.edits import edit_controls, edited, say_change
from pages.parts.experiments_effects import effects, effects_table
from pages.parts.experiments_seeds import Seeds, seed_masks
from pages.parts.genome import SHOWN, Picture, genome_figure, look_at
from pages.parts.layout import track_controls
from pages.parts.readout import agreement, readout
from pages.parts.session import restore_control, session_of
from pages.parts.sidebar import choices
from pages.parts.start import start
from pages.parts.tables import feature_table
from pages.parts.take_figure import figure_bar, figure_dialog
from pages.parts.take_selections import selection_table
from pages.parts.take_shown import Shown
from pages.parts.tracks import user_track_control
from pages.parts.work import Mask, called_peaks, learned_mask
from seq2exp.analysis.elements import elements_frame
from seq2exp.analysis.plain import foreign_data
from seq2exp.datasets.catalog import Cell, Dataset
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval, parse_locus
from seq2exp.genome.window import Window
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.view import component
from seq2exp.view.scene import MatrixProvider, Scene


def place_camera(dataset: Dataset, place: controls.Place, window: Window) -> None:
    """Look at a new gene's whole window, at the locus typed, or where the link says."""
    text = st.session_state.get("gene") or dataset.default_gene
    first = SHOWN not in st.session_state
    if not first and st.session_state[SHOWN] == text:
        return
    st.session_state[SHOWN] = text
    problems = st.session_state[controls.PROBLEMS]
    region = place.locus
    if not first:
        problems.clear()
    elif "region" in st.query_params:
        # What is no locus was explained with the link.
        with suppress(InputError):
            region = parse_locus(st.query_params["region"], dataset.lengths)
    look_at(region)
    if region is not None and region.intersection(window.interval) is None:
        problems.append(
            f"{region} lies outside the 200 kb window of {window.gene.name} "
            f"({window.interval.clip(dataset.lengths[window.interval.chrom])}); "
            "the whole window is shown."
        )
        look_at(None)


def say(window: Window, dataset: Dataset, entry: ModelEntry | None, place: controls.Place) -> None:
    """Say what one must know to read the figure right."""
    if place.locus is not None:
        st.caption(
            f"{place.locus} lies nearest to the TSS of **{window.gene.name}**, whose window is "
            "shown: the model always reads 200 kb around a TSS."
        )
    notes = list(window.notes)
    foreign = "" if entry is None else foreign_data(entry.card, dataset.simulated)
    if foreign:
        notes.insert(0, foreign)
    if notes:
        st.caption("  \n".join(f":material/info: {note}" for note in notes))


def page() -> None:
    """Lay out the page."""
    dataset, entries = start()
    left, middle, right = st.columns([4, 2, 3])
    place = controls.search(dataset, left)
    cell = controls.choose_cell(dataset, middle)
    entry = controls.choose_model(entries, right)
    with st.sidebar:
        chosen = choices(dataset, cell, entry)
        prior, rule, element_rule = chosen.prior, chosen.rule, chosen.elements
        caller, parameters = chosen.caller, chosen.parameters
        edit_controls(dataset.lengths)
        user_tracks = user_track_control(dataset)
        settings = track_controls([track.name for track in user_tracks])
        restore_control(dataset, entries)
    # The controls stand beside a wrong name, too: those that are not drawn forget what was set.
    if place is None:
        st.stop()
    try:
        measured = resources.window(dataset.digest, place.gene.id, cell, dataset)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()
    window, edits = edited(measured)
    place_camera(dataset, place, window)
    controls.explain_problems()
    say(window, dataset, entry, place)
    numbers = st.container()
    # The bars of running jobs stand in one place of constant height, so nothing below jumps.
    with st.container():
        mask = Mask(note="no model found in data/models")
        if entry is not None:
            mask = learned_mask(dataset, window, entry, prior, rule, element_rule, edits)
        peaks, peaks_note = called_peaks(dataset, cell, caller, parameters)
        unedited, seeds = Mask(), Seeds()
        if entry is not None and edits:
            unedited = learned_mask(
                dataset, measured, entry, prior, rule, element_rule, which="unedited"
            )
            say_change(edits, mask, unedited)
        deleted = effects(mask)
        # The others' masks wait for the first prediction, so that they do not slow it down.
        if entry is not None and settings.shows("seeds") and mask.prediction is not None:
            seeds = seed_masks(dataset, window, entry, prior, mask.posterior, edits)
    scene = Scene(
        window=window,
        genes=dataset.annotation.overlapping(window.interval),
        peaks=peaks,
        peaks_title="Imported peaks" if caller.kind == "imported" else "",
        peaks_note=peaks_note,
        posterior=mask.posterior,
        mask=mask.values,
        rule=rule if mask.rule is None else mask.rule,
        elements=mask.elements,
        model_note=mask.note,
        prior_note="" if prior is None else controls.prior_note(entry, prior),
        crispr=dataset.cells[cell].crispr,
        truth=resources.truth(dataset, place.gene.id, cell),
        user_tracks=[track.on(window) for track in user_tracks],
        simulated=dataset.simulated,
        contact_matrix=contact_matrix(dataset.cells[cell]),
        edits=edits,
        unedited=measured if edits else None,
        unedited_posterior=unedited.posterior,
        effects=deleted.frame,
        effects_note=deleted.note,
        seeds=seeds.posteriors,
        seeds_note=seeds.note,
    )
    with numbers:
        readout(window, scene, mask.prediction, mask.seconds)
    shown = window.interval.clip(dataset.lengths[window.interval.chrom])
    # Only a model can say what a deletion or an edit does.
    actions = component.ACTIONS if entry is not None else component.ACTIONS[:3]
    picture = Picture(scene, settings, shown, mask.busy, actions)
    taken = Shown(dataset, picture, mask, entry, prior, rule, element_rule, caller, parameters)
    figure_bar(taken)
    genome_figure(picture)
    frame = elements_frame(mask.elements)
    # A place of its own, so that the tabs below stay as they are when it fills in.
    with st.container():
        if mask.posterior is not None and peaks is not None:
            agreement(frame, peaks, window.interval)
    if entry is not None and entry.card.get("summary"):
        with st.expander(f"What {entry.id} learnt, and what not", icon=":material/school:"):
            st.write(entry.card["summary"])
            st.caption(f"Made by `{entry.card.get('command', '')}`")
    tabs = st.tabs(["Learned elements", "Peaks", "Deletions", "Selection", "Download"])
    stamp = f"{place.gene.id}-{cell}-{hash((prior, rule, element_rule, entry and entry.id))}"
    with tabs[0]:
        picked = feature_table(
            frame,
            window.gene,
            f"elements-{stamp}",
            "No element: no stretch of the mask meets the rule. Lower the threshold or the "
            "shortest length."
            if mask.posterior is not None
            else "The model is not done yet.",
        )
    with tabs[1]:
        here = pd.DataFrame() if peaks is None else in_window(peaks, window.interval)
        picked_peaks = feature_table(
            here,
            window.gene,
            f"peaks-{stamp}-{hash(parameters)}",
            "No peak in this window." if peaks is not None else "MACS3 is not done yet.",
        )
        if peaks is not None:
            st.caption(caller.describe(parameters))
    with tabs[2]:
        effects_table(deleted, mask, dataset.name)
    with tabs[3]:
        selections = selection_table(dataset.lengths)
    with tabs[4]:
        session = session_of(
            dataset,
            place,
            cell,
            "" if entry is None else entry.id,
            prior,
            rule,
            element_rule,
            parameters,
            settings,
        )
        downloads(taken, picked, picked_peaks, (len(frame), len(here)), selections, session)
    figure_dialog(taken)


def contact_matrix(cell: Cell) -> MatrixProvider | None:
    """Return what reads the contact map of a cell type; None where it has none."""
    return None if cell.contact is None else cell.contact.matrix


def in_window(frame: pd.DataFrame, window: Interval) -> pd.DataFrame:
    """Return the rows that touch the window."""
    touches = (
        (frame["chrom"] == window.chrom)
        & (frame["start"] < window.end)
        & (frame["end"] > window.start)
    )
    return frame[touches].reset_index(drop=True)


page()
