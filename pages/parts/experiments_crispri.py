"""The tab of CRISPRi: whether the model agrees with what silencing an element did."""

from typing import Any

import pandas as pd
import streamlit as st

from pages.parts.experiments_subject import Subject
from pages.parts.experiments_table import Files, about_of, notes, result_table
from pages.parts.experiments_work import cost_of, found, offer_the_rest, ready
from pages.parts.models_table import Column, table
from pages.parts.work import Setting
from seq2exp.analysis.crispri_check import (
    SCORES,
    CrispriCheck,
    crispri_check,
    pairs_of,
    within,
)
from seq2exp.genome.locus import resolve_chrom, to_one_based
from seq2exp.inference.jobs import Progress
from seq2exp.view.experiment_figures import crispri as crispri_figure

#: Axis titles of the scores.
_AXES = {"mean_mask": "Mean mask (0 to 1)", "lost": "−Δ log10(CAGE + 1) when deleted"}
_COLUMNS = {
    "position": Column("Start (1-based)", "bp", "localized", pinned=True),
    "end": Column("End", "bp", "localized"),
    "to_tss": Column("To TSS (bp)", "of its middle; negative upstream of the gene", "localized"),
    "regulated": Column("Regulates", "significant, and less expression when silenced"),
    "effect": Column("Silenced", "relative change of measured expression", "percent"),
    "p_adjusted": Column("Adjusted p", "of that change", "%.2g"),
    "mean_mask": Column("Mean mask", "0 to 1, of its bases in the window", "%.3f"),
    "delta": Column("Δ when deleted", "log10(CAGE + 1), predicted", "%+.4f"),
    "dataset": Column("Experiment"),
}
_UNITS = {
    **{"effect": "relative change", "p_adjusted": "adjusted p", "significant": "true or false"},
    **{"regulated": "true or false", "delta": "log10(CAGE+1)", "lost": "log10(CAGE+1)"},
    "dataset": "",
}
_AGREEMENT = {
    "score": Column("Score of the model", pinned=True),
    "spearman": Column(
        "Spearman's ρ", "with −(effect of silencing); 1: the same order; – below 3 effects", "%.2f"
    ),
    "n_effect": Column("Elements with an effect", "over which ρ was taken", "localized"),
    "auprc": Column("AUPRC", "regulating against other elements, 0 to 1; – without both", "%.2f"),
    "chance": Column("at random", "AUPRC of a random score: the regulating share", "%.2f"),
    "n": Column("Elements", "tested for this gene and in its window", "localized"),
    "n_regulated": Column("Regulating", "of those", "localized"),
}


def crispri(subject: Subject) -> None:
    """Check mask and deletion against the elements that were tested for the gene."""
    st.markdown(
        "**Does the model agree with experiments?** Elements that were silenced by CRISPRi in "
        "cells, beside what the mask says of them and what deleting them in silico does. Points "
        "on the lower right are what one hopes for: important to the cells, important to the model."
    )
    pairs = subject.dataset.cells[subject.cell].crispr
    if pairs is None:
        st.info(
            f"The data set has no CRISPRi table for {subject.cell}; name one as `crispr` of the "
            "cell type in its dataset.yaml.",
            icon=":material/info:",
        )
        return
    tested = pairs_of(pairs, subject.window.gene)
    if tested.empty:
        st.info(
            f"No element was tested for {subject.window.gene.name}. {_others(pairs, subject)}",
            icon=":material/info:",
        )
        return
    here = within(tested, subject.window)
    if here.empty:
        count = "The element" if len(tested) == 1 else f"Each of the {len(tested):,} elements"
        half = subject.window.length / 2000
        st.info(
            f"{count} tested for {subject.window.gene.name} lies farther than {half:g} kb from its "
            f"TSS, where the model does not read. {_others(pairs, subject)}",
            icon=":material/info:",
        )
        return
    setting = ready(subject.mask)
    if setting is None:
        return
    key = (setting.key, "crispri")

    def work(progress: Progress) -> CrispriCheck:
        return crispri_check(setting.experiment(), pairs, progress)

    count = f"{len(here):,} tested {'element' if len(here) == 1 else 'elements'}"
    made = found(
        "crispri",
        key,
        setting.window.gene.name,
        f"Check {count}",
        f"One run of the network for each in the window, {cost_of(subject.mask, len(here))}.",
        work,
    )
    if made is None:
        return
    if not made.complete:
        done = f"{len(made.frame):,} of {count} are deleted."
        offer_the_rest("crispri", key, done, work)
    _show(subject, setting, made)


def _others(pairs: pd.DataFrame, subject: Subject) -> str:
    """Name genes of this data set for which most elements were tested."""
    here = {name: resolve_chrom(name, subject.dataset.lengths) for name in pairs["chrom"].unique()}
    known = pairs[pairs["chrom"].map(here).notna()]
    genes = subject.dataset.annotation.symbols()
    counts = known.loc[known["gene_symbol"].isin(genes), "gene_symbol"].value_counts().head(5)
    if counts.empty:
        return ""
    named = ", ".join(f"{name} ({count})" for name, count in counts.items())
    return f"Genes here with most tested elements: {named}."


def _show(subject: Subject, setting: Setting, made: CrispriCheck) -> None:
    notes(made.notes)
    frame = made.frame
    if frame["effect"].notna().any():
        st.plotly_chart(
            crispri_figure(frame, list(_AXES.items())),
            key="crispri-check-figure",
            alt="Measured change of expression against mean mask and against the predicted loss; "
            "the table below has all numbers.",
        )
    table(
        _agreement(made),
        f"How two scores of the model agree with what silencing did to {setting.window.gene.name}, "
        f"over the {len(frame)} of {made.tested} tested elements that lie in its window. With few "
        "elements such numbers are rough.",
        f"{subject.stem}.crispri-agreement",
        _AGREEMENT,
    )
    gene = setting.window.gene
    result_table(
        frame.assign(
            position=[to_one_based(start) for start in frame["start"]],
            to_tss=gene.from_tss((frame["start"] + frame["end"]) // 2),
        ).sort_values("effect"),
        "One row an element that was tested for this gene, the strongest loss first.",
        "crispri",
        _COLUMNS,
        Files(
            f"{subject.stem}.crispri",
            frame,
            _UNITS,
            about_of(setting, subject.dataset.name),
        ),
        places=frame.sort_values("effect"),
    )


def _agreement(made: CrispriCheck) -> pd.DataFrame:
    """Return one row a score of the model."""
    rows: list[dict[str, Any]] = []
    for score, found_ in made.agreement.items():
        chance = found_["n_regulated"] / found_["n"] if found_["n"] else None
        rows.append({"score": SCORES[score], **found_, "chance": chance})
    return pd.DataFrame(rows).astype({"spearman": "float64", "auprc": "float64"})
