"""In-silico deletion: which element matters for this gene.

The mask is closed over one element after the other and the predictor runs again. Coordinates never
shift, so effects of elements, peaks, selected spans and tiles stand side by side.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from seq2exp.analysis.elements import Element
from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.genome.window import Window
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Edit, Effect, Experiment
from seq2exp.inference.progress import Progress

#: Most tiles of one window.
MOST_TILES = 20_000
#: Unit of each column of `Deletions.frame`; empty for texts.
UNITS = {
    **{"name": "", "chrom": "", "start": "bp, 0-based", "end": "bp, half-open", "role": ""},
    **{"length": "bp in the window", "mean_mask": "0-1", "delta": "log10(CAGE+1)"},
    **{"share": "of predicted CAGE lost", "elsewhere": "bp", "rank": "1 = largest change"},
}


@dataclass(frozen=True)
class Target:
    """What is deleted: a name, a place (0-based half-open) and what it is to the gene.

    The role is "promoter" where it shares a base with the forced-open promoter, else "distal", or
    whatever the caller knows better.
    """

    name: str
    interval: Interval
    role: str


def role_of(window: Window, interval: Interval) -> str:
    """Return "promoter" for an interval that shares a base with the window's promoter."""
    start, part = window.interval.start, window.promoter
    promoter = Interval(window.interval.chrom, start + part.start, start + part.stop)
    return "promoter" if interval.overlaps(promoter) else "distal"


def element_targets(elements: Iterable[Element]) -> list[Target]:
    """Return learned elements as targets."""
    return [Target(element.name, element.interval, element.kind) for element in elements]


def interval_targets(frame: pd.DataFrame, window: Window, prefix: str = "span") -> list[Target]:
    """Return the rows of a table (chrom, start, end, perhaps name) that touch a window as targets.

    Rows without a name ("" or ".") are called `prefix` and their number in the table, from 1. The
    order is that of the table.
    """
    found = []
    names = frame["name"] if "name" in frame else [""] * len(frame)
    rows = zip(frame["chrom"], frame["start"], frame["end"], names, strict=True)
    for i, (chrom, start, end, name) in enumerate(rows, start=1):
        place = Interval(str(chrom), int(start), int(end))
        if place.overlaps(window.interval):
            called = str(name) if name not in ("", ".") else f"{prefix}_{i}"
            found.append(Target(called, place, role_of(window, place)))
    return found


def tiles(window: Window, width: int, step: int | None = None) -> list[Target]:
    """Return tiles of `width` bp every `step` bp (default: `width`) over a window.

    They start at multiples of `step` on the chromosome, so those of neighbouring genes are the
    same; at the ends of the window and of the chromosome they are cut off.

    Raises
    ------
    InputError
        A width or step below 1 bp, or more tiles than `MOST_TILES`.
    """
    step = width if step is None else step
    if width < 1 or step < 1:
        raise InputError("A tile needs a width and a step of at least 1 bp.")
    whole = window.interval
    start, end = whole.start + window.pad_left, whole.end - window.pad_right
    first = (start - width) // step + 1  # the first that reaches the window
    count = (end - 1) // step - first + 1
    if count > MOST_TILES:
        raise InputError(
            f"{count:,} tiles are too many for one window; take a step of at least "
            f"{-(-(end - start) // MOST_TILES)} bp."
        )
    found: list[Target] = []
    for k in range(first, first + count):
        low, high = max(k * step, start), min(k * step + width, end)
        if low < high:
            place = Interval(whole.chrom, low, high)
            found.append(Target(f"tile_{len(found) + 1}", place, role_of(window, place)))
    return found


