"""The numbers above the figure: expression, how much of the window counts, and what it took."""

import pandas as pd
import streamlit as st

from pages.parts.numbers import number
from seq2exp.analysis.elements import overlap, peaks_ratio
from seq2exp.genome.locus import Interval
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
    ratio = None if scene.mask is None else float(scene.mask.mean(dtype="float64"))
    peaks = None if scene.peaks is None else peaks_ratio(scene.peaks, window.interval)
    # A row that wraps: on narrow pages a number must never be cut.
    row = st.container(horizontal=True)
    number(
        row,
        "Predicted",
        None if prediction is None else f"{prediction.expression:.3f}",
        "log10(CAGE + 1)",
        "Expression under the mask on show: turn the prior or the rule and it is computed again.",
    )
    number(
        row,
        "Measured",
        "none" if window.label is None else f"{window.label:.3f}",
        # The page says "simulated" in other places; here the unit must fit.
        f"log10({window.label_name.removesuffix(' (simulated)')} + 1)",
        f"{window.gene.name} in {window.cell}, from the data set's expression table.",
    )
    number(
        row,
        "Mask ratio",
        None if ratio is None else f"{100 * ratio:.2f} %",
        "of the window",
        "The sum of the mask over the window's 200,000 bp; the promoter's 2,000 bp count fully.",
    )
    number(
        row,
        "Peak ratio",
        None if peaks is None else f"{100 * peaks:.2f} %",
        "of the window",
        "The share of the window's 200,000 bp that lie inside peaks.",
    )
    number(
        row,
        "Model run",
        None if prediction is None else f"{seconds:.1f} s",
        "running" if prediction is None else f"{prediction.device}, {prediction.implementation}",
        "Time the model took for this view, on which device, by which selective scan.",
    )
    if prediction is None:
        return
    if prediction.warning:
        st.warning(prediction.warning, icon=":material/warning:")
    for note in prediction.notes:
        st.caption(f":material/info: {note}")


def agreement(elements: pd.DataFrame, peaks: pd.DataFrame, interval: Interval) -> None:
    """Say in words how elements and peaks overlap within the window."""
    found = overlap(elements, peaks, interval)
    st.caption(" · ".join(found.sentences("learned elements", "peaks")) + ".")
