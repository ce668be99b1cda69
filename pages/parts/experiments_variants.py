"""The tab of variants: what a substitution does to the prediction, and to the mask around it."""

import pandas as pd
import streamlit as st

from pages.parts.edits import kept_edits
from pages.parts.experiments_subject import Subject
from pages.parts.experiments_table import Download, Files, about_of, notes, result_table
from pages.parts.experiments_variant_list import Listed, listed_variants
from pages.parts.experiments_work import cost_of, found, offer_the_rest, ready
from pages.parts.models_table import Column
from pages.parts.opening import open_in_browser
from pages.parts.work import Setting
from seq2exp.analysis.variant_effect import AROUND, UNITS, VariantEffects, variant_effects
from seq2exp.export.effects import effects_bed
from seq2exp.genome.locus import Interval, to_one_based
from seq2exp.inference.jobs import Progress
from seq2exp.inference.perturb import Edit
from seq2exp.view.experiment_figures import MOST_BARS, mask_change, variant_bars

_KB = f"{AROUND / 1000:g} kb"
_COLUMNS = {
    "name": Column("Name", "id in the VCF, or how it is written", pinned=True),
    "variant": Column("Variant", "1-based"),
    "to_tss": Column("To TSS (bp)", "negative upstream of the gene", "localized"),
    "mean_mask": Column("Mean mask", "0 to 1, of its bases, before", "%.3f", width=95),
    "delta": Column("Δ", "log10(CAGE + 1): alternative minus reference", "%+.3g"),
    "share": Column("CAGE lost", "share of the predicted CAGE; negative: gained", "percent"),
    "delta_mask": Column("Σ Δ mask (bp)", f"of the bases within {_KB}", "%+.3g"),
    "largest": Column("Largest Δ mask", f"of one base within {_KB}, signed", "%+.3g"),
    "largest_position": Column("at (1-based)", "the base whose mask changes most", "localized"),
    "elsewhere": Column("Farther off (bp)", f"Σ |Δ mask| beyond {_KB}", "%.3g"),
}


def variants(subject: Subject) -> None:
    """Ask for variants, predict both alleles of each, and show what differs."""
    st.markdown(
        "**What does a variant do?** The expression is predicted with the reference allele and "
        "with the alternative one; the mask is found anew for each, so you also see whether the "
        "variant opens or closes bases around it. Substitutions only: coordinates never shift."
    )
    listed = listed_variants(subject)
    setting = ready(subject.mask)
    if setting is None or listed is None or not listed.inside:
        return
    wanted = tuple(listed.inside)
    key = (setting.key, wanted)

    def work(progress: Progress) -> VariantEffects:
        genome = subject.dataset.genome
        return variant_effects(setting.experiment(), wanted, genome, progress)

    count = f"{len(wanted):,} {'variant' if len(wanted) == 1 else 'variants'}"
    made = found(
        "variants",
        key,
        setting.window.gene.name,
        f"Test {count}",
        f"One run of the whole network for each, "
        f"{cost_of(subject.mask, len(wanted), len(wanted))}.",
        work,
    )
    if made is None:
        return
    if not made.complete:
        done = f"{len(made.frame):,} of {count} are tested."
        offer_the_rest("variants", key, done, work)
    _show(subject, setting, made, listed)


def _show(subject: Subject, setting: Setting, made: VariantEffects, listed: Listed) -> None:
    window, frame = setting.window, made.frame
    notes(made.notes)
    if len(frame) > 1:
        st.plotly_chart(
            variant_bars(frame),
            key="variant-bars",
            alt=f"Bars of the {min(len(frame), MOST_BARS)} largest effects of variants; the table "
            "below has all of them.",
        )
    lengths, name = subject.dataset.lengths, f"variants {window.gene.name} {window.cell}"
    about = about_of(
        setting,
        subject.dataset.name,
        reference=f"{made.reference:.6g} log10(CAGE+1)",
    )
    described = "; ".join(f"{key}: {text}" for key, text in about.items())
    result_table(
        frame.assign(
            to_tss=window.gene.from_tss(frame["start"]),
            largest_position=[to_one_based(at) for at in frame["largest_at"]],
        ),
        f"One row a variant; Δ is the prediction with the alternative allele minus the reference "
        f"{made.reference:.4f}, in log10(CAGE + 1); the mask is the posterior's mean.",
        "variants",
        _COLUMNS,
        Files(
            f"{subject.stem}.variants",
            frame,
            UNITS,
            about,
            (Download("BED", "bed", lambda: effects_bed(frame, lengths, name, described)),),
        ),
        places=frame,
    )
    _one(frame, made, listed)


def _one(frame: pd.DataFrame, made: VariantEffects, listed: Listed) -> None:
    """Show how one variant changes the mask around it."""
    known = [i for i in range(len(frame)) if i in made.masks]
    if not known:
        return
    names = {i: f"{frame['name'].iloc[i]}" for i in known}
    order = sorted(known, key=lambda i: -abs(frame["delta"].iloc[i]))
    chosen = order[0]
    if len(known) > 1:
        chosen = st.selectbox(
            "Mask around",
            order,
            format_func=names.get,
            key="variant-shown",
            help="The variant with the largest effect first.",
        )
    around, change = made.masks[chosen]
    row = frame.iloc[chosen]
    place = Interval(str(row["chrom"]), int(row["start"]), int(row["end"]))
    st.plotly_chart(
        mask_change(around, change, place),
        key="variant-mask",
        alt=f"Change of the mask within {_KB} of {row['variant']}: in sum "
        f"{row['delta_mask']:+.3g} bp.",
    )
    st.caption(
        f"How {row['variant']} changes the mask of each base within {_KB}: in sum "
        f"{row['delta_mask']:+.3g} bp, at most {row['largest']:+.3g} "
        f"(at {to_one_based(int(row['largest_at'])):,})."
    )
    if st.button(
        "Open in the Browser with this allele",
        key="variant-open",
        icon=":material/genetics:",
        help="The variant becomes an edit of the inputs there; undo it in the sidebar.",
    ):
        edit = Edit(place, "substitute", bases=str(row["alternative"]))
        if edit not in kept_edits():
            kept_edits().append(edit)
        open_in_browser(region=place)
