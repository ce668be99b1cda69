"""Rows with a value axis: signals, the mask, letters, evidence; and the ruler above them all."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from seq2exp.view.paper.sheet import INK, MUTED, PAD, Sheet, note, number
from seq2exp.view.tracks import BASE_COLORS, TrackSpec, to_scale

_SMOOTH = 0.2  # mm; bins narrower than this are joined by lines instead of drawn as steps


def ruler(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Draw the axis: 1-based coordinates of base centres, and a mark at the TSS."""
    axes.set_ylim(height, 0)
    base = height - 0.2
    axes.hlines(base, sheet.viewport.start, sheet.viewport.end, color=INK, linewidth=0.6)
    half_page = sheet.viewport.start + sheet.viewport.width
    for x, text in sheet.ticks():
        axes.vlines(x, base - 1.2, base, color=INK, linewidth=0.6)
        half = sheet.text_mm(text) / 2 * sheet.bp_per_mm
        # A label may reach a little into the margins, not over the row titles.
        if x - half < sheet.viewport.start - 1.5 * sheet.bp_per_mm:
            continue
        if x + half > half_page + 2.5 * sheet.bp_per_mm:
            continue
        axes.text(
            x, base - 1.8, text, ha="center", va="baseline", fontsize=sheet.font_size, color=INK
        )
    ticks = sheet.ticks()
    if len(ticks) > 1:
        minor = (ticks[1][0] - ticks[0][0]) / 5
        first = ticks[0][0] - 5 * minor
        marks = np.arange(first, sheet.viewport.end, minor)
        marks = marks[marks >= sheet.viewport.start]
        axes.vlines(marks, base - 0.6, base, color=INK, linewidth=0.4)
    tss = spec.data.get("tss")
    if tss is not None and sheet.viewport.contains(int(tss)):
        axes.plot(int(tss) + 0.5, base, marker="v", color=INK, markersize=3.2, clip_on=False)


def value_axis(
    axes: Axes, spec: TrackSpec, sheet: Sheet, low: float, high: float, ticks: list[float]
) -> None:
    """Set and label the y axis in the data's unit."""
    bottom, top = to_scale([low, high], spec.scale)
    if not top > bottom:
        top = bottom + 1.0
    axes.set_ylim(bottom, top)
    axes.spines["left"].set_visible(True)
    axes.spines["left"].set_linewidth(0.5)
    axes.spines["left"].set_color(MUTED)
    labels = [number(value) for value in ticks]
    axes.set_yticks(list(to_scale(ticks, spec.scale)))
    texts = axes.set_yticklabels(labels, fontsize=0.8 * sheet.font_size, color=MUTED)
    # The outermost labels stay inside the row, clear of the neighbours'.
    for text, value in zip(texts, ticks, strict=True):
        text.set_verticalalignment(
            "bottom" if value == min(ticks) else "top" if value == max(ticks) else "center"
        )
        text.set_parse_math(False)
    axes.tick_params(axis="y", length=1.6, width=0.5, pad=1.2, color=MUTED)


def _limits(spec: TrackSpec, lows: NDArray[Any], highs: NDArray[Any]) -> tuple[float, float]:
    if spec.y_range is not None:
        return float(spec.y_range[0]), float(spec.y_range[1])
    high = float(np.max(highs, initial=0.0))
    return min(0.0, float(np.min(lows, initial=0.0))), high if high > 0 else 1.0


def _visible(spec: TrackSpec, sheet: Sheet) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which bins are in view, and the x of their outline.

    The outline has two points a bin (steps), or one where steps would be too fine to see.
    """
    x = np.asarray(spec.data["x"], dtype=np.float64)
    width = float(spec.data["width"])
    seen = (x + width > sheet.viewport.start) & (x < sheet.viewport.end)
    if _smooth(spec, sheet):
        return seen, x[seen] + width / 2
    return seen, np.column_stack([x[seen], x[seen] + width]).ravel()


def _smooth(spec: TrackSpec, sheet: Sheet) -> bool:
    return float(spec.data["width"]) < _SMOOTH * sheet.bp_per_mm


def _outline(
    spec: TrackSpec, sheet: Sheet, values: Any, seen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return displayed values at the points of `_visible`."""
    shown = to_scale(np.asarray(values, dtype=np.float64)[seen], spec.scale)
    return shown if _smooth(spec, sheet) else np.repeat(shown, 2)


def legend_mm(spec: TrackSpec, sheet: Sheet) -> float:
    """Return the room over the values of a row for its legend, and for its note if it has one."""
    return sheet.line_mm * (2 if spec.note else 1)


