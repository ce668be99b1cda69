"""What one row of the browser is, apart from how it is drawn.

A figure is a list of :class:`TrackSpec`, top to bottom. The Plotly figure of the browser, the
matplotlib figure of the downloads and the tables all read the same list, so they cannot disagree.
Every x is an absolute 0-based genome position in bp; every value is in the unit the spec names,
before the display scale is applied (:func:`to_scale`).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Scale = Literal["linear", "log1p"]

# Okabe-Ito: told apart by readers with any of the common colour vision deficiencies.
PALETTE: dict[str, str] = {
    "ruler": "#4D4D4D",
    "genes": "#4D4D4D",
    "edits": "#4D4D4D",
    "dnase": "#0072B2",
    "h3k27ac": "#E69F00",
    "contact": "#CC79A7",
    "triangle": "#CC79A7",
    "peaks": "#56B4E9",
    "elements": "#009E73",
    "effects": "#D55E00",
    "truth": "#882255",
    "mask": "#D55E00",
    "seeds": "#D55E00",
    "evidence": "#999999",
    "crispr": "#0072B2",
    "user": "#4D4D4D",
}
#: Of an interval whose deletion raises the prediction; the others have the row's own colour.
GAIN_COLOR = "#0072B2"
#: The sources of the evidence row, in the order of ``MaskPosterior.evidence``'s columns.
EVIDENCE_NAMES: tuple[str, ...] = ("Sequence", "H3K27ac", "DNase", "Hi-C")
EVIDENCE_COLORS: tuple[str, ...] = ("#999999", "#E69F00", "#0072B2", "#CC79A7")
#: The four bases in the colours of the genome browsers' sequence tracks, colour-blind safe.
BASE_COLORS: dict[str, str] = {
    "A": "#009E73",
    "C": "#0072B2",
    "G": "#E69F00",
    "T": "#D55E00",
    "N": "#999999",
}

#: Rows top to bottom; the user's own tracks (keys ``user:…``) follow.
ROW_ORDER: tuple[str, ...] = (
    "ruler",
    "genes",
    "edits",
    "dnase",
    "h3k27ac",
    "contact",
    "triangle",
    "peaks",
    "elements",
    "effects",
    "truth",
    "mask",
    "seeds",
    "evidence",
    "crispr",
)
ROW_TITLES: dict[str, str] = {
    "ruler": "Position",
    "genes": "Genes",
    "edits": "Edited inputs",
    "dnase": "DNase",
    "h3k27ac": "H3K27ac",
    "contact": "Hi-C with TSS",
    "triangle": "Hi-C map",
    "peaks": "MACS3 peaks",
    "elements": "Learned elements",
    "effects": "Deletion effect",
    "truth": "Planted truth",
    "mask": "Learned mask",
    "seeds": "Mask over seeds",
    "evidence": "Evidence",
    "crispr": "CRISPRi",
}
#: Row heights in CSS pixels of the browser; paper figures keep their proportions.
ROW_HEIGHTS: dict[str, float] = {
    "ruler": 24,
    "genes": 56,
    "edits": 26,
    "dnase": 64,
    "h3k27ac": 64,
    "contact": 56,
    "triangle": 110,
    "peaks": 26,
    "elements": 26,
    "effects": 60,
    "truth": 26,
    "mask": 92,
    "seeds": 60,
    "evidence": 54,
    "crispr": 26,
    "user": 48,
}


@dataclass(frozen=True)
class TrackSpec:
    """One row: its data binned for the view, its title, unit, colour and scale.

    ``kind`` says what ``data`` holds:

    ``"ruler"``
        ``tss`` int, ``strand`` str, ``gene`` str.
    ``"genes"``
        ``rows``: list of dicts ``gene_id, transcript_id, name, strand, start, end,
        exons [(start, end)], cds (start, end) | None, lane, canonical, target, biotype``;
        ``lanes`` int. ``target`` marks the gene whose window this is.
    ``"signal"``
        ``x`` int64 [n] bin starts, ``width`` int bp per bin, ``min``, ``mean``, ``max`` [n];
        perhaps ``before`` [n], the means without the user's edits, NaN where nothing differs.
    ``"mask"``
        as ``signal``, and ``lower``, ``upper`` [n] with ``band`` saying what lies between them,
        ``promoter`` (start, end) forced open and drawn hatched, ``closed`` [(start, end)]
        blacklisted.
    ``"letters"``
        the mask at base level: ``x`` int64 [n] positions, ``base`` list of A C G T N,
        ``height`` [n] the mask mean, ``lower``, ``upper`` [n], ``promoter``, ``closed``.
    ``"evidence"``
        ``x``, ``width``, ``shares`` [n, k] adding up to 1 (0 where there is nothing),
        ``names`` [k], ``colors`` [k].
    ``"intervals"``
        ``start``, ``end`` int64 [n], ``name`` list, ``score`` [n], ``lane`` int [n],
        ``color`` list, ``hover`` list, ``summit`` int64 [n] (-1 none), ``lanes`` int.
    ``"effects"``
        ``start``, ``end`` int64 [n], ``value`` [n] signed, ``name``, ``hover``, ``color`` lists.
    ``"triangle"``
        ``x`` int64 [n + 1] bin edges, ``matrix`` [n, n] contact counts.

    Attributes
    ----------
    key : str
        Stable name of the row (``"dnase"``, ``"user:0"``).
    title : str
        What stands left of the row.
    kind : str
        See above.
    unit : str
        Unit of the values, ``""`` for rows without a value axis.
    height : float
        CSS pixels in the browser, relative height on paper.
    color : str
        ``#RRGGBB``.
    data : dict
        See above.
    y_range : tuple of float or None
        Bottom and top of the value axis in the data's unit, before scaling.
    scale : {"linear", "log1p"}
        How values are displayed; the data themselves are never scaled.
    note : str
        One line to print in the row (source, what is missing, "running").
    threshold : float or None
        A horizontal line in the data's unit.
    """

    key: str
    title: str
    kind: str
    unit: str
    height: float
    color: str
    data: dict[str, Any]
    y_range: tuple[float, float] | None = None
    scale: Scale = "linear"
    note: str = ""
    threshold: float | None = None


@dataclass(frozen=True)
class TrackSettings:
    """What a user may set for one row; None keeps the row's default.

    Attributes
    ----------
    visible : bool or None
        None: the row's default (the contact triangle is off until asked for).
    height : float or None
        CSS pixels.
    scale : {"linear", "log1p"} or None
    ymax : {"max", "p99"} or float or None
        Top of the axis: the largest value, the 99th percentile, or a fixed number.
    group : str
        Rows with the same non-empty group share the top of their axes.
    color : str or None
        ``#RRGGBB``.
    """

    visible: bool | None = None
    height: float | None = None
    scale: Scale | None = None
    ymax: Literal["max", "p99"] | float | None = None
    group: str = ""
    color: str | None = None


@dataclass(frozen=True)
class ViewSettings:
    """How the rows are shown; everything a session file restores about the figure.

    Attributes
    ----------
    tracks : mapping of str to TrackSettings
        By row key; rows not named keep their defaults.
    order : tuple of str
        Row keys top to bottom; rows not named follow in their usual order.
    expand_genes : bool
        Every transcript on a line of its own, or one packed line per canonical transcript.
    font_size : int
        px.
    autoscale : {"window", "view"}
        Whether the top of an axis follows the whole window (stable while panning) or the view.
    letters_below : int
        Views narrower than this many bp show the mask as letters.
    """

    tracks: Mapping[str, TrackSettings] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    expand_genes: bool = False
    font_size: int = 12
    autoscale: Literal["window", "view"] = "window"
    letters_below: int = 200

    def of(self, key: str) -> TrackSettings:
        """Return the settings of one row."""
        return self.tracks.get(key, TrackSettings())

    def shows(self, key: str) -> bool:
        """Tell whether a row is shown; the triangle is shown on demand only."""
        visible = self.of(key).visible
        return key != "triangle" if visible is None else visible

    def with_track(self, key: str, **changes: Any) -> ViewSettings:
        """Return a copy with some settings of one row changed."""
        return replace(self, tracks={**self.tracks, key: replace(self.of(key), **changes)})

    def arrange(self, keys: list[str]) -> list[str]:
        """Sort row keys: those in ``order`` first, the others in their usual order."""
        usual = {key: index for index, key in enumerate((*self.order, *ROW_ORDER))}
        for index, key in enumerate(self.order):
            usual[key] = index
        return sorted(keys, key=lambda key: usual.get(key, len(usual)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a session file."""
        plain = asdict(replace(self, tracks={}))
        plain["tracks"] = {key: asdict(value) for key, value in self.tracks.items()}
        plain["order"] = list(self.order)
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ViewSettings:
        """Read what :meth:`to_dict` wrote."""
        values = dict(plain)
        tracks = {key: TrackSettings(**v) for key, v in values.pop("tracks", {}).items()}
        return cls(tracks=tracks, order=tuple(values.pop("order", ())), **values)


