"""How several sets of intervals overlap at once: the numbers of an UpSet plot.

Within the counted bases of one window,

- **by bases**: every counted base that some set covers belongs to exactly one combination of sets,
  namely of those that cover it, so the numbers of bp add up to the union's.
- **by regions**: the union of all sets is merged into regions (maximal stretches in which every
  base is covered by some set; stretches that touch are one). A region belongs to the combination
  of the sets that cover at least 1 bp of it, so every region belongs to exactly one and the numbers
  add up to that of the regions. Two sets that share a region need not share a base: they may be
  held together by each other's neighbours, or by a third set. A promoter that is left out ends
  a region.

Over genes both are sums: a region or base counts once for each gene in whose window it lies.
"""

from collections.abc import Iterable, Mapping
from itertools import product

import numpy as np
import pandas as pd

from seq2exp.analysis.compare.spans import Spans, cut
from seq2exp.analysis.elements import covered, merge_runs
from seq2exp.errors import InputError

#: Most sets that can be told apart in one plot.
MOST = 8


def combinations(sets: Mapping[str, Spans]) -> pd.DataFrame:
    """Count every combination of sets within one window.

    Parameters
    ----------
    sets
        Name to counted bases.

    Returns
    -------
    pandas.DataFrame
        One bool column for each set (whether the combination has it), ``regions`` and ``bp``;
        2^k - 1 rows, one for each combination but the empty one.

    Raises
    ------
    InputError
        For no set, or more than `MOST`.
    """
    if not 1 <= len(sets) <= MOST:
        raise InputError(f"{len(sets)} sets cannot be compared at once; give 1 to {MOST}.")
    names = list(sets)
    weights = 2 ** np.arange(len(names))
    stretches, member = cut(list(sets.values()))
    inside = member.any(axis=1)
    lengths = stretches[inside, 1] - stretches[inside, 0]
    codes = member[inside] @ weights
    regions = merge_runs(stretches[inside], 0)
    has = [covered(spans, regions[:, 0], regions[:, 1]) > 0 for spans in sets.values()]
    of_region = np.stack(has, axis=1) @ weights
    size = 2 ** len(names)
    by_bases = np.bincount(codes, weights=lengths, minlength=size).astype(np.int64)
    by_regions = np.bincount(of_region, minlength=size)
    table = pd.DataFrame(list(product([False, True], repeat=len(names)))[1:], columns=names)
    code = table.to_numpy() @ weights
    return table.assign(regions=by_regions[code], bp=by_bases[code])


def pool_combinations(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Add up the combinations of windows, those that occur, most regions first.

    Returns
    -------
    pandas.DataFrame
        As `combinations`, and ``combination``: the names of its sets joined by " & ".
    """
    listed = list(tables)
    total = listed[0].copy()
    for name in ("regions", "bp"):
        total[name] = sum(table[name].to_numpy() for table in listed)
    names = [name for name in total if name not in ("regions", "bp")]
    joined = [
        " & ".join(name for name, inside in zip(names, row, strict=True) if inside)
        for row in total[names].to_numpy()
    ]
    total.insert(0, "combination", pd.Series(joined, dtype="str"))
    kept = total[(total["regions"] > 0) | (total["bp"] > 0)]
    return kept.sort_values(["regions", "bp"], ascending=False, kind="stable", ignore_index=True)