def _legend(
    axes: Axes,
    spec: TrackSpec,
    sheet: Sheet,
    height: float,
    entries: list[tuple[dict[str, Any], str]],
) -> None:
    """Make room over the values and explain the colours there, from left to right.

    Each entry is the style of a small rectangle and its text; what does not fit is left out.
    """
    bottom, top = axes.get_ylim()
    room = legend_mm(spec, sheet)
    per_mm = (top - bottom) / (height - room)
    axes.set_ylim(bottom, bottom + height * per_mm)
    axes.spines["left"].set_bounds(bottom, top)
    if spec.note:
        note(axes, sheet, spec.note, 0.0, 1.0, va="top")
    middle = top + 0.5 * sheet.line_mm * per_mm
    side = 0.5 * sheet.line_mm
    plain: dict[str, Any] = {"ec": "none", "lw": 0.4}
    at = 0.0
    for style, text in entries:
        wide = side * 1.3 + 0.7 + sheet.text_mm(text, 0.8)
        if at + wide > sheet.plot_mm:
            break
        x = sheet.viewport.start + at * sheet.bp_per_mm
        axes.add_patch(
            Rectangle(
                (x, middle - side * per_mm / 2),
                1.3 * side * sheet.bp_per_mm,
                side * per_mm,
                **(plain | style),
            )
        )
        axes.text(
            x + (1.3 * side + 0.7) * sheet.bp_per_mm,
            middle,
            text,
            va="center_baseline",
            fontsize=0.8 * sheet.font_size,
            color=INK,
            parse_math=False,
        )
        at += wide + 2.5


