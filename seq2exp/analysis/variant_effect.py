"""Variant effect: expression and mask with the reference allele and with the alternative one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seq2exp.analysis.variants import Variant, check_reference
from seq2exp.genome.locus import Interval
from seq2exp.inference.jobs import Stopped
from seq2exp.inference.perturb import Edit, Effect, Experiment
from seq2exp.inference.perturb.memory import Kept
from seq2exp.inference.progress import Progress, part_of
from seq2exp.tracks.sequence import Genome

#: Bases to either side of a variant over which the mask's change is summed up and shown.
AROUND = 1_000
#: What the frame says of a variant that the network does not read.
OUTSIDE = "outside the window"

_NUMBERS = ("mean_mask", "delta", "share", "delta_mask", "largest", "elsewhere")
COLUMNS = {
    **dict.fromkeys(("name", "variant", "chrom"), "str"),
    **dict.fromkeys(("start", "end"), "int64"),
    **dict.fromkeys(("reference", "alternative"), "str"),
    **dict.fromkeys(_NUMBERS[:-1], "float64"),
    **{"largest_at": "int64", "elsewhere": "float64", "note": "str"},
}
"""The columns of a table of variant effects; `VariantEffects.frame` says what they hold."""

#: Unit of each of these columns; empty for texts.
UNITS = {
    **{name: "" for name, kind in COLUMNS.items() if kind == "str"},
    **{"start": "bp, 0-based", "end": "bp, half-open", "mean_mask": "0-1"},
    **{"delta": "log10(CAGE+1)", "share": "of predicted CAGE lost", "delta_mask": "bp"},
    **{"largest": "0-1", "largest_at": "bp, 0-based", "elsewhere": "bp"},
}

_kept = Kept(2_000)


@dataclass(frozen=True, eq=False)
class _Change:
    """One variant's effect, and Δ mask over `around`."""

    effect: Effect
    around: Interval
    mask: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class VariantEffects:
    """What variants do to one gene.

    Attributes
    ----------
    frame
        One row a variant, in the order given: name, variant (as written, 1-based), chrom, start,
        end (0-based half-open), reference, alternative (bases), mean_mask (of those bases, before,
        as the rule has it), delta (Δ log10(CAGE + 1),
        alternative - reference), share (of the predicted CAGE that is lost; negative: gained),
        delta_mask (Σ Δ mask in bp within `AROUND` bp), largest (the Δ mask of the base there that
        changed most), largest_at (its 0-based position; -1 where none is known), elsewhere
        (Σ |Δ mask| in bp farther off), note (why there are no numbers; "" where there are).
    reference
        Predicted log10(CAGE + 1) of the reference sequence; NaN where no variant is in the window.
    masks
        For each row that has numbers, by its place in `frame`: the interval around it, clipped to
        the window, and the Δ mask of its bases, float32. The mask is the posterior's mean with the
        promoter open and the blacklist closed, whatever the rule makes of it.
    complete
        False where the work was stopped: later variants are missing.
    notes
        Sentences to show beside the numbers.
    """

    frame: pd.DataFrame
    reference: float
    masks: dict[int, tuple[Interval, NDArray[np.float32]]]
    complete: bool
    notes: tuple[str, ...]


def variant_effects(
    experiment: Experiment,
    variants: Sequence[Variant],
    genome: Genome,
    progress: Progress | None = None,
) -> VariantEffects:
    """Predict the effect of each variant on its own; the mask is made anew for each.

    Parameters
    ----------
    experiment
        The window, its network, rule and prior. Two runs of the network's halves a variant.
    variants
        Those outside the window are listed without numbers.
    genome
        Where reference alleles are looked up.
    progress
        Told of the share that is done. `Stopped` from it ends the work: what is done by then is
        returned. Any other exception is passed on.

    Raises
    ------
    InputError
        A reference allele that is not the genome's.
    """
    window = experiment.window
    inside = [variant.interval.overlaps(window.interval) for variant in variants]
    for variant in (variant for variant, here in zip(variants, inside, strict=True) if here):
        check_reference(variant, genome)
    found: list[_Change | None] = []
    count, done, complete = sum(inside), 0, True
    try:
        for variant, here in zip(variants, inside, strict=True):
            if here:
                text = f"Variants: {done + 1:,} of {count:,}"
                step = part_of(progress, done / count, (done + 1) / count)
                done += 1
                told = None if step is None else lambda part, _, s=step, t=text: s(part, t)
                found.append(_change(experiment, variant, told))
            else:
                found.append(None)
    except Stopped:
        complete = False
    changes = {i: change for i, change in enumerate(found) if change is not None}
    reference = next((change.effect.reference for change in changes.values()), float("nan"))
    warning = experiment.predictor.out_of_range(reference)
    notes = (*experiment.notes, warning) if changes and warning else experiment.notes
    if not complete:
        notes += (f"Stopped after {len(found):,} of {len(variants):,} variants.",)
    rows = [_row(variant, change) for variant, change in zip(variants, found, strict=False)]
    return VariantEffects(
        frame=pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS),
        reference=reference,
        masks={i: (change.around, change.mask) for i, change in changes.items()},
        complete=complete,
        notes=notes,
    )


def _change(experiment: Experiment, variant: Variant, progress: Progress | None) -> _Change:
    window = experiment.window
    edits = (Edit(variant.interval, "substitute", bases=variant.alternative),)
    key = (*experiment.key(edits), "variant")
    found: _Change | None = _kept.get(key)
    if found is None:
        before = experiment.reference(part_of(progress, 0.0, 0.3))
        after = experiment.altered(edits, part_of(progress, 0.3, 1.0))
        moved = after.posterior.soft() - before.posterior.soft()
        place = variant.interval
        around = Interval(place.chrom, place.start - AROUND, place.end + AROUND)
        shared = around.intersection(window.interval)
        assert shared is not None
        part = slice(shared.start - window.interval.start, shared.end - window.interval.start)
        size = np.abs(moved).astype(np.float64)
        far = size.sum() - size[part].sum()
        first = place.start - window.interval.start
        own = before.mask[max(first, 0) : first + place.width].mean(dtype=np.float64)
        far = max(float(far), 0.0)  # rounding of the two sums
        effect = Effect(before.expression, after.expression, far, float(own))
        found = _Change(effect, shared, moved[part].copy())
        _kept.put(key, found)
    return found


def _row(variant: Variant, change: _Change | None) -> dict[str, object]:
    place = variant.interval
    row: dict[str, object] = {
        **{"name": variant.name, "variant": str(variant), "chrom": place.chrom},
        **{"start": place.start, "end": place.end},
        **{"reference": variant.reference, "alternative": variant.alternative},
    }
    if change is None:
        return {**row, **dict.fromkeys(_NUMBERS, np.nan), "largest_at": -1, "note": OUTSIDE}
    most = int(np.argmax(np.abs(change.mask)))
    return {
        **row,
        "mean_mask": change.effect.mask,
        "delta": change.effect.delta,
        "share": change.effect.share,
        "delta_mask": float(change.mask.sum(dtype=np.float64)),
        "largest": float(change.mask[most]),
        "largest_at": change.around.start + most,
        "elsewhere": change.effect.elsewhere,
        "note": "",
    }
