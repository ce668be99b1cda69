"""Signed effects of intervals as Plotly traces: a bar from 0 over each interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.view.plotly_parts import (
    NOMINAL_WIDTH,
    Row,
    hover_points,
    polygons,
    rgba,
    rounded,
)

#: With more bars than this on screen, of those within a pixel only the longest is drawn.
DENSE = 1_000


def effects(row: Row) -> list[dict[str, Any]]:
    """Draw the bars of what the view and half a screen on either side hold, one path a colour."""
    data = row.spec.data
    half = row.viewport.width // 2
    seen = np.flatnonzero(
        (data["start"] < row.viewport.end + half) & (data["end"] > row.viewport.start - half)
    )
    if len(seen) > DENSE:
        seen = _longest(seen, row)
    starts, ends = data["start"][seen], data["end"][seen]
    values = rounded(data["value"][seen])
    colors = [data["color"][i] for i in seen]
    out = []
    for color in dict.fromkeys(colors):
        boxes = [
            (int(start), int(end), min(value, 0), max(value, 0))
            for start, end, value, own in zip(starts, ends, values, colors, strict=True)
            if own == color
        ]
        shown = row.ink.on_page(color)
        trace = polygons(boxes, shown, row.axis)
        # Where intervals overlap, the lower bars show through.
        trace["fillcolor"] = rgba(shown, 0.6)
        out.append(trace)
    if len(seen):
        text = [f"{data['name'][i]} · {data['hover'][i]}" for i in seen]
        out.append(hover_points(row, starts, ends, [value / 2 for value in values], text))
    return out


def _longest(seen: NDArray[np.intp], row: Row) -> NDArray[np.intp]:
    """Return of the bars that begin within the same pixel the one farthest from 0."""
    data = row.spec.data
    pixel = data["start"][seen] // max(row.viewport.width // NOMINAL_WIDTH, 1)
    order = np.lexsort((-np.abs(data["value"][seen]), pixel))
    _, first = np.unique(pixel[order], return_index=True)
    return seen[order[first]]