def signal(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Draw the mean of each bin as an area and a line, its range as a band."""
    seen, x = _visible(spec, sheet)
    low, high = _limits(
        spec, np.asarray(spec.data["min"])[seen], np.asarray(spec.data["max"])[seen]
    )
    value_axis(axes, spec, sheet, low, high, [low, high])
    axes.axhline(0, color=MUTED, linewidth=0.3)
    if spec.note:
        note(axes, sheet, spec.note, 0.998, 1.0, ha="right", va="top")
    if not seen.any():
        return
    least, mean, most = (
        _outline(spec, sheet, spec.data[key], seen) for key in ("min", "mean", "max")
    )
    axes.fill_between(x, 0, mean, color=spec.color, alpha=0.45, linewidth=0)
    axes.fill_between(x, least, most, color=spec.color, alpha=0.3, linewidth=0)
    axes.plot(x, mean, color=spec.color, linewidth=0.5, solid_joinstyle="miter")
    _before(axes, spec, sheet, x, seen)
    _mark_clipped(axes, spec, sheet, seen)
    _threshold(axes, spec, sheet)


def _before(
    axes: Axes,
    spec: TrackSpec,
    sheet: Sheet,
    x: NDArray[np.float64],
    seen: NDArray[np.bool_],
) -> None:
    """Draw, dotted, what was there before the user's edits."""
    if "before" in spec.data:
        shown = _outline(spec, sheet, spec.data["before"], seen)
        axes.plot(x, shown, color=INK, linewidth=0.5, linestyle=(0, (1, 1.5)), zorder=7)


def _mark_clipped(axes: Axes, spec: TrackSpec, sheet: Sheet, seen: NDArray[np.bool_]) -> None:
    """Put a bar on the upper edge where values leave the axis."""
    top = axes.get_ylim()[1]
    values = to_scale(np.asarray(spec.data["max"])[seen], spec.scale)
    start = np.asarray(spec.data["x"], dtype=np.float64)[seen]
    over = values > top + 1e-6 * abs(top)
    if over.any():
        axes.hlines(
            np.full(over.sum(), top),
            start[over],
            start[over] + float(spec.data["width"]),
            color=INK,
            linewidth=1.4,
            zorder=5,
        )


def _threshold(axes: Axes, spec: TrackSpec, sheet: Sheet) -> None:
    if spec.threshold is None:
        return
    y = float(to_scale([spec.threshold], spec.scale)[0])
    axes.axhline(y, color=INK, linewidth=0.6, linestyle=(0, (4, 2)), zorder=6)
    axes.annotate(
        f"threshold {number(spec.threshold)}",
        (1.0, y),
        xycoords=("axes fraction", "data"),
        xytext=(-1.5, 1.2),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=0.8 * sheet.font_size,
        color=INK,
        zorder=9,
        bbox=PAD,
    )


_BAND: dict[str, Any] = {"alpha": 0.22}
_OPEN: dict[str, Any] = {"fc": "white", "hatch": "//////", "lw": 0.4}
_CLOSED: dict[str, Any] = {"fc": "#BBBBBB", "alpha": 0.5}


def _forced(
    axes: Axes, spec: TrackSpec, sheet: Sheet, low: float, high: float, ink: str = MUTED
) -> list[Any]:
    """Hatch the promoter, which is always open, and grey the blacklist, always closed.

    Returns what of the two is in view, for the legend.
    """
    view = sheet.viewport
    legend: list[Any] = []
    bottom, top = to_scale([low, high], spec.scale)
    promoter = spec.data.get("promoter")
    for style, text, spans, zorder in (
        (_OPEN | {"ec": ink}, "promoter, forced open", [promoter] if promoter else [], 4),
        (_CLOSED, "blacklist, forced closed", spec.data.get("closed") or [], 3),
    ):
        seen = [(a, b) for a, b in spans if b > view.start and a < view.end]
        for start, end in seen:
            box = {"ec": "none"} | style
            axes.add_patch(
                Rectangle((start, bottom), end - start, top - bottom, **box, zorder=zorder)
            )
        if seen:
            legend.append((style, text))
    return legend


def mask(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Draw mean, credible band, threshold, what passes it, and what is forced."""
    low, high = spec.y_range or (0.0, 1.0)
    value_axis(axes, spec, sheet, low, high, [low, (low + high) / 2, high])
    seen, x = _visible(spec, sheet)
    legend: list[Any] = []
    if seen.any():
        mean, most = (_outline(spec, sheet, spec.data[key], seen) for key in ("mean", "max"))
        if "lower" in spec.data:
            lower, upper = (
                _outline(spec, sheet, spec.data[key], seen) for key in ("lower", "upper")
            )
            axes.fill_between(x, lower, upper, color=spec.color, linewidth=0, **_BAND)
            legend.append((_BAND | {"fc": spec.color}, spec.data["band"]))
        if spec.threshold is not None:
            # A bin whose highest base passes may hold an element, so it counts as above.
            above = most >= float(to_scale([spec.threshold], spec.scale)[0])
            axes.fill_between(
                x, 0, mean, where=list(above), color=spec.color, alpha=0.55, linewidth=0
            )
        axes.plot(x, mean, color=spec.color, linewidth=0.7, solid_joinstyle="miter")
        _before(axes, spec, sheet, x, seen)
    legend += _forced(axes, spec, sheet, low, high)
    _threshold(axes, spec, sheet)
    _legend(axes, spec, sheet, height, legend)


def letters(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Draw each base as a letter as tall as its mask mean."""
    low, high = spec.y_range or (0.0, 1.0)
    value_axis(axes, spec, sheet, low, high, [low, (low + high) / 2, high])
    # Pale, for letters stand on it.
    legend = _forced(axes, spec, sheet, low, high, ink="#C8C8C8")
    font = FontProperties(weight="bold")
    glyphs: dict[str, TextPath] = {}
    heights = to_scale(spec.data["height"], spec.scale)
    for x, base, tall in zip(spec.data["x"], spec.data["base"], heights, strict=True):
        if not sheet.viewport.contains(int(x)) or tall <= 0:
            continue
        if base not in glyphs:
            glyphs[base] = TextPath((0, 0), base, size=1, prop=font)
        box = glyphs[base].get_extents()
        stretch = (
            Affine2D()
            .translate(-box.x0, -box.y0)
            .scale(0.92 / box.width, float(tall) / box.height)
            .translate(float(x) + 0.04, 0.0)
        )
        axes.add_patch(
            PathPatch(
                glyphs[base].transformed(stretch),
                fc=BASE_COLORS.get(base, MUTED),
                ec="white",
                lw=0.25,
                zorder=8,
            )
        )
    _threshold(axes, spec, sheet)
    _legend(axes, spec, sheet, height, legend)


def evidence(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Stack the shares of the sources, which add up to one."""
    value_axis(axes, spec, sheet, 0.0, 1.0, [0.0, 1.0])
    seen, x = _visible(spec, sheet)
    shares = np.asarray(spec.data["shares"], dtype=np.float64)
    floor = np.zeros(len(x))
    for index, color in enumerate(spec.data["colors"]):
        if not seen.any():
            break
        ceiling = floor + _outline(spec, sheet, shares[:, index], seen)
        axes.fill_between(x, floor, ceiling, color=color, linewidth=0)
        floor = ceiling
    colors = [{"fc": color} for color in spec.data["colors"]]
    _legend(axes, spec, sheet, height, list(zip(colors, spec.data["names"], strict=True)))
