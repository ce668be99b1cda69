"""Every element and peak, and every gene, as rows; each opens in the Browser at its place."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from pages.parts.compare_table import table
from pages.parts.compare_work import Question
from pages.parts.models_table import Column
from pages.parts.opening import open_in_browser
from pages.parts.tables import add_to_selection
from seq2exp.analysis.compare.pooled import Comparison
from seq2exp.analysis.compare.rows import GROUPS
from seq2exp.analysis.compare.sets import LEARNED
from seq2exp.genome.locus import Interval, to_one_based
from seq2exp.view.compare_figures import GROUP_NAMES, ratio_scatter
from seq2exp.view.tracks import PALETTE

_ALL = "all"
_INTERVALS = {
    "gene": Column("Gene", pinned=True),
    "class": Column("Class", "shared: the other set covers enough of it"),
    "set": Column("Set"),
    "start": Column("Start (1-based)", format="localized"),
    "end": Column("End", format="localized"),
    "length": Column("Width (bp)", format="localized"),
    "tss_distance": Column("To TSS (bp)", "to its middle; negative upstream", "localized"),
    "shared": Column("In the other set", "share of its counted bp", "percent"),
    "mean_mask": Column("Mask mean", "over its counted bp, 0 to 1", "%.3f"),
    "dnase": Column("DNase", "mean over its counted bp, bigWig's unit", "%.3g"),
    "h3k27ac": Column("H3K27ac", "mean over its counted bp, bigWig's unit", "%.3g"),
    "contact": Column("Contact", "mean with the TSS, Hi-C map's unit", "%.3g"),
    "genomic": Column("Genomic class", "the first of promoter, exon, intron that it touches"),
    "name": Column("Name"),
    "chrom": Column("Chromosome"),
}
_GENES = {
    "gene": Column("Gene", pinned=True),
    "learned": Column("Elements", "learned elements", "localized"),
    "learned_shared": Column("shared", "learned elements that peaks cover enough of", "localized"),
    "learned_only": Column("learned-only", "learned elements that peaks miss", "localized"),
    "peaks": Column("Peaks", "peaks in the window", "localized"),
    "peaks_shared": Column("shared", "peaks that elements cover enough of", "localized"),
    "peaks_only": Column("peak-only", "peaks that the model ignores", "localized"),
    "jaccard": Column("Jaccard", "bp in both, of bp in either", "%.3f"),
    "precision": Column("Precision", "bp in both, of bp learned", "%.3f"),
    "recall": Column("Recall", "bp in both, of bp in peaks", "%.3f"),
    "mask_ratio": Column("Mask ratio", "of the window", "percent"),
    "peaks_ratio_window": Column("Peak ratio", "of the window", "percent"),
    "bp_shared": Column("Shared (bp)", "bp in both", "localized"),
    "bp_union": Column("Either (bp)", "bp in either", "localized"),
    "bp_counted": Column("Counted (bp)", "bases of the window that count", "localized"),
    "chrom": Column("Chromosome"),
}


def interval_rows(question: Question, found: Comparison, about: Mapping[str, str]) -> None:
    """Show learned elements and peaks, one a row."""
    rows, of = found.rows, _ALL
    several = len(found.found) > 1
    if several:
        # The table shows so many rows at most; one gene's are always all there.
        names = {one.gene.id: one.gene.name for one in found.found}
        of = st.selectbox(
            "Of the gene",
            [_ALL, *names],
            format_func=lambda id: names.get(id, "all genes"),
            key="compare-of",
            width=320,
        )
        rows = rows if of == _ALL else rows[rows["gene_id"] == of]
    groups = {_ALL: f"all ({len(rows):,})"}
    for group in GROUPS:
        count = int(((rows["set"] == group[0]) & (rows["class"] == group[1])).sum())
        groups[GROUP_NAMES[group]] = f"{GROUP_NAMES[group]} ({count:,})"
    chosen = st.segmented_control(
        "Which",
        list(groups),
        default=_ALL,
        required=True,
        format_func=groups.get,
        key="compare-group",
    )
    if chosen != _ALL:
        name, kind = next(group for group in GROUPS if GROUP_NAMES[group] == chosen)
        rows = rows[(rows["set"] == name) & (rows["class"] == kind)]
    if rows.empty:
        st.info("There is none.", icon=":material/info:")
        return
    rows = rows.reset_index(drop=True)
    shown = rows.assign(
        start=[to_one_based(start) for start in rows["start"]],
        shared=rows["shared_bp"] / rows["counted_bp"],
    )
    sentence = (
        "One row is a learned element of a gene, or a peak in its window"
        + (", once for each gene in whose window it lies" if several and of == _ALL else "")
        + ". Means are over the bases that count."
    )
    picked = table(
        "rows",
        shown,
        sentence,
        _INTERVALS,
        about,
        rows,
        key=f"rows-{of}-{chosen}-{stamp(question)}",
        select=True,
    )
    _actions(rows.iloc[picked])


def _actions(picked: pd.DataFrame) -> None:
    """Offer to open the rows that are picked, and to take them into the BED selection."""
    row = st.container(horizontal=True, vertical_alignment="center")
    if row.button(
        "Open in the Browser",
        icon=":material/genetics:",
        disabled=picked.empty,
        key="open-row",
        help="The Browser then shows the gene, with this mask, at the first picked row.",
    ):
        first = picked.iloc[0]
        place = Interval(str(first["chrom"]), int(first["start"]), int(first["end"]))
        open_in_browser(str(first["gene_id"]), str(first["cell"]), place)
    if row.button(
        "Add to selection",
        icon=":material/playlist_add:",
        disabled=picked.empty,
        key="add-rows",
        help="The selection is kept for the Browser, for files, and as a further set here.",
    ):
        learned = picked["set"] == LEARNED
        # Elements are numbered within a gene.
        named = picked.assign(name=picked["gene"] + "_" + picked["name"])
        add_to_selection(named[learned], PALETTE["elements"])
        add_to_selection(picked[~learned], PALETTE["peaks"])
        st.rerun()
    count = len(picked)
    kept = len(st.session_state.get("selections", []))
    row.caption(
        (f"{count:,} picked. " if count else "Pick rows by their boxes, or by Shift+Space. ")
        + (f"{kept:,} in the selection." if kept else "")
    )


def gene_rows(question: Question, found: Comparison, about: Mapping[str, str]) -> None:
    """Show the genes, one a row, and mask ratio against peak ratio."""
    genes = found.genes
    if len(genes) > 1:
        event = st.plotly_chart(
            ratio_scatter(genes),
            key=f"ratios-{stamp(question)}",
            on_select="rerun",
            selection_mode="points",
            alt="Mask ratio against peak ratio, one point a gene; the table below has all numbers.",
        )
        clicked = [point["customdata"] for point in event.selection.points if "customdata" in point]
        if clicked:
            _open_gene(genes.iloc[int(_number(clicked[0]))])
        st.caption(
            "One point is one gene. Above the dashed line the mask keeps more of the window than "
            "peaks cover. Click a point to open the gene in the Browser."
        )
    picked = table(
        "genes",
        genes,
        "One row a gene; smallest overlap and counted bases as above.",
        _GENES,
        about,
        key=f"genes-{stamp(question)}",
        select=True,
    )
    if st.button(
        "Open in the Browser",
        icon=":material/genetics:",
        disabled=not picked,
        key="open-gene",
    ):
        _open_gene(genes.iloc[picked[0]])


def _number(value: object) -> float:
    """Return a point's row, which comes back bare or as a list of one."""
    return float(value[0] if isinstance(value, list) else value)


def _open_gene(row: pd.Series) -> None:
    open_in_browser(str(row["gene_id"]), str(row["cell"]))


def stamp(question: Question) -> int:
    """Return what changes with the rows, for the keys of what is selected in them."""
    return hash(question.key("main", question.settings))
