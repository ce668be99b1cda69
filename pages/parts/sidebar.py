"""What the sidebar of a page with a mask begins with: the data set, mask, elements and peaks."""

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts import controls, resources
from seq2exp.datasets.catalog import Dataset
from seq2exp.inference.predictor import MaskRule
from seq2exp.model.beta import BetaPrior
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.tracks.peaks import PeakCaller, PeakParameters


@dataclass(frozen=True)
class Choices:
    """How masks are read and peaks called.

    Attributes
    ----------
    prior, rule : of the mask; `prior` None without a model.
    elements : the shortest element and the widest gap within one, in bp.
    caller, parameters : of the peaks.
    """

    prior: BetaPrior | None
    rule: MaskRule
    elements: tuple[int, int]
    caller: PeakCaller
    parameters: PeakParameters


def name_data(dataset: Dataset) -> None:
    """Name the data set and its assembly, where the caller draws."""
    badge = " :orange-badge[simulated]" if dataset.simulated else ""
    st.markdown(f"**{dataset.name}**{badge}  \n{dataset.assembly}")


def choices(dataset: Dataset, cell: str, entry: ModelEntry | None) -> Choices:
    """Name the data set and ask for mask, elements and peaks, where the caller draws."""
    name_data(dataset)
    prior, rule = (None, MaskRule()) if entry is None else controls.mask_controls(entry)
    elements = controls.element_controls()
    caller = resources.peak_caller(dataset.digest, cell, dataset)
    return Choices(prior, rule, elements, caller, controls.peak_controls(caller))


def needed_model(entries: dict[str, ModelEntry], box: DeltaGenerator) -> ModelEntry:
    """Ask for a model; without any, say how to get one and stop the page."""
    entry = controls.choose_model(entries, box)
    if entry is None:
        st.error(
            "There is no model with a mask in the models folder; train one with `seq2exp train`.",
            icon=":material/error:",
        )
        st.stop()
    return entry
