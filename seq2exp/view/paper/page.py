"""The layout of a printed figure: where title, rows, labels and footer stand on the page."""

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.view.paper import painters
from seq2exp.view.paper.highlights import Highlight, in_view, paint_highlights, place_labels
from seq2exp.view.paper.sheet import (
    INK,
    MM_PER_INCH,
    MUTED,
    Sheet,
    identifier,
    span_text,
)
from seq2exp.view.tracks import TrackSpec

# Millimetres.
_EDGE = 3.0
_GAP = 1.7
_SIMULATED = "Simulated data"


def compose(
    specs: list[TrackSpec],
    viewport: Interval,
    width_mm: float,
    font_size: float,
    title: str,
    footer: str,
    simulated: bool,
    height_mm: float | None = None,
    highlights: Sequence[Highlight] = (),
) -> Figure:
    """Lay the rows out on a page and paint them; see `seq2exp.view.matplotlib.draw`."""
    if not any(spec.kind == "ruler" for spec in specs):
        specs.insert(0, painters.plain_ruler())
    sheet = _sheet(specs, viewport, width_mm, font_size)
    left = _EDGE + sheet.gutter_mm
    labels = [_label_lines(spec, sheet) for spec in specs]
    line = sheet.line_mm
    marked = in_view(highlights, viewport)
    marks = place_labels(marked, sheet)
    over = line * max((mark.lane + 1 for mark in marks), default=0)
    badge = sheet.text_mm(_SIMULATED, weight="bold") + 4.0 if simulated else 0.0
    room, bold = width_mm - 2 * _EDGE, {"weight": "bold"}
    titles = sheet.wrap(title, room - badge, 1.2, **bold)[:1]  # beside the badge, the rest below
    titles += sheet.wrap(" ".join(title.split()[len("".join(titles).split()) :]), room, 1.2, **bold)
    header = (0.2 * line + 1.3 * line * len(titles) if titles else 0.0) + 1.25 * line + over
    footer_lines = sheet.wrap(footer, width_mm - 2 * _EDGE, 0.85) if footer else []
    below = len(footer_lines) * line + (0.5 * line if footer_lines else 0.0)
    around = _EDGE + header + below + _EDGE
    heights, gap = _heights(specs, labels, sheet, height_mm, around)
    height_mm = height_mm or around + sum(heights) + gap * len(heights)

    figure = Figure((width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), facecolor="white")

    def place(x: float, y: float, text: str, **style: Any) -> None:
        """Text at millimetres from the left and the top."""
        look: dict[str, Any] = {"color": INK, "fontsize": font_size, "va": "baseline"} | style
        figure.text(x / width_mm, 1 - y / height_mm, text, parse_math=False, **look)

    y = _EDGE
    for i, text in enumerate(titles):
        y += (1.3 if i else 1.1) * line
        place(_EDGE, y, text, fontsize=1.2 * font_size, fontweight="bold")
    if titles:
        y += 0.4 * line
    y += 0.8 * line
    place(_EDGE, y, f"{viewport}  ({span_text(viewport.width)})", color=MUTED)
    if simulated:
        place(
            width_mm - _EDGE - 0.8,
            _EDGE + 0.9 * line,
            _SIMULATED,
            ha="right",
            color="#A63603",
            fontweight="bold",
            bbox={"boxstyle": "round,pad=0.3", "fc": "#FEEDDE", "ec": "#A63603", "lw": 0.5},
        )
    for mark in marks:
        at = _EDGE + header - over + (mark.lane + 0.9) * line
        place(left + mark.middle, at, mark.text, ha="center", fontsize=0.8 * font_size)
    y = _EDGE + header

    first_y, rows = y + gap, []
    for spec, height, lines in zip(specs, heights, labels, strict=True):
        y += gap
        axes = figure.add_axes(
            (
                left / width_mm,
                1 - (y + height) / height_mm,
                sheet.plot_mm / width_mm,
                height / height_mm,
            ),
            label=spec.key,
        )
        axes.set_gid(f"track-{identifier(spec.key)}")
        axes.set_xlim(viewport.start, viewport.end)
        axes.patch.set_visible(False)
        painters.paint(axes, spec, sheet, height)
        baseline = y + painters.label_center(spec, sheet, height) - (len(lines) / 2 - 0.72) * line
        for text, style in lines:
            place(_EDGE, baseline, text, **style)
            baseline += line
        rows.append(axes)
        y += height
    tss = next((spec.data.get("tss") for spec in specs if spec.kind == "ruler"), None)
    behind = _guides(figure, rows, sheet, (first_y, y), (width_mm, height_mm), left, tss)
    paint_highlights(behind, marked, least_bp=0.3 * sheet.bp_per_mm)
    y += 0.5 * line
    for text in footer_lines:
        y += line
        place(_EDGE, y, text, fontsize=0.85 * font_size, color=MUTED)
    return figure


