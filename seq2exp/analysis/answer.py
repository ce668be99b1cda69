"""The answer for one gene as plain values: what the command line prints and the page shows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from seq2exp.analysis.activity_contact import abc_scores, candidates, highest_overlapping
from seq2exp.analysis.elements import Element, call_elements, peaks_ratio, selection
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import Window
from seq2exp.inference.predictor import MaskRule, Prediction
from seq2exp.model.beta import MaskPosterior

#: Defaults of elements, in bp.
MIN_LENGTH = 50
MERGE_GAP = 50
#: What every model here predicts.
UNIT = "log10(CAGE+1)"


def find_elements(
    window: Window,
    posterior: MaskPosterior,
    rule: MaskRule,
    lengths: Mapping[str, int],
    min_length: int = MIN_LENGTH,
    merge_gap: int = MERGE_GAP,
    include_promoter: bool = False,
) -> list[Element]:
    """Return the learned elements of a window, without padding.

    Parameters
    ----------
    window, posterior, rule
        The gene's window, what the model says of it, and how bases are chosen.
    lengths
        Chromosome lengths in bp.
    min_length, merge_gap
        In bp, see `call_elements`.
    include_promoter
        Whether the forced-open promoter counts as an element.
    """
    return call_elements(
        posterior.edit(posterior.mean),
        window.interval,
        selection(posterior, rule),
        min_length,
        merge_gap,
        window.promoter,
        include_promoter,
        bounds=Interval(window.interval.chrom, 0, lengths[window.interval.chrom]),
    )


def answer(
    window: Window,
    prediction: Prediction,
    elements: list[Element],
    *,
    peaks: pd.DataFrame | None = None,
    peaks_source: str = "",
    simulated: bool = False,
) -> dict[str, Any]:
    """Lay one gene's answer out as JSON values.

    Positions are 0-based half-open in ``chrom``, ``start`` and ``end``, 1-based inclusive in
    ``region``. ``length`` counts the padding, as both ratios do; ``start`` and ``end`` do not. An
    element's ``abc_share`` is the highest ABC score of the candidates round peak summits that it
    overlaps, 0 where there is none: its share of all activity × contact in the window. None without
    peaks.

    Parameters
    ----------
    window, prediction, elements
        The gene's window, what was predicted from it, and what `find_elements` found.
    peaks, peaks_source
        Called peaks and where they come from; None: no peaks.
    simulated
        Whether the data are made up.
    """
    whole = window.interval
    shown = Interval(whole.chrom, whole.start + window.pad_left, whole.end - window.pad_right)
    rule, prior = prediction.rule, prediction.posterior.prior
    parameter = "fraction" if rule.mode == "top" else "threshold"
    shares = _abc_shares(window, elements, peaks)
    return {
        "gene": window.gene.name,
        "gene_id": window.gene.id,
        "cell": window.cell,
        **_place(shown),
        "length": window.length,
        "model": prediction.model_id,
        "expression": {
            "predicted": prediction.expression,
            "unit": UNIT,
            "measured": window.label,
            "label": window.label_name,
        },
        "mask": {
            "mode": rule.mode,
            parameter: getattr(rule, parameter),
            "prior_mean": prior.mean,
            "strength": prior.strength,
            "ratio": prediction.ratio,
        },
        "peaks": (
            None
            if peaks is None
            else {"source": peaks_source, "ratio": peaks_ratio(peaks, window.interval)}
        ),
        "elements": [
            {
                "name": element.name,
                **_place(element.interval),
                "length": element.interval.width,
                "kind": element.kind,
                "summit": element.summit,
                "mean_mask": element.mean_mask,
                "max_mask": element.max_mask,
                "abc_share": share,
            }
            for element, share in zip(elements, shares, strict=True)
        ],
        "seconds": prediction.seconds,
        "device": prediction.device,
        "implementation": prediction.implementation,
        "simulated": simulated,
        "notes": [*window.notes, *prediction.notes],
        "warning": prediction.warning,
    }


def _abc_shares(
    window: Window, elements: list[Element], peaks: pd.DataFrame | None
) -> list[float | None]:
    if peaks is None:
        return [None] * len(elements)
    spans = [(element.interval.start, element.interval.end) for element in elements]
    found = np.array(spans, np.int64).reshape(-1, 2) - window.interval.start
    places = candidates(peaks, window.interval)
    return highest_overlapping(found, places, abc_scores(window.signals, places)).tolist()


def _place(interval: Interval) -> dict[str, Any]:
    return {
        "region": str(interval),
        "chrom": interval.chrom,
        "start": interval.start,
        "end": interval.end,
    }
