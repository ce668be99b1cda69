"""How the comparison moves with the mask's threshold and with the peaks' q-value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from seq2exp.analysis.compare.counts import Counts, pool
from seq2exp.analysis.compare.sets import PEAKS, IntervalSet
from seq2exp.errors import InputError
from seq2exp.inference.predictor import MaskRule
from seq2exp.inference.progress import Progress, part_of
from seq2exp.tracks.peaks import PeakCaller, PeakParameters

THRESHOLD, FRACTION = "mask threshold", "mask fraction"
Q_VALUE, CUTOFF = "q-value", "signal cutoff"

#: The masks' thresholds (a tenth of them: the fractions of mode top), and the peaks' q-values.
THRESHOLDS = tuple(float(value) for value in np.round(np.arange(0.05, 1, 0.05), 2))
FRACTIONS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
Q_VALUES = (0.05, 0.01, 1e-3, 1e-4, 1e-6, 1e-10, 1e-20, 1e-50)
#: Of peaks called on a signal, what the suggested cutoff is multiplied with.
CUTOFFS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class RuleSeries:
    """One mask rule at several thresholds, or fractions where the mode is top.

    Attributes
    ----------
    parameter
        `THRESHOLD` or `FRACTION`.
    values
        Ascending.
    rules
        One for each value.
    """

    parameter: str
    values: tuple[float, ...]
    rules: tuple[MaskRule, ...]

    @classmethod
    def of(cls, rule: MaskRule, values: Sequence[float] = ()) -> "RuleSeries":
        """Return the series of a rule; without values the usual ones and the rule's own."""
        top = rule.mode == "top"
        field = "fraction" if top else "threshold"
        usual = FRACTIONS if top else THRESHOLDS
        chosen = tuple(sorted(set(values or (*usual, getattr(rule, field)))))
        rules = tuple(replace(rule, **{field: value}) for value in chosen)
        return cls(FRACTION if top else THRESHOLD, chosen, rules)


@dataclass(frozen=True, eq=False)
class PeakSeries:
    """The peaks of one cell type at several q-values, or cutoffs where they come from a signal.

    Attributes
    ----------
    parameter
        `Q_VALUE` or `CUTOFF`.
    values
        From the loosest on.
    sets
        The peaks at each.
    """

    parameter: str
    values: tuple[float, ...]
    sets: tuple[IntervalSet, ...]

    @classmethod
    def call(
        cls,
        caller: PeakCaller,
        values: Sequence[float] = (),
        parameters: PeakParameters | None = None,
        progress: Progress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> "PeakSeries":
        """Call peaks at each value; without values at the usual ones and the parameters' own.

        Peaks on reads and signals are called anew each time (and kept in the cache); of imported
        peaks those with a smaller q-value are taken, so none looser than the file's are seen.

        Raises
        ------
        InputError
            For a q-value or cutoff out of range, or as `PeakCaller.peaks`.
        """
        own = parameters or PeakParameters()
        at_q = caller.knob == "q"
        if not values and at_q:
            values = (*Q_VALUES, own.q)
        elif not values:
            suggested = caller.cutoff(PeakParameters())
            values = (*(suggested * factor for factor in CUTOFFS), caller.cutoff(own))
        chosen = sorted(set(values), reverse=at_q)
        sets = []
        for i, value in enumerate(chosen):
            part = part_of(progress, i / len(chosen), (i + 1) / len(chosen))
            at = replace(own, q=value) if at_q else replace(own, cutoff=value)
            sets.append(IntervalSet(PEAKS, caller.peaks(at, part, should_stop)))
        return cls(Q_VALUE if at_q else CUTOFF, tuple(chosen), tuple(sets))


def curve(
    parameter: str, values: Sequence[float], genes: Sequence[Sequence[Counts]]
) -> pd.DataFrame:
    """Lay a sweep over genes out as a table.

    Parameters
    ----------
    parameter, values
        What was swept.
    genes
        For each gene its counts at each value.

    Returns
    -------
    pandas.DataFrame
        parameter, value, genes, and all of `Counts.values` added up over the genes (a base or
        interval counts once for each); one row a value.
    """
    if not genes:
        raise InputError("There is nothing to sweep over; choose a gene.")
    rows = []
    for value, *counts in zip(values, *genes, strict=True):
        total = pool(counts)
        rows.append(
            {"parameter": parameter, "value": value, "genes": total.genes, **total.values()}
        )
    return pd.DataFrame(rows)
