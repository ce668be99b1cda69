"""The numbers above the figure: expression, how much of the window counts, and what it took."""

import streamlit as st

from seq2exp.analysis.elements import overlap, peaks_ratio
from seq2exp.genome.window import Window
from seq2exp.inference.predictor import Prediction
from seq2exp.view.scene import Scene


def readout(window: Window, scene: Scene, prediction: Prediction | None, seconds: float) -> None:
    """Show predicted and measured expression, mask ratio and peak ratio, device and seconds.

    Parameters
    ----------
    window
        What the model read.
    scene
        What is on show; its mask and peaks may still be missing.
    prediction
        None while it is being computed.
    seconds
        Time the model ran for this gene, generator and predictor together.
    """
    columns = st.columns(5)
    columns[0].metric(
        "Predicted log10(CAGE + 1)",
        "…" if prediction is None else f"{prediction.expression:.3f}",
        help="From the mask on show: turn the prior or the rule and it is computed again.",
        border=True,
    )
    unit = f"Measured log10({window.label_name} + 1)"
    columns[1].metric(
        unit,
        "not measured" if window.label is None else f"{window.label:.3f}",
        help=f"{window.gene.name} in {window.cell}, from the data set's expression table.",
        border=True,
    )
    ratio = None if scene.mask is None else float(scene.mask.mean(dtype="float64"))
    columns[2].metric(
        "Mask ratio (% of window)",
        "…" if ratio is None else f"{100 * ratio:.2f} %",
        help="The sum of the mask over the window's 200,000 bp, the promoter's 2,000 included.",
        border=True,
    )
    peaks = None if scene.peaks is None else peaks_ratio(scene.peaks, window.interval)
    columns[3].metric(
        "MACS3 ratio (% of window)",
        "…" if peaks is None else f"{100 * peaks:.2f} %",
        help="The share of the window's 200,000 bp inside peaks.",
        border=True,
    )
    columns[4].metric(
        "Model run",
        "…" if prediction is None else f"{seconds:.1f} s",
        help="Time the model took for this view."
        if prediction is None
        else f"On {prediction.device}, selective scan: {prediction.implementation}.",
        border=True,
    )
    if prediction is not None:
        st.caption(
            f"{prediction.model_id} on {prediction.device}, {prediction.implementation} scan"
        )


def agreement(scene: Scene, elements) -> None:
    """Say in words how elements and peaks overlap within the window."""
    if scene.peaks is None:
        return
    found = overlap(elements, scene.peaks, scene.interval)
    st.caption(" · ".join(found.sentences("learned elements", "MACS3 peaks")) + ".")