@dataclass(frozen=True, eq=False)
class Deletions:
    """What each target's deletion does to a gene's predicted expression.

    Attributes
    ----------
    frame
        One row a target, in the order given: name, chrom, start, end (0-based half-open), role,
        length (bp inside the window), mean_mask (of those, before), delta (Δ log10(CAGE + 1),
        altered - reference), share (of the predicted CAGE that is lost; negative: gained; NaN where
        none is predicted), elsewhere (Σ |Δ mask| in bp outside the target), rank (1: the largest
        absolute delta).
    reference
        Predicted log10(CAGE + 1) without a deletion.
    neutralised
        Whether bases and signals were neutralised, too.
    complete
        False where the work was stopped: `frame` has the targets that were done.
    seconds
        How long it took.
    notes
        Sentences to show beside the numbers.
    """

    frame: pd.DataFrame
    reference: float
    neutralised: bool
    complete: bool
    seconds: float
    notes: tuple[str, ...]


def edits_of(target: Interval, neutralise: bool) -> tuple[Edit, ...]:
    """Return the edits that delete an interval."""
    closed = Edit(target, "close")
    return (closed, Edit(target, "neutralise")) if neutralise else (closed,)


def delete(
    experiment: Experiment,
    targets: Sequence[Target],
    *,
    neutralise: bool = False,
    progress: Progress | None = None,
) -> Deletions:
    """Delete targets one by one.

    Parameters
    ----------
    experiment
        The window, its network, rule and prior.
    targets
        Each must have a base in the window; what hangs over its ends is left alone.
    neutralise
        Also replace the bases by N and set H3K27ac and DNase to 0 in place; the generator then runs
        again for each, which about doubles the time, and the mask may change elsewhere.
    progress
        Told of the share of the network's runs that are done. `Stopped` from it ends the work: what
        is done by then is returned. Any other exception is passed on.

    Raises
    ------
    InputError
        A target outside the window; as `Predictor.predict`.
    """
    begun = time.perf_counter()
    effects: list[Effect] = []
    complete = True
    wanted = [edits_of(target.interval, neutralise) for target in targets]
    try:
        for effect in experiment.effects(wanted, progress, "Deleting"):
            effects.append(effect)
    except Stopped:
        if not effects:
            raise
        complete = False
    done = targets[: len(effects)]
    reference = effects[0].reference if effects else experiment.reference().expression
    warning = experiment.predictor.out_of_range(reference)
    notes = (*experiment.notes, warning) if warning else experiment.notes
    if neutralise:
        notes += (
            "Bases and signals were neutralised, too, so the mask was made anew and may differ "
            "outside each target; 'elsewhere' says by how many bases in sum.",
        )
    if not complete:
        notes += (f"Stopped after {len(done):,} of {len(targets):,} targets.",)
    return Deletions(
        frame=_frame(experiment.window, done, effects),
        reference=reference,
        neutralised=neutralise,
        complete=complete,
        seconds=time.perf_counter() - begun,
        notes=notes,
    )


def _frame(window: Window, targets: Sequence[Target], effects: Sequence[Effect]) -> pd.DataFrame:
    shared = [target.interval.intersection(window.interval) for target in targets]
    delta = np.array([effect.delta for effect in effects], np.float64)
    rank = np.empty(len(delta), np.int64)
    rank[np.argsort(-np.abs(delta), kind="stable")] = np.arange(1, len(delta) + 1)
    return pd.DataFrame(
        {
            "name": pd.Series([target.name for target in targets], dtype="str"),
            "chrom": pd.Series([target.interval.chrom for target in targets], dtype="str"),
            "start": np.array([target.interval.start for target in targets], np.int64),
            "end": np.array([target.interval.end for target in targets], np.int64),
            "role": pd.Series([target.role for target in targets], dtype="str"),
            "length": np.array([part.width if part else 0 for part in shared], np.int64),
            "mean_mask": np.array([effect.mask for effect in effects], np.float64),
            "delta": delta,
            "share": np.array([effect.share for effect in effects], np.float64),
            "elsewhere": np.array([effect.elsewhere for effect in effects], np.float64),
            "rank": rank,
        }
    )
