"""Signed effects of intervals for print: a bar from 0 over each interval."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from seq2exp.view.paper.sheet import MUTED, Sheet, note
from seq2exp.view.paper.values import value_axis
from seq2exp.view.tracks import TrackSpec

_THINNEST = 0.22  # mm; what is narrower is widened to be seen


def effects(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Draw a bar over each interval, up for more and down for less."""
    low, high = spec.y_range or (-1.0, 1.0)
    value_axis(axes, spec, sheet, low, high, [low, high])
    axes.axhline(0, color=MUTED, linewidth=0.4)
    data = spec.data
    start, end = (np.asarray(data[key], dtype=np.float64) for key in ("start", "end"))
    seen = np.flatnonzero((end > sheet.viewport.start) & (start < sheet.viewport.end))
    if not len(seen):
        note(axes, sheet, spec.note or "none in view", 0.5, 0.5, ha="center", va="center")
        return
    least = _THINNEST * sheet.bp_per_mm
    wider = np.maximum(least - (end - start), 0) / 2
    left, right = start - wider, end + wider
    bars = [
        [(left[i], 0.0), (right[i], 0.0), (right[i], value), (left[i], value)]
        for i, value in zip(seen, np.asarray(data["value"])[seen], strict=True)
    ]
    colors = [data["color"][i] for i in seen]
    axes.add_collection(
        PolyCollection(bars, facecolors=colors, alpha=0.6, linewidths=0), autolim=False
    )
    if spec.note:
        note(axes, sheet, spec.note, 0.998, 1.0, ha="right", va="top")
