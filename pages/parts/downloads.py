"""Taking results away; every file is made when its button is pressed, not before."""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.genome import camera
from pages.parts.take_figure import figure_button, quick_figures
from pages.parts.take_files import file_button
from pages.parts.take_hub import hub_section
from pages.parts.take_report import report_button
from pages.parts.take_selections import selection_frame
from pages.parts.take_shown import Shown
from seq2exp.export.bed import rgb, write_bed6, write_bed9, write_narrowpeak
from seq2exp.export.bigwig import bedgraph, bigwig, mask_track
from seq2exp.export.selections import write_selections
from seq2exp.export.session import Selection, Session
from seq2exp.export.tables import FORMATS, of_gene, regions, write_table

_TABLE_NAMES = {"tsv": "TSV", "parquet": "Parquet"}
_BOUNDS = {"mean": "Mean", "lower": "Lower bound", "upper": "Upper bound"}


def downloads(
    shown: Shown,
    elements: pd.DataFrame,
    peaks: pd.DataFrame,
    listed: tuple[int, int],
    selections: list[Selection],
    session: Session,
) -> None:
    """Offer figures, features, the mask, the selection, the session, the report and a hub.

    Parameters
    ----------
    shown
        What is on show.
    elements, peaks
        The rows to export: the picked ones, or all.
    listed
        How many elements and peaks there are to pick from.
    selections
        The BED selection.
    session
        What restores the view; its region and highlights are those on screen when the file is made.
    """
    with _row("Figure", "of the part on screen"):
        figure_button(shown, "download")
        quick_figures(shown)
    with _row("Elements", _counted(len(elements), listed[0])):
        _elements(shown, elements)
    with _row("Peaks", _counted(len(peaks), listed[1])):
        _peaks(shown, peaks)
    with _row("Mask", "of the whole window"):
        _mask(shown)
    with _row("Selection", "names, colours, notes"):
        _selection(shown, selections)
    with _row("Report", "for a lab notebook"):
        report_button(shown)
    with _row("Session", "to come back to this view"):
        looking, spans = camera(), shown.highlights
        file_button(
            "Session (JSON)",
            f"{shown.stem}.session.json",
            lambda: replace(session, region=looking.region, highlights=tuple(spans)).to_json(),
        )
    hub_section(shown)


def _counted(count: int, listed: int) -> str:
    """Say how many rows the files of a kind hold."""
    if not listed:
        return "none here"
    return f"all {listed:,} rows" if count == listed else f"the {count:,} picked of {listed:,} rows"


def _row(title: str, about: str) -> DeltaGenerator:
    """Return where the buttons of one kind of file stand."""
    left, right = st.columns([1, 4], gap="small", vertical_alignment="center")
    left.markdown(f"**{title}**  \n:small[:gray[{about}]]")
    return right.container(horizontal=True, gap="small")


def _elements(shown: Shown, elements: pd.DataFrame) -> None:
    stem, lengths, none = f"{shown.stem}.elements", shown.dataset.lengths, elements.empty
    name, sentence = f"Seq2Exp {shown.gene.name} {shown.cell}", shown.sentence
    file_button(
        "Elements (BED9)",
        f"{stem}.bed",
        lambda: write_bed9(elements, name, sentence, lengths=lengths),
        none,
    )
    file_button(
        "Elements (BED6)",
        f"{stem}.bed6.bed",
        lambda: write_bed6(elements, lengths=lengths),
        none,
    )
    file_button(
        "Elements (narrowPeak)",
        f"{stem}.narrowPeak",
        lambda: write_narrowpeak(elements, lengths),
        none,
    )
    _tables(shown, "Elements", stem, elements, shown.of_elements)


def _peaks(shown: Shown, peaks: pd.DataFrame) -> None:
    stem, lengths, none = f"{shown.stem}.peaks", shown.dataset.lengths, peaks.empty
    name = f"{shown.scene.peaks_title or 'MACS3 peaks'} {shown.gene.name} {shown.cell}"
    sentence = shown.sentence
    file_button(
        "Peaks (BED6)",
        f"{stem}.bed",
        lambda: write_bed6(peaks, name, sentence, lengths),
        none,
    )
    file_button(
        "Peaks (narrowPeak)",
        f"{stem}.narrowPeak",
        lambda: write_narrowpeak(peaks, lengths),
        none,
    )
    _tables(shown, "Peaks", stem, peaks, {} if none else shown.of_peaks)


def _tables(
    shown: Shown, what: str, stem: str, frame: pd.DataFrame, about: Mapping[str, str]
) -> None:
    """Offer the rows of one gene as tables."""
    gene, cell = shown.gene, shown.cell
    for fmt in FORMATS:
        file_button(
            f"{what} ({_TABLE_NAMES[fmt]})",
            f"{stem}.{fmt}",
            lambda fmt=fmt: write_table(of_gene(frame, gene, cell), fmt, about=about),
            frame.empty,
        )


def _mask(shown: Shown) -> None:
    scene, stem, lengths = shown.scene, shown.stem, shown.dataset.lengths
    posterior, interval, none = scene.posterior, scene.interval, scene.posterior is None
    for kind, label in _BOUNDS.items():
        file_button(
            f"{label} (bigWig)",
            f"{stem}.mask.{kind}.bw",
            lambda kind=kind: bigwig(mask_track(posterior, kind), interval, lengths),
            none,
            "Of each base's posterior: its mean, and the 5 % and 95 % quantiles as bounds.",
        )
    if shown.mask.rule is not None and shown.mask.rule.mode != "soft":
        file_button(
            "As it was read (bigWig)",
            f"{stem}.mask.{shown.mask.rule.mode}.bw",
            lambda: bigwig(scene.mask, interval, lengths),
            scene.mask is None,
            "What the rule makes of the mean: 1 where the model read a base, else 0.",
        )
    name, sentence = f"Seq2Exp {shown.gene.name} {shown.cell} mask mean", shown.sentence
    file_button(
        "Mean (bedGraph)",
        f"{stem}.mask.mean.bedGraph",
        lambda: bedgraph(mask_track(posterior, "mean"), interval, lengths, name, sentence),
        none,
    )


def _selection(shown: Shown, selections: list[Selection]) -> None:
    none, stem = not selections, f"{shown.stem}.selection"
    simulated = "simulated data, " if shown.dataset.simulated else ""
    about = f"{simulated}{shown.dataset.name}, {shown.dataset.assembly}"
    file_button(
        "Selection (BED)",
        f"{stem}.bed",
        lambda: write_selections(selections, "Seq2Exp selection", about),
        none,
        "BED9 with names, colours and notes; “Add the spans of a BED file” on the tab Selection "
        "brings all of them back.",
    )
    origin = {key: shown.origin[key] for key in ("data set", "assembly")}

    def table(fmt: str) -> bytes:
        frame = selection_frame(selections)
        frame = frame.assign(
            # Readers of tables take what follows a # for a comment.
            color=[rgb(color) for color in frame["color"]],
            length=frame["end"] - frame["start"],
            region=regions(frame),
        )
        return write_table(frame, fmt, {"color": "red,green,blue"}, origin)

    for fmt in FORMATS:
        file_button(
            f"Selection ({_TABLE_NAMES[fmt]})",
            f"{stem}.{fmt}",
            lambda fmt=fmt: table(fmt),
            none,
        )
