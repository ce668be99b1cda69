"""What follows the prior: models trained at several, and masks tilted from one to another."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pages.parts.models_table import Column, table
from seq2exp.analysis.result_tables import TILT_METRICS, prior_sweep, spread, tilt_summary
from seq2exp.analysis.results import Results
from seq2exp.model.checkpoint import ModelEntry
from seq2exp.view.model_figures import prior_curves

_SWEEP = {
    "model_id": Column("Model", pinned=True),
    "prior_mean": Column("Prior mean", "expected share of open bases", "%.3g", width=90),
    "mask_ratio": Column("Mask ratio", "mean mask value over the window's bases", "percent"),
    "mse": Column("MSE", "log10(CAGE + 1) squared", "%.3f"),
    "pearson": Column("Pearson r", "-1 to 1", "%.3f"),
    "auprc": Column("Mask AUPRC", "planted causal bases, raw mask", "%.3f"),
    "low": Column("AUPRC from", "lower end of the 95 % interval over genes", "%.3f"),
    "high": Column("AUPRC to", "upper end of the 95 % interval over genes", "%.3f"),
    "n": Column("Examples", "gene × cell type, test", "localized"),
}
_TILT = {
    "system": Column("System", "whose mask is tilted", pinned=True),
    "prior_mean": Column("Trained at", "its own prior mean", "%.3g", width=80),
    "to_mean": Column("Tilted to", "prior mean", "%.3g", width=75),
    "to_strength": Column("Its strength", "pseudo-observations per base", "%.3g", width=75),
    "correlation": Column(
        "r of masks", "Pearson r, over bases, of the tilted mask and the one trained there"
    ),
    "untilted_correlation": Column("r untilted", "the same before the tilt"),
    "tilted_ratio": Column("Tilted, %", "mean of the tilted mask outside promoters"),
    "trained_ratio": Column("Trained, %", "mean outside promoters of the mask trained there"),
    "auprc_tilted": Column("AUPRC tilted", "planted causal bases, 0 to 1"),
    "auprc_trained": Column("AUPRC trained", "the same of the mask trained there"),
    "seeds": Column("Seeds", "runs that differ in nothing but their seed", width=60),
}


def priors(results: Results, entries: Mapping[str, ModelEntry]) -> None:
    """Show what soft models came to at several priors, and how near the slider comes to them."""
    names = {results.name_of(id, entry.path): id for id, entry in entries.items()}
    cards = {name: entries[id].card for name, id in names.items() if name}
    sweep = prior_sweep(cards, results.fit, results.truth, "test")
    sweep["model_id"] = sweep["model_id"].map(names)
    several = sweep["prior_mean"].nunique() > 1
    if not several and results.priors is None:
        st.info(
            "A sweep needs soft models trained at two prior means or more; train one with "
            "`seq2exp train --set prior_mean=0.2 …` and evaluate it.",
            icon=":material/info:",
        )
        return
    if several:
        _sweep(sweep)
    if results.priors is not None:
        _tilt(results.priors)


def _sweep(sweep: pd.DataFrame) -> None:
    if sweep[["mask_ratio", "mse", "auprc"]].notna().any(axis=None):
        st.plotly_chart(
            prior_curves(sweep),
            key="prior-figure",
            alt="Mask ratio, MSE and mask AUPRC against the prior mean; the table below has all "
            "numbers.",
        )
    table(
        sweep,
        "Each row is a soft model of the models folder, trained at its prior mean and scored "
        "on the test chromosomes: how the share of open bases, the fit and the mask as a map "
        "of planted causal bases follow the prior.",
        "prior-sweep",
        _SWEEP,
    )


def _tilt(frame: pd.DataFrame) -> None:
    st.subheader("The Browser's prior slider against training anew", anchor=False)
    summary = tilt_summary(frame)
    shown = summary[["system", "prior_mean", "to_mean", "to_strength", "seeds"]].copy()
    for name in TILT_METRICS:
        factor, digits = (100, 2) if name.endswith("ratio") else (1, 3)
        pairs = zip(summary[f"{name}_mean"], summary[f"{name}_sd"], strict=True)
        shown[name] = [spread(m * factor, sd * factor, digits) or None for m, sd in pairs]
    table(
        shown,
        "Each row tilts masks to another prior and compares them with the masks that were trained "
        "at that mean, base by base outside promoters; mean ± sd over seeds. The slider keeps the "
        "strength that the model was trained with; the other rows take the strength, too, from "
        "the model trained at that mean. Where r is near 1 and the two AUPRC agree, the tilt "
        "stands for training anew.",
        "prior-tilt",
        _TILT,
        frame,
    )
