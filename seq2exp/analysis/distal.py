"""Whether distal sequence matters for a gene, and whether models of other seeds open the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import Window
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Edit, Experiment
from seq2exp.inference.progress import Progress, part_of

#: Windows of the curve, in bp.
LENGTHS = (2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 150_000, 200_000)


def outside(window: Window, length: int) -> tuple[Edit, ...]:
    """Return the edits that close the mask outside the central `length` bp."""
    whole = window.interval
    middle = whole.start + window.tss_index
    inner = Interval(whole.chrom, middle - length // 2, middle + length // 2)
    sides = (
        Interval(whole.chrom, whole.start, max(inner.start, whole.start)),
        Interval(whole.chrom, min(inner.end, whole.end), whole.end),
    )
    return tuple(Edit(side, "close") for side in sides if side.width)


def usual_lengths(window: Window, promoter: int) -> list[int]:
    """Return those of `LENGTHS` that a window has and a network can read, and the whole window.

    Parameters
    ----------
    window
        Of whatever length.
    promoter
        The shortest window that the network reads, in bp: `ModelConfig.promoter`.
    """
    return [n for n in LENGTHS if promoter <= n < window.length] + [window.length]


def distal_curve(
    experiment: Experiment,
    lengths: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Predict the expression from ever fewer bases around the TSS.

    Parameters
    ----------
    experiment
        The window, its network, rule and prior.
    lengths
        Windows in bp, even; None: `usual_lengths`.
    progress
        Told of the share that is done. `Stopped` from it ends the work: the longest windows, which
        come last, are then missing.

    Returns
    -------
    pandas.DataFrame
        One row a length, ascending: length (bp), cut (predicted log10(CAGE + 1) of a window of that
        length: nothing else is read), closed (the same of the whole window with its mask closed
        outside that length: the mask inside is the whole window's), mask_ratio (Σ mask / length of
        the cut window), kept (Σ of the whole window's mask inside the length, as a share of its
        Σ mask). Both predictions are the same for the whole window.

    Raises
    ------
    InputError
        A length that the network cannot read.
    """
    window = experiment.window
    shortest = int(experiment.predictor.config.promoter)
    if lengths is None:
        lengths = usual_lengths(window, shortest)
    for length in lengths:
        if length % 2 or not shortest <= length <= window.length:
            raise InputError(
                f"A window of {length:,} bp does not work here; choose even lengths from "
                f"{shortest:,} to {window.length:,}."
            )
    rows = []
    try:
        for i, length in enumerate(chosen := sorted(set(lengths))):
            step = part_of(progress, i / len(chosen), (i + 1) / len(chosen))
            rows.append(_row(experiment, length, _called(step, f"{length:,} bp around the TSS")))
    except Stopped:
        if not rows:
            raise
    return pd.DataFrame(rows)


def _called(progress: Progress | None, text: str) -> Progress | None:
    return None if progress is None else lambda fraction, _: progress(fraction, text)


def _row(experiment: Experiment, length: int, progress: Progress | None) -> dict[str, float]:
    window = experiment.window
    whole = experiment.reference(part_of(progress, 0.0, 0.4))
    cut, closed = whole, whole.expression
    if length < window.length:
        shorter = Experiment(
            experiment.predictor, window.crop(length), experiment.rule, experiment.prior
        )
        cut = shorter.reference(part_of(progress, 0.4, 0.6))
        closed = experiment.effect(outside(window, length), part_of(progress, 0.6, 1.0)).altered
    inner = slice(window.tss_index - length // 2, window.tss_index + length // 2)
    total = whole.mask.sum(dtype=np.float64)
    return {
        "length": length,
        "cut": cut.expression,
        "closed": closed,
        "mask_ratio": cut.ratio,
        "kept": float(whole.mask[inner].sum(dtype=np.float64) / total) if total else np.nan,
    }


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far the masks of several models agree, in bins of the genome.

    Attributes
    ----------
    frame
        One row a bin, from left to right: start, end (0-based half-open, clipped to the window's
        part on the chromosome), and mean, low and high: the mean, smallest and largest over the
        models of each one's mean mask in the bin.
    correlation
        Mean Pearson's r over pairs of models, of their masks base by base outside the promoter and
        the padding; None where a mask is constant there.
    models
        How many masks there are.
    """

    frame: pd.DataFrame
    correlation: float | None
    models: int


def mask_agreement(window: Window, masks: Sequence[ArrayLike], bin_bp: int = 100) -> Agreement:
    """Compare the masks of models, of different seeds for instance, on one window.

    Parameters
    ----------
    window
        What all of them read.
    masks
        float [L] each: posterior means, or the masks that a rule makes of them. At least two.
    bin_bp
        Bases in a bin; bins start at multiples of it on the chromosome.

    Raises
    ------
    InputError
        Fewer than two masks, or a bin of no base.
    """
    if len(masks) < 2:
        raise InputError("Agreement needs the masks of two models or more; train other seeds.")
    if bin_bp < 1:
        raise InputError("A bin needs at least 1 bp.")
    values = np.stack([np.asarray(mask, np.float64) for mask in masks])
    if values.shape[1] != window.length:
        raise ValueError(f"masks of {values.shape[1]} bases for a window of {window.length}")
    origin = window.interval.start
    start, end = origin + window.pad_left, window.interval.end - window.pad_right
    first = start // bin_bp * bin_bp + bin_bp
    edges = np.unique([start, *range(first, end, bin_bp), end])
    sums = np.add.reduceat(values[:, : end - origin], edges[:-1] - origin, axis=1)
    means = sums / np.diff(edges)
    frame = pd.DataFrame(
        {
            "start": edges[:-1],
            "end": edges[1:],
            "mean": means.mean(0),
            "low": means.min(0),
            "high": means.max(0),
        }
    )
    counted = np.zeros(window.length, np.bool_)
    counted[start - origin : end - origin] = True
    counted[window.promoter] = False
    return Agreement(frame, _correlation(values[:, counted]), len(masks))


def _correlation(values: NDArray[np.float64]) -> float | None:
    """Return the mean Pearson's r over pairs of rows; None where a row is constant."""
    if values.shape[1] < 2 or (np.ptp(values, axis=1) == 0).any():
        return None
    table = np.atleast_2d(np.corrcoef(values))
    return float(np.mean([table[i, j] for i, j in combinations(range(len(values)), 2)]))
