"""Saturation mutagenesis in silico: what every base of an element does to the prediction."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import BASES, PADDING_CODE, Window
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Edit, Experiment
from seq2exp.inference.perturb.memory import Kept
from seq2exp.inference.perturb.substitutions import Substitutions
from seq2exp.inference.progress import Progress, part_of

#: The longest span, in bp.
LONGEST = 500

MaskIs = Literal["held", "recomputed"]

_kept = Kept(64)


@dataclass(frozen=True, eq=False)
class Saturation:
    """Effects of every substitution in a span of n bases.

    Attributes
    ----------
    interval
        The span, 0-based half-open.
    codes
        uint8 [n], the reference's bases as `Window.codes` has them.
    effects
        float64 [n, 4], Δ log10(CAGE + 1) of putting A, C, G or T there: 0 for the base that is
        there, NaN where the work was stopped before.
    reference
        Predicted log10(CAGE + 1) of the sequence as it is.
    mask
        "held": the mask stayed as it is for the reference sequence; what a base does through the
        predictor. "recomputed": every substitution made its own mask; the whole effect.
    complete
        False where the work was stopped.
    seconds
        How long it took.
    notes
        Sentences to show beside the letters.
    """

    interval: Interval
    codes: NDArray[np.uint8]
    effects: NDArray[np.float64]
    reference: float
    mask: MaskIs
    complete: bool
    seconds: float
    notes: tuple[str, ...]

    @property
    def letters(self) -> NDArray[np.float64]:
        """Heights of the reference's letters, [n], as a dynseq track draws them.

        What the base there adds to the prediction beside the mean of the three others; 0 where the
        reference has no base (N), NaN where that is not known.
        """
        total = self.effects.sum(1)
        return np.where(self.codes == PADDING_CODE, 0.0, (0 - total) / 3)

    @property
    def sequence(self) -> str:
        """The reference's bases as text."""
        return "".join(BASES[code] for code in self.codes)


def cost_of(width: int, mask: MaskIs) -> str:
    """Say what the saturation of `width` bp costs, for the screen."""
    if mask == "held":
        return (
            f"{3 * width:,} substitutions, the bases around the span run alone, many at a time: "
            "seconds to a minute on a processor with the demo model."
        )
    return (
        f"{3 * width:,} runs of generator and predictor on the whole window: "
        f"{3 * width:,} times a prediction of this gene."
    )


def saturate(
    experiment: Experiment,
    span: Interval,
    *,
    mask: MaskIs = "held",
    progress: Progress | None = None,
) -> Saturation:
    """Substitute every base of a span by each of the three others.

    Parameters
    ----------
    experiment
        The window, its network, rule and prior.
    span
        At most `LONGEST` bp, inside the window and the chromosome.
    mask
        Whether it is held (fast) or made anew for each substitution; see `cost_of`.
    progress
        Told of the share that is done. `Stopped` from it ends the work: what is done by then is
        returned. Any other exception is passed on.

    Raises
    ------
    InputError
        A span that is too long or not inside.
    """
    window = experiment.window
    place = _place(window, span)
    key = (*experiment.key(()), "saturation", span, mask)
    found: Saturation | None = _kept.get(key)
    if found is not None:
        return found
    begun = time.perf_counter()
    codes = window.codes[place].copy()
    effects = np.full((span.width, 4), np.nan)
    known = codes < PADDING_CODE
    effects[known, codes[known]] = 0
    complete, notes = True, experiment.notes
    reference = experiment.reference(part_of(progress, 0.0, 0.05))
    rest = part_of(progress, 0.05, 1.0)
    try:
        if mask == "held":
            closed = _unread(experiment, reference.mask)[place]
            effects[closed] = 0
            notes += _held(experiment, place, effects, rest)
        else:
            notes += (cost_of(span.width, mask),)
            _recomputed(experiment, place, effects, rest)
    except Stopped:
        complete = False
        done = int(np.isfinite(effects).all(1).sum())
        notes += (f"Stopped after {done:,} of {span.width:,} bases.",)
    found = Saturation(
        span,
        codes,
        effects,
        reference.expression,
        mask,
        complete,
        time.perf_counter() - begun,
        notes,
    )
    if complete:
        _kept.put(key, found)
    return found


def _place(window: Window, span: Interval) -> slice:
    """Return where a span lies in the window, or say what is wrong with it."""
    if not 0 < span.width <= LONGEST:
        raise InputError(
            f"{span} has {span.width:,} bp; saturation takes 1 to {LONGEST} bp, so select less."
        )
    start = window.interval.start
    first, last = span.start - start, span.end - start
    inside = window.pad_left <= first and last <= window.length - window.pad_right
    if span.chrom != window.interval.chrom or not inside:
        raise InputError(
            f"{span} does not lie inside the window of {window.gene.name}; select a span there."
        )
    return slice(first, last)


def _unread(experiment: Experiment, mask: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return bool [L]: True at bases that the predictor does not read under a mask."""
    config = experiment.predictor.config
    if config.variant == "hard":
        return mask < config.threshold
    unread = mask == 0
    unread[experiment.predictor.model.promoter(len(mask))] = False
    return unread


def _missing(effects: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the row in the span and the code of every substitution that is not known."""
    rows, codes = np.nonzero(np.isnan(effects))
    return list(zip(rows.tolist(), codes.tolist(), strict=True))


def _held(
    experiment: Experiment,
    place: slice,
    effects: NDArray[np.float64],
    progress: Progress | None,
) -> tuple[str, ...]:
    """Fill in effects under the reference's mask; return what to say about them."""
    changes = _missing(effects)
    if not changes:
        return ("The mask is closed over the whole span, so no base of it is read.",)
    if progress:
        progress(0.0, "Substituting bases: how far an effect reaches")
    mask = experiment.reference().mask
    work = Substitutions(experiment.predictor, experiment.window, mask, place)
    done = 0
    for deltas in work.deltas([(place.start + row, code) for row, code in changes]):
        for (row, code), delta in zip(changes[done : done + len(deltas)], deltas, strict=True):
            effects[row, code] = delta
        done += len(deltas)
        if progress:
            progress(done / len(changes), f"Substituting bases: {done:,} of {len(changes):,}")
    margin = work.margin
    if margin.bases is None:
        return ("The mask was held as it is for the reference sequence.",)
    return (
        "The mask was held as it is for the reference sequence. Substitutions were run with "
        f"{margin.bases:,} bp to either side; with the whole span as N that gives Δ "
        f"{margin.probe:.3g}, {margin.error:.1g} off the whole window's.",
    )


def _recomputed(
    experiment: Experiment,
    place: slice,
    effects: NDArray[np.float64],
    progress: Progress | None,
) -> None:
    """Fill in effects with a mask of its own for every substitution."""
    changes = _missing(effects)
    whole = experiment.window.interval

    def edit(row: int, code: int) -> tuple[Edit, ...]:
        start = whole.start + place.start + row
        return (Edit(Interval(whole.chrom, start, start + 1), "substitute", bases=BASES[code]),)

    wanted = [edit(row, code) for row, code in changes]
    found = experiment.effects(wanted, progress, "Substituting bases")
    for (row, code), effect in zip(changes, found, strict=True):
        effects[row, code] = effect.delta
