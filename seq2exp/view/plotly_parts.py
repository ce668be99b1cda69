"""What the Plotly rows are made of: theme colours, short numbers, paths, boxes and lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.genome.locus import Interval
from seq2exp.view.tracks import TrackSpec, to_scale

#: Plot width in px that labels are placed for: narrow, so that wider screens have room to spare.
NOMINAL_WIDTH = 760

Trace = dict[str, Any]


@dataclass(frozen=True)
class Ink:
    """The colours that depend on the page's theme."""

    dark: bool
    text: str
    muted_text: str
    muted: str
    grid: str
    paper: str

    @classmethod
    def of(cls, dark: bool) -> Ink:
        """Return the colours for a light or a dark page."""
        if dark:
            return cls(True, "#FAFAFA", "#B4B8C2", "#6B7280", "rgba(255,255,255,0.09)", "#1B2029")
        return cls(False, "#262730", "#5F6673", "#A3A8B4", "rgba(38,39,48,0.09)", "#FFFFFF")

    def on_page(self, color: str) -> str:
        """Lighten a colour that would vanish on a dark page."""
        if not self.dark:
            return color
        red, green, blue = channels(color)
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        if luma >= 110:
            return color
        share = (118 - luma) / (255 - luma)
        mixed = (round(c + (255 - c) * share) for c in (red, green, blue))
        return "#{:02X}{:02X}{:02X}".format(*mixed)


@dataclass(frozen=True)
class Row:
    """One row and where it stands."""

    spec: TrackSpec
    axis: str
    viewport: Interval
    ink: Ink
    font: int
    domain: tuple[float, float]

    @property
    def color(self) -> str:
        """The row's colour on this page."""
        return self.ink.on_page(self.spec.color)

    @property
    def has_values(self) -> bool:
        """Whether the row has a value axis."""
        return self.spec.kind in ("signal", "mask", "letters", "evidence", "effects")

    @property
    def y_range(self) -> list[float]:
        """Bottom and top of the row's axis as drawn."""
        data = self.spec.data
        if self.spec.kind in ("genes", "intervals"):
            return [float(data["lanes"]), 0.0]
        if self.spec.kind == "triangle":
            x = data["x"]
            return [0.0, float(x[-1] - x[0]) / 2 if len(x) else 1.0]
        if self.has_values and self.spec.y_range is not None:
            low, high = (float(v) for v in to_scale(list(self.spec.y_range), self.spec.scale))
            return [low, high + (high - low) * 0.04]
        return [0.0, 1.0]


def number(value: float) -> str:
    """Write a number for an axis or a label: 3 significant digits, thousands separated."""
    value = float(f"{value:.3g}")
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:g}"


def rgba(color: str, alpha: float) -> str:
    """Return ``#RRGGBB`` with an opacity."""
    return "rgba({},{},{},{:g})".format(*channels(color), alpha)


def channels(color: str) -> tuple[int, int, int]:
    """Return red, green and blue of ``#RRGGBB``, 0-255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def rounded(values: Any, digits: int = 4) -> list[float | int]:
    """Round to significant digits and drop ``.0``, for short JSON."""
    array = np.asarray(values, dtype=np.float64)
    size = np.floor(np.log10(np.where(array == 0, 1.0, np.abs(array))))
    factor = 10.0 ** (digits - 1 - size)
    cut = np.round(array * factor) / factor
    # The division can leave 0.30000000000000004; the shortest text of 4 digits does not.
    return [int(v) if v == int(v) else float(f"{v:.{digits}g}") for v in cut.tolist()]


def path(color: str, **more: Any) -> Trace:
    """Return a trace without an outline, to be filled."""
    return {"type": "scatter", "mode": "lines", "line": {"width": 0, "color": color}, **more}


def polygons(
    boxes: Iterable[tuple[float, float, float, float]], color: str, axis: str, edge: float = 1.0
) -> dict[str, Any]:
    """Return one trace of filled boxes (x0, x1, y0, y1); the outline keeps thin ones visible."""
    x: list[float | None] = []
    y: list[float | None] = []
    for x0, x1, y0, y1 in boxes:
        x += [x0 + 0.5, x0 + 0.5, x1 + 0.5, x1 + 0.5, x0 + 0.5, None]
        y += [y0, y1, y1, y0, y0, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "yaxis": axis,
        "fill": "toself",
        "fillcolor": color,
        "line": {"width": edge, "color": color},
        "hoverinfo": "skip",
    }


def segments(
    lines: Iterable[Sequence[tuple[float, float]]], color: str, axis: str, width: float = 1.0
) -> dict[str, Any]:
    """Return one trace of unconnected lines, each a sequence of (x, y)."""
    x: list[float | None] = []
    y: list[float | None] = []
    for line in lines:
        x += [*(point[0] + 0.5 for point in line), None]
        y += [*(point[1] for point in line), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "yaxis": axis,
        "line": {"width": width, "color": color},
        "hoverinfo": "skip",
    }


def plain(boxes: Iterable[Sequence[Any]]) -> list[tuple[float, float, float, float]]:
    """Return boxes (x0, x1, y0, y1) as plain numbers."""
    return [(int(a), int(b), round(float(c), 3), round(float(d), 3)) for a, b, c, d in boxes]


def hover_points(
    row: Row,
    starts: Sequence[int] | NDArray[np.int64],
    ends: Sequence[int] | NDArray[np.int64],
    heights: Sequence[float] | NDArray[np.floating],
    text: Sequence[str],
    ids: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Put unseen points inside boxes so that a cursor anywhere in one finds it.

    Plotly looks for points, not areas, so a wide box carries one every hundredth of the screen.
    `heights` are where the middles of the boxes stand on the row's axis.
    """
    step = max(row.viewport.width / 100, 1.0)
    half = row.viewport.width // 2
    low, high = row.viewport.start - half, row.viewport.end + half
    x: list[float | None] = []
    y: list[float | None] = []
    label: list[str] = []
    custom: list[str] = []
    for index, (start, end, height) in enumerate(zip(starts, ends, heights, strict=True)):
        left, right = max(int(start), low), min(int(end), high)
        if right <= left:
            continue
        count = max(1, int(np.ceil((right - left) / step)))
        points = left + (np.arange(count) + 0.5) * (right - left) / count
        x += [round(float(p) + 0.5, 1) for p in points] + [None]
        y += [float(height)] * count + [None]
        label += [text[index]] * count + [""]
        custom += [ids[index] if ids else ""] * count + [""]
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "text": label,
        "line": {"width": 0, "color": row.color},
        "hovertemplate": f"<b>{row.spec.title}</b> %{{text}}<extra></extra>",
    }
    if ids:
        trace["customdata"] = custom
    return trace
