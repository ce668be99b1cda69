"""Rows of boxes, genes and intervals; their y axis counts millimetres from the top."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from numpy.typing import NDArray

from seq2exp.view.paper.sheet import INK, MM_PER_POINT, MUTED, Sheet, note, printable
from seq2exp.view.tracks import TrackSpec

_BODY = 1.9  # mm; a coding exon, and the box of an interval
LANE_MM = 2.7  # one lane of intervals
_THINNEST = 0.22  # mm; what is narrower is widened to be seen


def _box(start: float, end: float, top: float, bottom: float, least: float) -> list[Any]:
    """Return a rectangle's corners, widened about its centre to at least `least` bp."""
    if end - start < least:
        middle = (start + end) / 2
        start, end = middle - least / 2, middle + least / 2
    return [(start, top), (end, top), (end, bottom), (start, bottom)]


def interval_lanes(spec: TrackSpec) -> int:
    """Return how many lanes a row of intervals has, at least one."""
    return max(int(spec.data["lanes"]), 1)


def interval_note_mm(spec: TrackSpec, sheet: Sheet) -> float:
    """Return the room under the boxes for the row's note."""
    return sheet.line_mm if spec.note and len(spec.data["start"]) else 0.0


def interval_center(spec: TrackSpec, sheet: Sheet, height: float) -> float:
    """Return the middle of the boxes in mm from the top; a row may be taller for its title."""
    return (height - interval_note_mm(spec, sheet)) / 2


