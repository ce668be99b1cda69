"""The tab of deletions: what is deleted, and which of it the gene's prediction needs."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import pandas as pd
import streamlit as st

from pages.parts.experiments_kept import remember
from pages.parts.experiments_subject import Subject
from pages.parts.experiments_table import Download, Files, about_of, notes, result_table
from pages.parts.experiments_work import cost_of, found, offer_the_rest, ready
from pages.parts.models_table import Column
from pages.parts.work import Setting, called_peaks
from seq2exp.analysis.deletion import (
    UNITS,
    Deletions,
    Target,
    delete,
    element_targets,
    interval_targets,
    tiles,
)
from seq2exp.errors import InputError
from seq2exp.export.effects import effects_bed, effects_bedgraph
from seq2exp.genome.annotation import Gene
from seq2exp.genome.locus import to_one_based
from seq2exp.inference.jobs import Progress
from seq2exp.view.experiment_figures import MOST_BARS, along, ranked

_KINDS = {
    "element": "Learned elements",
    "peak": "MACS3 peaks",
    "selection": "BED selection",
    "tile": "Sliding tile",
}
_TILE = (20, 50_000, 1_000)
COLUMNS = {
    "rank": Column("Rank", "1: the largest change of the prediction", "%d", width=60, pinned=True),
    "name": Column("Deleted", "name of the interval", pinned=True),
    "delta": Column("Δ", "log10(CAGE + 1): prediction without it minus reference", "%+.4f"),
    "share": Column("CAGE lost", "share of the predicted CAGE; negative: gained", "percent"),
    "to_tss": Column("To TSS (bp)", "of its middle; negative upstream of the gene", "localized"),
    "position": Column("Start (1-based)", "bp", "localized"),
    "end": Column("End", "bp", "localized"),
    "length": Column("Length (bp)", "inside the window", "localized", width=95),
    "mean_mask": Column("Mean mask", "0 to 1, of its bases, before", "%.3f", width=95),
    "elsewhere": Column(
        "Mask moved elsewhere (bp)",
        "Σ |Δ mask| outside the interval; 0 unless inputs change",
        "%.1f",
    ),
    "role": Column("Role", "promoter: shares a base with TSS ± 1 kb", width=85),
    "of": Column("Of", "what it is: learned element, peak, selected span or tile", width=85),
}


def deletion(subject: Subject) -> None:
    """Ask what to delete, run it, and show what came of it."""
    st.markdown(
        "**Which element does this gene need?** The mask is closed over one interval after the "
        "other and the expression predicted again. The further a bar reaches to the left, the "
        "more expression the model says the gene loses without that interval."
    )
    kinds, neutralise = _controls()
    setting = ready(subject.mask)
    if setting is None:
        return
    try:
        listed = _targets(subject, kinds)
    except InputError as error:
        st.error(str(error), icon=":material/error:")
        return
    if listed is None:
        return
    if not listed:
        st.info(_nothing(kinds), icon=":material/info:")
        return
    targets = tuple(target for _, target in listed)
    named = tuple(kind for kind, _ in listed)
    key = (setting.key, targets, named, neutralise)
    count = f"{len(targets):,} {'interval' if len(targets) == 1 else 'intervals'}"
    runs = len(targets)
    cost = cost_of(subject.mask, runs, runs if neutralise else 0)
    faster = ""
    if setting.rule.mode == "soft" and not neutralise:
        faster = " A hard mask (chosen on the left) is several times as fast."

    def work(progress: Progress) -> Deletions:
        made = delete(setting.experiment(), targets, neutralise=neutralise, progress=progress)
        return replace(made, frame=made.frame.assign(of=named[: len(made.frame)]))

    made = found(
        "deletion",
        key,
        setting.window.gene.name,
        f"Delete {count}",
        f"One run of the network for each, {cost}.{faster}",
        work,
    )
    if made is None:
        return
    remember(setting.key, ("deletion", key))
    if not made.complete:
        done = f"{len(made.frame):,} of {count} are deleted."
        offer_the_rest("deletion", key, done, work)
    _show(subject, setting, made)


def _controls() -> tuple[list[str], bool]:
    row = st.container(
        horizontal=True, vertical_alignment="bottom", gap="medium", key="delete-what"
    )
    with row:
        kinds = st.pills(
            "Delete",
            list(_KINDS),
            selection_mode="multi",
            default=["element"],
            format_func=_KINDS.get,
            key="of",
            bind="query-params",
            help="Learned elements and peaks are those of the Browser under the settings on the "
            "left; the BED selection is what you picked there.",
        )
        if "tile" in kinds:
            low, high, usual = _TILE
            st.number_input(
                "Tile (bp)", low, high, usual, key="tile", bind="query-params", width=130
            )
            st.number_input(
                "Step (bp)",
                low,
                high,
                usual,
                key="step",
                bind="query-params",
                width=130,
                help="From the start of one tile to that of the next.",
            )
        neutralise = st.toggle(
            "Neutralise sequence and signals, too",
            key="neutralise",
            bind="query-params",
            help="Also makes the bases N and sets H3K27ac and DNase to 0 in place (coordinates "
            "never shift), so the mask is found anew and may change elsewhere. Takes about twice "
            "as long.",
        )
    return list(kinds), neutralise


def _targets(subject: Subject, kinds: Sequence[str]) -> list[tuple[str, Target]] | None:
    """Return what to delete with its kind, in the order of the kinds; None while peaks are called.

    Raises
    ------
    InputError
        For more tiles than there may be.
    """
    window = subject.window
    listed: list[tuple[str, Target]] = []
    for kind in (one for one in _KINDS if one in kinds):
        if kind == "element":
            made = element_targets(subject.mask.elements)
        elif kind == "peak":
            peaks, _ = called_peaks(
                subject.dataset, subject.cell, subject.caller, subject.parameters
            )
            if peaks is None:
                return None
            made = interval_targets(peaks, window, "peak")
        elif kind == "selection":
            rows = [asdict(one) for one in st.session_state.get("selections", ())]
            columns = ["chrom", "start", "end", "name"]
            made = interval_targets(pd.DataFrame(rows, columns=columns), window, "selection")
        else:
            state = st.session_state
            made = tiles(window, int(state["tile"]), int(state["step"]))
        listed += [(kind, target) for target in made]
    return listed


def _nothing(kinds: Sequence[str]) -> str:
    """Say why there is nothing to delete, and what helps."""
    if not kinds:
        return "Choose what to delete."
    hints = {
        "element": "no learned element under this threshold (lower it on the left)",
        "peak": "no peak in this window (raise the q-value on the left)",
        "selection": "nothing selected in this window (Shift-drag over the Browser's figure)",
    }
    said = " and ".join(hints[kind] for kind in kinds if kind in hints)
    return f"{said[:1].upper()}{said[1:]}."


def _show(subject: Subject, setting: Setting, made: Deletions) -> None:
    window = setting.window
    frame = made.frame
    how = "mask closed, bases N, H3K27ac and DNase 0" if made.neutralised else "mask closed"
    notes(made.notes)
    st.plotly_chart(
        ranked(frame, _to_tss(frame, window.gene)),
        key="deletion-ranked",
        alt=f"Bars of the {min(len(frame), MOST_BARS)} largest effects of {len(frame)} deletions "
        f"on {window.gene.name}; the table below has all of them.",
    )
    which = f"The {MOST_BARS} largest of {len(frame):,}. " if len(frame) > MOST_BARS else ""
    st.caption(
        f"{which}Distances are from the TSS to an interval's middle, along the gene: what is "
        "negative lies upstream."
    )
    shown = window.interval.clip(subject.dataset.lengths[window.interval.chrom])
    st.plotly_chart(
        along(frame, shown, window.gene.tss),
        key="deletion-along",
        alt="The same effects along the gene's window; the table below has all positions.",
    )
    ordered = frame.sort_values("rank", kind="stable").reset_index(drop=True)
    title = f"Deleted in silico: {window.gene.name} in {window.cell}"
    about = about_of(
        setting,
        subject.dataset.name,
        deletion=how,
        reference=f"{made.reference:.6g} log10(CAGE+1)",
    )
    described = "; ".join(f"{key}: {text}" for key, text in about.items())
    lengths = subject.dataset.lengths
    name = f"Δ {window.gene.name} {window.cell}"
    result_table(
        as_shown(ordered, window.gene, made.neutralised),
        f"One row an interval that was deleted ({how}), the largest change first. Δ is the "
        f"prediction without it minus the reference {made.reference:.4f}, in log10(CAGE + 1); "
        "“CAGE lost” is the same as a share of the predicted CAGE.",
        "deletion",
        COLUMNS,
        Files(
            f"{subject.stem}.deletions",
            ordered,
            {**UNITS, "of": ""},
            {"table": title, **about},
            (
                Download(
                    "bedGraph",
                    "bedGraph",
                    lambda: effects_bedgraph(ordered, lengths, name, described),
                ),
                Download("BED", "bed", lambda: effects_bed(ordered, lengths, name, described)),
            ),
        ),
        places=ordered,
    )


def as_shown(frame: pd.DataFrame, gene: Gene, neutralised: bool) -> pd.DataFrame:
    """Return deletions with 1-based positions and distances, for `COLUMNS`."""
    shown = frame.assign(
        position=[to_one_based(start) for start in frame["start"]],
        to_tss=_to_tss(frame, gene),
    )
    return shown if neutralised else shown.drop(columns="elsewhere")


def _to_tss(frame: pd.DataFrame, gene: Gene) -> pd.Series:
    """Return how far the middles of intervals lie from the TSS, in bp along the gene."""
    return gene.from_tss((frame["start"] + frame["end"]) // 2)
