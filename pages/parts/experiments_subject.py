"""What the experiments are on: a gene's window as the Browser shows it, with its edits."""

from dataclasses import dataclass

import streamlit as st

from pages.parts import controls, resources
from pages.parts.edits import edit_controls, edited
from pages.parts.sidebar import choices, needed_model
from pages.parts.work import Mask, learned_mask
from seq2exp.analysis.plain import foreign_data
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.genome.window import Window
from seq2exp.inference.perturb import Edit
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.tracks.peaks import PeakCaller, PeakParameters


@dataclass(frozen=True, eq=False)
class Subject:
    """What the experiments are on.

    Attributes
    ----------
    dataset, cell, entry
        Data set, name of the cell type, model.
    window, edits
        The gene's window with the edits that touch it, and these edits.
    prior
        Of the mask.
    caller, parameters
        Of the peaks.
    mask
        What is known of mask and prediction by now.
    """

    dataset: Dataset
    cell: str
    entry: ModelEntry
    window: Window
    edits: tuple[Edit, ...]
    prior: BetaPrior
    caller: PeakCaller
    parameters: PeakParameters
    mask: Mask

    @property
    def stem(self) -> str:
        """How the names of files to take along begin."""
        return f"{self.window.gene.name}_{self.cell}"


def choose(dataset: Dataset, entries: dict[str, ModelEntry]) -> Subject:
    """Ask for gene, cell type, model and mask, with the Browser's own controls; find the mask."""
    left, middle, right = st.columns([4, 2, 3])
    place = controls.search(dataset, left)
    cell = controls.choose_cell(dataset, middle)
    entry = needed_model(entries, right)
    with st.sidebar:
        chosen = choices(dataset, cell, entry)
        edit_controls(dataset.lengths)
    # The controls stand beside a wrong name, too: those that are not drawn forget what was set.
    if place is None:
        st.stop()
    try:
        measured = resources.window(dataset.digest, place.gene.id, cell, dataset)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        st.stop()
    controls.explain_problems()
    window, edits = edited(measured)
    foreign = foreign_data(entry.card, dataset.simulated)
    for note in filter(None, [foreign, *window.notes]):
        st.caption(f":material/info: {note}")
    if edits:
        count = f"{len(edits)} {'edit' if len(edits) == 1 else 'edits'}"
        st.info(
            f"The window has {count} of its inputs, listed on the left; everything below starts "
            "from the edited window.",
            icon=":material/edit:",
        )
    prior = chosen.prior
    assert prior is not None  # as there is a model
    mask = learned_mask(dataset, window, entry, prior, chosen.rule, chosen.elements, edits)
    return Subject(
        dataset, cell, entry, window, edits, prior, chosen.caller, chosen.parameters, mask
    )