def to_scale(values: Any, scale: Scale) -> NDArray[np.float64]:
    """Return values as displayed: unchanged, or ``log10(1 + v)`` with negatives mirrored."""
    array = np.asarray(values, dtype=np.float64)
    if scale == "log1p":
        return np.sign(array) * np.log10(1.0 + np.abs(array))
    return array


def assign_lanes(starts: Any, ends: Any, gap: int = 0) -> NDArray[np.int64]:
    """Pack intervals into as few lanes as possible, first come first served.

    Parameters
    ----------
    starts, ends : array_like of int [n]
        0-based half-open intervals, in the order in which they take precedence.
    gap : int
        Free bp asked for between two intervals of a lane.

    Returns
    -------
    numpy.ndarray of int64 [n]
        Lane of each interval, 0 at the top.
    """
    # The intervals of a lane, sorted: they are disjoint, so that only two can be in one's way.
    lanes: list[list[tuple[int, int]]] = []
    out = np.zeros(len(starts), dtype=np.int64)
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        interval = (int(start), int(end))
        for lane, taken in enumerate(lanes):
            at = bisect(taken, interval)
            free_before = at == 0 or taken[at - 1][1] + gap <= interval[0]
            if free_before and (at == len(taken) or interval[1] + gap <= taken[at][0]):
                taken.insert(at, interval)
                out[index] = lane
                break
        else:
            lanes.append([interval])
            out[index] = len(lanes) - 1
    return out
