"""Base-by-base scores that may tell which bases regulate a gene: masks, peaks and raw signals.

A score is a function of an example's number that gives one value a base, higher meaning more likely
regulatory. All are computed when asked for, window by window.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from seq2exp.analysis.activity_contact import abc_scores, candidates, peaks_within
from seq2exp.analysis.elements import union
from seq2exp.analysis.evaluate.outputs import Masks, Network
from seq2exp.datasets.catalog import Dataset
from seq2exp.genome.window import SIGNALS
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.tracks.peaks import PeakCaller, PeakParameters
from seq2exp.training.evaluation import ACETYLATION, anchor_scores
from seq2exp.training.examples import Examples, Progress

Floats = NDArray[np.float32]

#: False discovery rates at which MACS3 calls peaks; the app's default is `PeakParameters().q`.
Q_SWEEP = (0.001, 0.005, 0.01, 0.05, 0.1)

LEARNED, HARD, SIGNAL_ONLY = "learned mask", "learned mask, hard rule", "signal-only mask"


@dataclass(frozen=True)
class Score:
    """One score of every base of every example.

    Attributes
    ----------
    name : what it is called in tables.
    values : from an example's number to float32 [L].
    calls : it is 0 or 1, bases called or not, and has neither a threshold nor a smoothed form.
    label : model, model_id and seed; None where no model is behind it.
    """

    name: str
    values: Callable[[int], Floats]
    calls: bool = False
    label: dict[str, Any] = field(
        default_factory=lambda: {"model": None, "model_id": None, "seed": None}
    )


def smoothed(values: Floats, width: int) -> Floats:
    """Return running means over `width` bases (odd; 0 or 1: as they are), 0 beyond the ends."""
    return values if width <= 1 else uniform_filter1d(values, width, mode="constant")


# --- what the measured signals say ----------------------------------------------------------------


def signal_scores(examples: Examples) -> list[Score]:
    """Return the scores that come from the signals and the distance alone.

    H3K27ac is averaged over 1 kb in the products, because it stands beside the open bases, and
    contact is 10^c - 1 of the channel log10(1 + contact). The distance is scored by 1 / (1 + bp).
    """

    def signals(i: int) -> Floats:
        return examples.batch([i]).signals[0].numpy()

    def anchor(name: str) -> Callable[[int], Floats]:
        return lambda i: anchor_scores(signals(i))[name]

    def activity(i: int) -> Floats:
        h3k27ac, dnase = (signals(i)[:, SIGNALS.index(name)] for name in ("H3K27ac", "DNase"))
        return dnase * uniform_filter1d(h3k27ac, ACETYLATION, mode="constant")

    def nearness(i: int) -> Floats:
        away = np.abs(np.arange(examples.length) - examples.length // 2)
        return (1 / (1 + away)).astype(np.float32)

    return [
        Score("DNase", anchor("DNase")),
        Score("DNase × H3K27ac", activity),
        Score("DNase × H3K27ac × contact", anchor("DNase × H3K27ac × contact")),
        Score("distance to the TSS", nearness),
    ]


def call_all_peaks(
    dataset: Dataset, cells: Sequence[str], progress: Progress | None = None
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return each cell type's peaks by the name of their score.

    Reads are called again at every q of `Q_SWEEP` (a strict q also makes peaks shorter), imported
    peaks are kept by their q-values, and peaks on a signal alone have a single cutoff and no q.
    """
    found: dict[str, dict[str, pd.DataFrame]] = {}
    for cell in cells:
        caller = PeakCaller.for_cell(dataset.cell(cell), dataset.genome)
        sweep = Q_SWEEP if caller.knob == "q" else (PeakParameters().q,)
        for number, q in enumerate(sweep):
            if progress:
                progress(number / len(sweep), f"Calling peaks in {cell}: q {q:g}")
            name = f"MACS3 q {q:g}" if caller.knob == "q" else "MACS3 on the signal"
            found.setdefault(name, {})[cell] = caller.peaks(PeakParameters(q=q))
        if progress:
            progress(1.0, f"Calling peaks in {cell}: done")
    return found


def default_peaks(peaks: dict[str, dict[str, pd.DataFrame]], cell: str) -> pd.DataFrame:
    """Return a cell type's peaks at the app's default parameters."""
    for name in (f"MACS3 q {PeakParameters().q:g}", "MACS3 on the signal"):
        if cell in peaks.get(name, {}):
            return peaks[name][cell]
    raise KeyError(cell)


def peak_scores(examples: Examples, peaks: dict[str, dict[str, pd.DataFrame]]) -> list[Score]:
    """Return MACS3's peaks as calls, one score a q, the q-values as a score, and the ABC score."""

    def calls(tables: dict[str, pd.DataFrame]) -> Callable[[int], Floats]:
        def values(i: int) -> Floats:
            example = examples.table[i]
            inside = np.zeros(examples.length, np.float32)
            for start, end in union(tables[example.cell], example.interval) - example.start:
                inside[start:end] = 1
            return inside

        return values

    everywhere = {example.cell for example in examples.table}
    names = [name for name, tables in peaks.items() if everywhere <= tables.keys()]
    found = [Score(name, calls(peaks[name]), calls=True) for name in names]
    swept = [name for name in names if name.startswith("MACS3 q ")]
    if swept:
        loosest = peaks[swept[-1]]

        def confidence(i: int) -> Floats:
            example = examples.table[i]
            score = np.zeros(examples.length, np.float32)
            rows = peaks_within(loosest[example.cell], example.interval)
            at = rows["start"].to_numpy() - example.start, rows["end"].to_numpy() - example.start
            for start, end, q in zip(*at, rows["q_log10"], strict=True):
                part = slice(max(start, 0), min(end, examples.length))
                score[part] = np.maximum(score[part], q)
            return score

        found.append(Score("MACS3 -log10 q", confidence))

    def abc(i: int) -> Floats:
        example = examples.table[i]
        table = default_peaks(peaks, example.cell)
        elements = candidates(table, example.interval)
        score = np.zeros(examples.length, np.float32)
        values = abc_scores(examples.batch([i]).signals[0].numpy(), elements)
        for (start, end), value in zip(elements, values, strict=True):
            score[start:end] = value
        return score

    return [*found, Score("ABC", abc)]


# --- what a network says --------------------------------------------------------------------------


def mask_scores(network: Network, masks: Masks) -> list[Score]:
    """Return the scores of a network's mask, the soft mean first.

    The soft mean is that of the posterior before any edit, so that the forced-open promoter does
    not leak into running means. The hard rule is the network's own (threshold, or the highest tenth
    of a retrained one), or for soft masks the threshold that the card suggests.
    """
    return [
        Score(LEARNED, masks.mean, label=network.label),
        Score(HARD, masks.kept, calls=True, label=network.label),
    ]


def signal_only_score(network: Network, examples: Examples) -> Score:
    """Return what the signals alone make of a network's mask: nothing in it was learned.

    It runs where the network is.
    """
    model = network.network
    assert isinstance(model, Seq2Exp)

    @torch.inference_mode()
    def values(i: int) -> Floats:
        signals = examples.batch([i]).signals.to(model.prior_weights.device)
        return model.signal_mask(signals)[0].float().cpu().numpy()

    return Score(SIGNAL_ONLY, values, label=network.label)
