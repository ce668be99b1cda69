"""Which models there are, and which one is open."""

from collections.abc import Mapping

import streamlit as st

from pages.parts.controls import set_mask_controls
from pages.parts.models_table import Column, table
from seq2exp.analysis.cards import has_mask, models_frame
from seq2exp.errors import nearest
from seq2exp.inference.models import models_dir
from seq2exp.model.checkpoint import ModelEntry

_COLUMNS = {
    "active": Column("Active", "● is the model that the Browser opens with", width=60, pinned=True),
    "id": Column("Model", "its file's name", pinned=True),
    "system": Column("System", "what kind of model it is"),
    "mse": Column("MSE", "log10(CAGE + 1) squared; lower is better", "%.3f", width=65),
    "pearson": Column("Pearson r", "-1 to 1; higher is better", "%.3f", width=80),
    "mask_ratio": Column("Mask ratio", "mean mask over the window's bases", "percent", width=85),
    "auprc": Column(
        "Mask AUPRC",
        "how well the mask finds the planted causal bases; 0 to 1, higher is better",
        "%.3f",
        width=100,
    ),
    "auprc_dnase": Column("DNase AUPRC", "the same of DNase alone", "%.3f", width=105),
    "n": Column("Examples", "gene × cell type, held out", "localized"),
    "split": Column("Scored on", "split of the chromosomes"),
    "seed": Column("Seed", "of the random numbers in training"),
    "data": Column("Data", "what it was trained and scored on: simulated or measured"),
    "trained_on": Column("Data set"),
    "steps": Column("Steps", "of training, until the weights that were kept", "localized"),
    "layers": Column("Size"),
    "parameters": Column("Parameters", "numbers stored in the file", "localized"),
}


def choose(entries: Mapping[str, ModelEntry]) -> ModelEntry | None:
    """Ask which model to look at; it is the one that the Browser opens with, too."""
    if not entries:
        st.info(
            f"There are no models in `{models_dir()}`. Make one with "
            "`seq2exp train --dataset demo_full/dataset.yaml --preset demo "
            "--out data/models/mine.safetensors`.",
            icon=":material/info:",
        )
        return None
    asked = st.query_params.get("model")
    if asked and asked not in entries:
        st.warning(
            f"The link's 'model' is '{asked}'; {nearest(asked, entries)}",
            icon=":material/link_off:",
        )
    # The Browser's control has this key as well, so that one choice holds on both pages.
    model = st.selectbox(
        "Active model",
        list(entries),
        key="model",
        bind="query-params",
        on_change=_changed,
        args=(entries,),
        help="The Browser opens with it. Its prior and mask threshold become those of the model.",
        width=420,
    )
    entry = entries[model]
    if not has_mask(entry.card):
        st.info(
            f"{entry.title} learns no mask, so the Browser cannot show it and opens with another "
            "model.",
            icon=":material/info:",
        )
    return entry


def _changed(entries: Mapping[str, ModelEntry]) -> None:
    entry = entries[st.session_state["model"]]
    if has_mask(entry.card):
        set_mask_controls(entry)


def overview(entries: Mapping[str, ModelEntry], active: ModelEntry | None) -> None:
    """Show all models, one a row."""
    if not entries:
        return
    frame = models_frame(entries.values())
    frame.insert(
        0, "active", ["●" if active is not None and id == active.id else "" for id in frame["id"]]
    )
    table(
        frame.drop(columns="title"),
        "One row a model (● is the active one). Errors and correlations are of expression, over "
        "whole 200,000 bp windows of chromosomes that the model never saw; point at a column's "
        "head to read what it is.",
        "models",
        _COLUMNS,
    )
