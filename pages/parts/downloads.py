"""Taking results away; every file is made when its button is pressed, not before."""

from dataclasses import asdict, replace

import pandas as pd
import streamlit as st

from pages.parts.genome import Picture, camera
from seq2exp.datasets.catalog import Dataset
from seq2exp.export.bed import write_bed6, write_bed9, write_narrowpeak
from seq2exp.export.bigwig import bedgraph, bigwig
from seq2exp.export.session import Selection, Session
from seq2exp.view.html import interactive_html
from seq2exp.view.matplotlib import draw
from seq2exp.view.plotly import figure
from seq2exp.view.rows import build_tracks


def downloads(
    dataset: Dataset,
    picture: Picture,
    elements: pd.DataFrame,
    peaks: pd.DataFrame | None,
    selections: list[Selection],
    session: Session,
    footer: str,
) -> None:
    """Offer the figure, the features, the mask and the session.

    Parameters
    ----------
    dataset, picture
        What is on show.
    elements, peaks
        The rows to export: the picked ones, or all.
    selections
        The BED selection.
    session
        What restores the view; its region is what is on screen when the file is made.
    footer
        What the figure says below its rows: data set, model, prior, rule.
    """
    scene = picture.scene
    gene, cell = scene.gene.name, scene.window.cell
    stem = f"{gene}_{cell}"
    title = f"{gene} in {cell}"
    about = f"{title}: {footer}"
    lengths = dataset.lengths
    # Downloads run in threads of their own, which see the camera but not the session's state.
    looking = camera()
    figure_column, feature_column, mask_column, session_column = st.columns(4)
    with figure_column:
        st.markdown("**Figure** of the part on screen")

        def drawn(fmt: str) -> bytes:
            view = looking.on(picture.window)
            specs = build_tracks(scene, view, picture.settings)
            return draw(specs, view, fmt, title=title, footer=footer, simulated=scene.simulated)

        def page() -> str:
            view = looking.on(picture.window)
            specs = build_tracks(scene, view, picture.settings)
            plot = figure(specs, view, picture.window, picture.settings)
            return interactive_html(plot, title, footer, scene.simulated)

        for label, fmt, mime in (
            ("SVG", "svg", "image/svg+xml"),
            ("PDF", "pdf", "application/pdf"),
            ("PNG", "png", "image/png"),
        ):
            _button(label, f"{stem}.{fmt}", mime, lambda fmt=fmt: drawn(fmt))
        _button("Interactive HTML", f"{stem}.html", "text/html", page)
    with feature_column:
        st.markdown("**Features**, picked rows or all")
        no_elements, no_peaks = elements.empty, peaks is None or peaks.empty
        name = f"Seq2Exp {gene} {cell}"
        _button(
            "Elements (BED9)",
            f"{stem}.elements.bed",
            "text/plain",
            lambda: write_bed9(elements, name, about, lengths=lengths),
            no_elements,
        )
        _button(
            "Elements (BED6)",
            f"{stem}.elements.bed6.bed",
            "text/plain",
            lambda: write_bed6(elements, lengths=lengths),
            no_elements,
        )
        _button(
            "Elements (narrowPeak)",
            f"{stem}.elements.narrowPeak",
            "text/plain",
            lambda: write_narrowpeak(elements, lengths),
            no_elements,
        )
        _button(
            "Peaks (narrowPeak)",
            f"{stem}.peaks.narrowPeak",
            "text/plain",
            lambda: write_narrowpeak(peaks, lengths),
            no_peaks,
        )
    with mask_column:
        st.markdown("**Mask** of the whole window")
        no_mask = scene.mask is None
        _button(
            "bigWig",
            f"{stem}.mask.bw",
            "application/octet-stream",
            lambda: bigwig(scene.mask, scene.interval, lengths),
            no_mask,
        )
        _button(
            "bedGraph",
            f"{stem}.mask.bedGraph",
            "text/plain",
            lambda: bedgraph(scene.mask, scene.interval, lengths, f"{name} mask", about),
            no_mask,
        )
    with session_column:
        st.markdown("**Selection** and **session**")
        _button(
            "Selection (BED9)",
            f"{stem}.selection.bed",
            "text/plain",
            lambda: write_bed9(
                pd.DataFrame([asdict(one) for one in selections]),
                f"{name} selection",
                lengths=lengths,
            ),
            not selections,
        )
        _button(
            "Session (JSON)",
            f"{stem}.session.json",
            "application/json",
            lambda: replace(session, region=looking.region).to_json(),
        )


def _button(label: str, name: str, mime: str, make, disabled: bool = False) -> None:
    st.download_button(
        label,
        make,
        file_name=name,
        mime=mime,
        key=f"download-{name}-{label}",
        on_click="ignore",
        disabled=disabled,
        icon=":material/download:",
        width="stretch",
    )
