"""The tracks of all cell types at one gene, small and aligned."""

import streamlit as st

from pages.parts import controls, resources
from pages.parts.models_table import Column, table
from pages.parts.opening import open_in_browser
from seq2exp.datasets.catalog import Dataset
from seq2exp.errors import InputError
from seq2exp.genome.window import Window
from seq2exp.view.data_figures import preview as figure
from seq2exp.view.data_figures import preview_frame

#: More cell types than this are shown when they are asked for.
_FIRST_CELLS = 4
_COLUMNS = {
    "cell": Column("Cell type", pinned=True),
    "track": Column("Track"),
    "mean": Column("Mean", "over the bases of the window, in the file's unit", "%.4g"),
    "highest": Column("Highest", "over the bases of the window, in the file's unit", "%.4g"),
    "covered": Column(
        "Bases with a value", "share of the window's bases that are not 0", "percent"
    ),
    "peaks": Column("Peaks", "imported peaks that overlap the window by at least 1 bp", "%.0f"),
}


def preview(dataset: Dataset) -> None:
    """Show DNase, H3K27ac and contact of the cell types at the gene that is chosen."""
    left, right = st.columns([4, 5], vertical_alignment="bottom")
    place = controls.search(dataset, left)
    cells = list(dataset.cells)
    if len(cells) > _FIRST_CELLS:
        cells = right.multiselect("Cell types", cells, cells[:_FIRST_CELLS], key="preview-cells")
    if place is None or not cells:
        return
    windows: dict[str, Window] = {}
    peaks = {}
    for cell in cells:
        try:
            windows[cell] = resources.window(dataset.digest, place.gene.id, cell, dataset)
            caller = resources.peak_caller(dataset.digest, cell, dataset)
            if caller.kind == "imported":
                peaks[cell] = caller.peaks()
        except InputError as error:
            st.warning(f"{cell}: {error}", icon=":material/warning:")
    if not windows:
        return
    gene = place.gene
    st.caption(
        f"The 200,000 bp around the TSS of **{gene.name}**, as models read them: the highest value "
        "of each bin. A track has the same scale in all cell types, so heights can be compared; "
        "contact is log10(1 + contact with the TSS). Blue bars below DNase are imported peaks; "
        "peaks that MACS3 calls are in the Browser."
    )
    st.plotly_chart(
        figure(windows, peaks, dark=st.context.theme.type == "dark"),
        key="preview",
        config={"displayModeBar": False},
        alt=f"DNase, H3K27ac and Hi-C contact of {', '.join(windows)} in the window of "
        f"{gene.name}; the table below has their means and highest values.",
    )
    if st.button("Open this gene in the Browser", icon=":material/genetics:"):
        open_in_browser(gene.id, st.session_state.get("cell") or next(iter(windows)))
    with st.expander("The tracks in numbers"):
        table(
            preview_frame(windows, peaks),
            f"One row a track, over the 200,000 bp of {gene.name}'s window; contact is "
            "log10(1 + contact).",
            "preview",
            _COLUMNS,
        )
    for cell, window in windows.items():
        if window.notes:
            st.caption("  \n".join(f":material/info: {cell}: {note}" for note in window.notes))
