"""The tab that asks whether distal sequence matters, and whether models of other seeds agree."""

import pandas as pd
import streamlit as st

from pages.parts.experiments_seeds import seed_masks
from pages.parts.experiments_subject import Subject
from pages.parts.experiments_table import Files, about_of, notes, result_table
from pages.parts.experiments_work import cost_of, found, offer_the_rest, ready
from pages.parts.models_table import Column
from pages.parts.work import Setting
from seq2exp.analysis.distal import distal_curve, mask_agreement, usual_lengths
from seq2exp.inference.jobs import Progress
from seq2exp.view.experiment_figures import distal as distal_figure
from seq2exp.view.experiment_figures import seed_band

#: Bases in a bin of the seeds' figure.
_BIN = 500
_CURVE = {
    "length": Column("Window (bp)", "centred on the TSS", "localized", pinned=True),
    "cut": Column("Cut", "log10(CAGE + 1) predicted from a window of this length alone", "%.4f"),
    "closed": Column(
        "Closed outside", "log10(CAGE + 1) of the whole window, its mask 0 outside", "%.4f"
    ),
    "mask_ratio": Column("Mask ratio", "Σ mask / length of the cut window", "percent"),
    "kept": Column("Mask inside", "share of the whole window's Σ mask that lies inside", "percent"),
}
_CURVE_UNITS = {
    **{"length": "bp", "cut": "log10(CAGE+1)", "closed": "log10(CAGE+1)"},
    **{"mask_ratio": "0-1", "kept": "share of the whole window's"},
}
_BAND = {
    "start": Column("Start (1-based)", "bp", "localized", pinned=True),
    "end": Column("End", "bp", "localized"),
    "mean": Column("Mean", "over seeds, of each one's mean mask in the bin, 0 to 1", "%.4f"),
    "low": Column("Lowest", "seed", "%.4f"),
    "high": Column("Highest", "seed", "%.4f"),
}
_BAND_UNITS = {"mean": "0-1", "low": "0-1", "high": "0-1"}


def distal(subject: Subject) -> None:
    """Show the curve of ever longer windows, and the masks of other seeds."""
    st.markdown(
        "**Does distal sequence matter for this gene?** The expression is predicted from ever "
        "longer windows around the TSS. A curve that is flat after a few kb says that the model "
        "reads the promoter alone; a step says that something at that distance counts."
    )
    setting = ready(subject.mask)
    if setting is None:
        return
    lengths = usual_lengths(setting.window, setting.predictor.config.promoter)
    shorter = len(lengths) - 1
    share = sum(lengths[:-1]) / setting.window.length
    key = (setting.key, "distal")

    def work(progress: Progress) -> tuple[pd.DataFrame, int]:
        return distal_curve(setting.experiment(), progress=progress), len(lengths)

    made = found(
        "distal",
        key,
        setting.window.gene.name,
        "Shorten the window",
        f"{len(lengths)} windows from {lengths[0] / 1000:g} to {lengths[-1] / 1000:g} kb, "
        f"{cost_of(subject.mask, shorter + share, share)}.",
        work,
    )
    if made is not None:
        curve, wanted = made
        if len(curve) < wanted:
            done = f"{len(curve)} of {wanted} windows are done."
            offer_the_rest("distal", key, done, work)
        _show_curve(subject, setting, curve)
    st.subheader("Do models of other seeds open the same bases?", anchor=False)
    _seeds(subject, setting)


def _show_curve(subject: Subject, setting: Setting, curve: pd.DataFrame) -> None:
    window = setting.window
    notes(setting.predictor.applied(setting.rule)[1])
    st.plotly_chart(
        distal_figure(curve, window.label, window.label_name),
        key="distal-figure",
        alt="Predicted expression against the length of the window that is read; the table below "
        "has all numbers.",
    )
    if len(curve) > 1:
        first, last = curve.iloc[0], curve.iloc[-1]
        st.caption(
            f"From {first['length'] / 1000:g} kb to {last['length'] / 1000:g} kb the prediction "
            f"changes by {last['cut'] - first['cut']:+.3f} log10(CAGE + 1); "
            f"{1 - first['kept']:.1%} of Σ mask of the longest window lies outside the shortest."
        )
    result_table(
        curve,
        "One row a window. “Cut” reads that window alone and makes a mask for it; “closed outside” "
        "reads the whole window with its mask closed outside. Where they differ, the mask inside "
        "depends on what lies outside.",
        "distal",
        _CURVE,
        Files(
            f"{subject.stem}.windows",
            curve,
            _CURVE_UNITS,
            about_of(setting, subject.dataset.name),
        ),
    )


def _seeds(subject: Subject, setting: Setting) -> None:
    window, posterior = setting.window, subject.mask.posterior
    seeds = seed_masks(
        subject.dataset, window, subject.entry, subject.prior, posterior, subject.edits
    )
    if not seeds.names:
        st.info(
            f"There is no model that differs from {subject.entry.id} in its seed alone. Train one "
            "with the same settings and another `--seed`; what two seeds do not share was left to "
            "chance.",
            icon=":material/info:",
        )
        return
    if not seeds.posteriors:
        return
    assert posterior is not None
    masks = [one.edit(one.mean) for one in (posterior, *seeds.posteriors)]
    agreed = mask_agreement(window, masks, _BIN)
    r = "not defined" if agreed.correlation is None else f"{agreed.correlation:.3f}"
    st.markdown(
        f"Masks of **{agreed.models} models** that differ in nothing but their seed "
        f"({subject.entry.id}, {', '.join(seeds.names)}): mean Pearson r of pairs, base by base "
        f"outside the promoter: **{r}** (1: the same mask). Where the band is wide, the mask is "
        "left to chance."
    )
    st.plotly_chart(
        seed_band(agreed.frame, window.interval, window.gene.tss),
        key="seeds-figure",
        alt="Mean, lowest and highest mask over seeds along the window; the table below has all "
        "numbers.",
    )
    frame = agreed.frame.assign(chrom=window.interval.chrom)[
        ["chrom", "start", "end", "mean", "low", "high"]
    ]
    result_table(
        frame.assign(start=frame["start"] + 1),
        f"One row a bin of {_BIN} bp; the Browser shows the same as a row under the mask.",
        "seeds",
        _BAND,
        Files(
            f"{subject.stem}.seeds",
            frame,
            _BAND_UNITS,
            about_of(
                setting,
                subject.dataset.name,
                models=f"{subject.entry.id}, {', '.join(seeds.names)}",
                values="means of the posterior, promoter open, blacklist closed",
            ),
        ),
        places=frame,
    )
