"""The units of every column of the tables of a comparison."""

from collections.abc import Iterator

import pandas as pd

_POSITIONS = {"start": "bp, 0-based", "end": "bp, half-open", "summit": "bp, 0-based, -1 none"}
_INTERVALS = ("learned", "peaks", "a", "b")
_SHARES = (
    *("jaccard", "precision", "recall", "share", "mean_mask", "min_overlap_fraction"),
    *("mask_ratio", "peaks_ratio_window"),
)
_BP = (
    *("bp", "bp_counted", "bp_shared", "bp_union", "min_overlap_bp"),
    *("length", "counted_bp", "shared_bp", "tss_distance"),
)


def _units() -> Iterator[tuple[str, str]]:
    yield from _POSITIONS.items()
    for name in _INTERVALS:
        for column in (name, f"{name}_shared", f"{name}_only"):
            yield column, "intervals"
        yield f"bp_{name}", "bp"
        yield f"bp_{name}_only", "bp"
        yield f"{name}_ratio", "0-1, of counted bp"
    for name in _SHARES:
        yield name, "0-1"
    for name in _BP:
        yield name, "bp"
    yield "dnase", "bigWig's unit"
    yield "h3k27ac", "bigWig's unit"
    yield "contact", "Hi-C map's unit"
    for name in ("n", "intervals", "regions", "placed", "unplaced"):
        yield name, "intervals"
    yield "genes", "windows"
    yield "shuffles", "count"
    for name in ("observed", "expected", "low", "high"):
        yield name, "see unit"
    for name in ("mean", "q05", "q25", "median", "q75", "q95"):
        yield name, "see unit"
    for name in ("fold", "fold_low", "fold_high"):
        yield name, "observed / shuffled"
    yield "z", "standard deviations"
    for name in ("p_more", "p_less"):
        yield name, "0-1, one-sided"
    yield "value", "see parameter"


_KNOWN = dict(_units())
#: The columns whose unit depends on the table.
_OF_TABLE = {"genomic": {"of": "intervals"}, "composition": {"of": "bp"}}


def units_of(table: str, frame: pd.DataFrame) -> dict[str, str]:
    """Return the unit of each column of one of `Comparison.tables`; empty for texts and bools.

    Raises
    ------
    ValueError
        For a column of numbers that has none.
    """
    found = {}
    for name in frame.columns:
        known = {**_KNOWN, **_OF_TABLE.get(table, {})}
        number = pd.api.types.is_numeric_dtype(frame[name])
        if number and not pd.api.types.is_bool_dtype(frame[name]):
            if name not in known:
                raise ValueError(f"no unit is known for the column {name} of {table}")
            found[str(name)] = known[name]
        else:
            found[str(name)] = ""
    return found