def _heights(
    specs: Sequence[TrackSpec],
    labels: Sequence[Sequence[Any]],
    sheet: Sheet,
    height_mm: float | None,
    around: float,
) -> tuple[list[float], float]:
    """Return each row's height and the gap over each, in mm.

    Boxes, names and legends take what they need; the values of the other rows are stretched alike
    until the page is `height_mm` high, of which `around` is not the rows'.
    """
    fixed = [painters.fixed_mm(spec, sheet) for spec in specs]
    usual = [painters.stretch_mm(spec) for spec in specs]
    # A little more than the lines, so that they do not touch those of the next row.
    texts = [(len(lines) + 0.15) * sheet.line_mm for lines in labels]

    def at(stretch: float, least: float = 0.0) -> list[float]:
        return [
            max(f + (max(stretch * u, least) if u else 0.0), text)
            for f, u, text in zip(fixed, usual, texts, strict=True)
        ]

    if height_mm is None:
        return at(1.0), _GAP
    room = height_mm - around - _GAP * len(specs)
    least = painters.LEAST_MM
    lowest = sum(at(0.0, least))
    if room < lowest:
        raise InputError(
            f"A figure of {height_mm:g} mm is too low for its {len(specs)} rows: use at least "
            f"{math.ceil(height_mm - room + lowest)} mm, fewer tracks or a smaller font."
        )
    if not any(usual):
        return at(1.0), _GAP + (room - lowest) / len(specs)
    low, high = 0.0, (room + 1) / max(usual)
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if sum(at(middle, least)) < room else (low, middle)
    return at(low, least), _GAP


def _sheet(specs: list[TrackSpec], viewport: Interval, width_mm: float, font_size: float) -> Sheet:
    """Give the row titles the room they need, and the rows the rest."""
    measure = Sheet(viewport, width_mm, 0.0, 0.0, font_size)
    titles = [spec.title for spec in specs] + [viewport.chrom + " "]
    whole = max(measure.text_mm(title) for title in titles)
    words = [(word, 1.0) for title in titles for word in title.split()]
    words += [(word, 0.8) for spec in specs for word in spec.unit.split()]
    longest = max(measure.text_mm(word, size) for word, size in words)
    label = min(max(longest, min(whole, 0.13 * width_mm)), 0.25 * width_mm)
    gutter = label + measure.text_mm("00.00", 0.8) + 2.0
    return Sheet(viewport, width_mm - 2 * _EDGE - 1.5 - gutter, gutter, label, font_size)


def _label_lines(spec: TrackSpec, sheet: Sheet) -> list[tuple[str, dict[str, Any]]]:
    """Return title and unit of a row, in lines with their style."""
    if spec.kind == "ruler":
        return [(sheet.viewport.chrom, {"fontweight": "bold"})]
    unit = f"{spec.unit}, log scale" if spec.unit and spec.scale == "log1p" else spec.unit
    small = {"color": MUTED, "fontsize": 0.8 * sheet.font_size}
    lines: list[tuple[str, dict[str, Any]]] = [
        (text, {}) for text in sheet.wrap(spec.title or spec.key, sheet.label_mm, 1.0)
    ]
    return lines + [(text, small) for text in sheet.wrap(unit, sheet.label_mm, 0.8)]


def _guides(
    figure: Figure,
    rows: list[Axes],
    sheet: Sheet,
    span: tuple[float, float],
    page: tuple[float, float],
    left: float,
    tss: int | None,
) -> Axes:
    """Rule faint verticals through all rows, so that the eye can align them.

    Returns the axes behind the rows, whose y runs from 0 to 1.
    """
    width_mm, height_mm = page
    behind = figure.add_axes(
        (
            left / width_mm,
            1 - span[1] / height_mm,
            sheet.plot_mm / width_mm,
            (span[1] - span[0]) / height_mm,
        ),
        zorder=-10,
        label="guides",
    )
    behind.set_gid("guides")
    behind.set_xlim(sheet.viewport.start, sheet.viewport.end)
    behind.set_ylim(0, 1)
    behind.set_axis_off()
    marks = [position for position, _ in sheet.ticks()]
    behind.vlines(marks, 0, 1, color="#E4E4E4", linewidth=0.4)
    if tss is not None and sheet.viewport.contains(tss):
        behind.vlines(tss + 0.5, 0, 1, color=MUTED, linewidth=0.4, linestyle=(0, (2, 2)))
    for axes in rows:
        axes.set_zorder(1)
    return behind