def intervals(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Draw boxes in their lanes, summits as ticks, and names where they fit."""
    axes.set_ylim(height, 0)
    data = spec.data
    start, end = (np.asarray(data[key], dtype=np.int64) for key in ("start", "end"))
    seen = np.flatnonzero((end > sheet.viewport.start) & (start < sheet.viewport.end))
    middle = interval_center(spec, sheet, height)
    beside = 1 - middle / height
    if spec.note and len(start):
        note(axes, sheet, spec.note, 0.0, 0.0, va="bottom")
    elif not len(seen):
        note(axes, sheet, spec.note or "none in view", 0.5, beside, ha="center", va="center")
    lanes, colors, names, summits = (data[key] for key in ("lane", "color", "name", "summit"))
    least = _THINNEST * sheet.bp_per_mm
    above = middle - interval_lanes(spec) * LANE_MM / 2
    boxes, ticks = [], []
    for i in seen:
        top = above + float(lanes[i]) * LANE_MM + (LANE_MM - _BODY) / 2
        boxes.append(_box(start[i], end[i], top, top + _BODY, least))
        if summits[i] >= 0 and (end[i] - start[i]) > 4 * least:
            ticks.append([(summits[i] + 0.5, top), (summits[i] + 0.5, top + _BODY)])
    axes.add_collection(
        PolyCollection(boxes, facecolors=[colors[i] for i in seen], linewidths=0), autolim=False
    )
    axes.add_collection(LineCollection(ticks, colors=INK, linewidths=0.5), autolim=False)
    # Names of peaks and tested pairs say nothing on paper; they are in the tables.
    if spec.key == "elements" or spec.key.startswith("user"):
        _name_boxes(axes, sheet, seen, start, end, lanes, names, above)


def _name_boxes(
    axes: Axes,
    sheet: Sheet,
    seen: NDArray[Any],
    start: NDArray[Any],
    end: NDArray[Any],
    lanes: Any,
    names: Any,
    above: float,
) -> None:
    """Write a name right of its box where there is room before the next one, else leave it out."""
    for i in seen:
        name = printable(str(names[i])).removeprefix("element_")
        if not name:
            continue
        needs = (sheet.text_mm(name, 0.8) + 1.0) * sheet.bp_per_mm
        same = [start[j] for j in seen if lanes[j] == lanes[i] and start[j] >= end[i]]
        if end[i] + needs > min([*same, sheet.viewport.end]):
            continue
        axes.text(
            end[i] + 0.5 * sheet.bp_per_mm,
            above + (float(lanes[i]) + 0.5) * LANE_MM,
            name,
            va="center_baseline",
            fontsize=0.8 * sheet.font_size,
            color=MUTED,
            parse_math=False,
        )


def gene_lane_mm(sheet: Sheet) -> float:
    """Return the height of one lane of genes, name and body."""
    return sheet.font_size * MM_PER_POINT + _BODY + 1.1


def place_genes(spec: TrackSpec, sheet: Sheet) -> list[tuple[dict[str, Any], int]]:
    """Pack genes with their labels into lanes so that neither collide.

    The lanes of the browser do not serve: how much room a name needs depends on the paper.
    """
    view = sheet.viewport
    rows = [r for r in spec.data["rows"] if r["end"] > view.start and r["start"] < view.end]
    rows.sort(key=lambda r: (not r.get("target"), not r.get("canonical", True), r["start"]))
    taken: list[list[tuple[float, float]]] = []
    placed = []
    for row in rows:
        low, high = _gene_extent(row, sheet)
        pad = 1.0 * sheet.bp_per_mm
        lane = 0
        while lane < len(taken) and any(low < b + pad and a < high + pad for a, b in taken[lane]):
            lane += 1
        if lane == len(taken):
            taken.append([])
        taken[lane].append((low, high))
        placed.append((row, lane))
    return placed


def _gene_label_x(row: dict[str, Any], sheet: Sheet) -> tuple[float, float]:
    """Return centre and half width (bp) of a gene's label, over its visible part."""
    view = sheet.viewport
    half = sheet.text_mm(row["name"], 1.0, style="italic", weight="bold") / 2 * sheet.bp_per_mm
    center = (max(row["start"], view.start) + min(row["end"], view.end)) / 2
    return min(max(center, view.start + half), max(view.end - half, view.start + half)), half


def _gene_extent(row: dict[str, Any], sheet: Sheet) -> tuple[float, float]:
    center, half = _gene_label_x(row, sheet)
    view = sheet.viewport
    return (
        min(max(row["start"], view.start), center - half),
        max(min(row["end"], view.end), center + half),
    )


def genes(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Draw gene models with their names above, in lanes that fit the paper."""
    axes.set_ylim(height, 0)
    placed = place_genes(spec, sheet)
    if not placed:
        note(axes, sheet, spec.note or "no gene in view", 0.5, 0.5, ha="center", va="center")
    elif spec.note:
        note(axes, sheet, spec.note, 0.998, 0.0, ha="right", va="bottom")
    for row, lane in placed:
        label = lane * gene_lane_mm(sheet) + 0.82 * sheet.font_size * MM_PER_POINT
        middle = lane * gene_lane_mm(sheet) + sheet.font_size * MM_PER_POINT + 0.2 + _BODY / 2
        color = spec.color if row.get("canonical", True) else "#9A9A9A"
        if row.get("target"):
            color = "#000000"
        _gene_body(axes, row, sheet, middle, color)
        center, _ = _gene_label_x(row, sheet)
        axes.text(
            center,
            label,
            printable(row["name"]),
            ha="center",
            va="baseline",
            fontsize=sheet.font_size,
            fontstyle="italic",
            fontweight="bold" if row.get("target") else "normal",
            color=color,
            parse_math=False,
        )


def _gene_body(axes: Axes, row: dict[str, Any], sheet: Sheet, middle: float, color: str) -> None:
    """Draw introns thin with chevrons that point downstream, UTRs half and coding exons thick."""
    view, least = sheet.viewport, _THINNEST * sheet.bp_per_mm
    low, high = max(row["start"], view.start), min(row["end"], view.end)
    axes.hlines(middle, low, high, color=color, linewidth=0.5)
    boxes = []
    cds = row.get("cds")
    for start, end in row["exons"]:
        boxes.append(_box(start, end, middle - 0.3 * _BODY, middle + 0.3 * _BODY, least))
        if cds and min(end, cds[1]) > max(start, cds[0]):
            boxes.append(
                _box(
                    max(start, cds[0]),
                    min(end, cds[1]),
                    middle - _BODY / 2,
                    middle + _BODY / 2,
                    least,
                )
            )
    axes.add_collection(PolyCollection(boxes, facecolors=color, linewidths=0), autolim=False)

    forward = 1.0 if row["strand"] == "+" else -1.0
    deep, tall = 0.35 * sheet.bp_per_mm * forward, 0.42

    def chevrons(xs: list[float], ink: str, linewidth: float) -> None:
        lines = [
            [(x - deep, middle - tall), (x + deep, middle), (x - deep, middle + tall)] for x in xs
        ]
        axes.add_collection(
            LineCollection(lines, colors=ink, linewidths=linewidth, joinstyle="miter"),
            autolim=False,
        )

    step = 2.6 * sheet.bp_per_mm
    exons = np.array([(a, b) for a, b in row["exons"]], dtype=float).reshape(-1, 2)
    clear = 0.6 * sheet.bp_per_mm
    # Fixed to the genome, not to the view, so that chevrons stand still between figures.
    marks = np.arange(np.floor(low / step) * step + step / 2, high, step)
    on_intron = [
        float(x)
        for x in marks
        if low + clear < x < high - clear
        and not np.any((exons[:, 0] - clear < x) & (x < exons[:, 1] + clear))
    ]
    chevrons(on_intron, color, 0.5)
    if not on_intron and len(exons):
        # Without an intron to point from, the widest visible exon carries the arrow.
        shown = np.clip(exons, view.start, view.end)
        start, end = shown[np.argmax(shown[:, 1] - shown[:, 0])]
        if end - start > 1.5 * sheet.bp_per_mm:
            chevrons([float(start + end) / 2], "white", 0.6)
