"""The browser's view as a figure for print: SVG and PDF with editable text, and PNG.

The rows are painted from the same `TrackSpec` list as the Plotly figure, so the printed figure
cannot disagree with the screen. No ``pyplot`` is used: it keeps global state that threads would
share. The same arguments give the same bytes.
"""

import io
import re
import threading
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.view.paper import painters
from seq2exp.view.paper.sheet import (
    INK,
    MM_PER_INCH,
    MUTED,
    Sheet,
    identifier,
    printable,
    span_text,
)
from seq2exp.view.tracks import TrackSpec

FORMATS = ("svg", "pdf", "png")

# Millimetres.
_EDGE = 3.0
_GAP = 1.7

# Everything that changes bytes is fixed here, whatever the user's matplotlibrc says: text stays
# text (editable in Illustrator and Inkscape), ids and object names do not depend on chance.
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "seq2exp",
    "pdf.fonttype": 42,
    "pdf.compression": 6,
    "font.family": ["sans-serif"],
    # DejaVu Sans comes with matplotlib, so text is measured alike everywhere; the others are for
    # viewers of the SVG that lack it.
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica", "sans-serif"],
    "hatch.linewidth": 0.35,
    "path.simplify": True,
    "axes.unicode_minus": True,
}
_MATPLOTLIB_DEFAULTS: Any = {
    key: value
    for key, value in matplotlib.rcParamsDefault.items()
    if key.split(".")[0] in {"axes", "font", "lines", "patch", "path", "pdf", "savefig", "svg"}
}

# matplotlib's settings and font caches are global; one figure at a time.
_LOCK = threading.Lock()


def draw(
    specs: Sequence[TrackSpec],
    viewport: Interval,
    fmt: str = "svg",
    width_mm: float = 180.0,
    dpi: int = 300,
    title: str = "",
    font_size: float = 7.0,
    footer: str = "",
    simulated: bool = False,
) -> bytes:
    """Draw the rows under each other over one coordinate axis.

    Parameters
    ----------
    specs
        The rows from top to bottom. A ruler is put first if there is none among them.
    viewport
        What is shown; 0-based half-open here, 1-based on the axis.
    fmt
        "svg" or "pdf" (text stays editable), or "png".
    width_mm
        Width of the figure, 60-600 mm (journals: 85-90 for one column, 170-180 for two). The
        height follows from the rows.
    dpi
        Resolution, 50-1200: of the whole PNG, and of the contact triangle inside SVG and PDF.
    title, footer
        A line above and a paragraph below the rows.
    font_size
        Points, 4-16; the smallest text is 0.8 of it.
    simulated
        Print "Simulated data" on the figure.

    Returns
    -------
    bytes
        The file's content; the same for the same arguments.

    Raises
    ------
    InputError
        For an unknown format, an empty viewport or a size out of range.
    """
    if fmt not in FORMATS:
        raise InputError(f"no figure format {fmt!r}: use one of {', '.join(FORMATS)}")
    if viewport.width < 1:
        raise InputError(f"nothing to draw: {viewport.chrom} at {viewport.start} has no width")
    for name, value, low, high in (
        ("width_mm", width_mm, 60, 600),
        ("dpi", dpi, 50, 1200),
        ("font_size", font_size, 4, 16),
    ):
        if not low <= value <= high:
            raise InputError(f"figure {name} {value:g} is out of range: use {low} to {high}")
    with _LOCK, matplotlib.rc_context(_MATPLOTLIB_DEFAULTS | _STYLE):
        figure = _compose(
            list(specs),
            viewport,
            width_mm,
            font_size,
            printable(title),
            printable(footer),
            simulated,
        )
        buffer = io.BytesIO()
        figure.savefig(
            buffer,
            format=fmt,
            dpi=dpi,
            metadata=_metadata(fmt, title, simulated),
            facecolor="white",
        )
    return _shorter(buffer.getvalue()) if fmt == "svg" else buffer.getvalue()


def _shorter(svg: bytes) -> bytes:
    """Round path coordinates to 0.01 point, which nobody can see, and save half the file."""
    return re.sub(rb' d="[^"]*"', lambda path: re.sub(rb"(\.\d\d)\d+", rb"\1", path.group()), svg)


def _compose(
    specs: list[TrackSpec],
    viewport: Interval,
    width_mm: float,
    font_size: float,
    title: str,
    footer: str,
    simulated: bool,
) -> Figure:
    if not any(spec.kind == "ruler" for spec in specs):
        specs.insert(0, painters.plain_ruler())
    sheet = _sheet(specs, viewport, width_mm, font_size)
    left = _EDGE + sheet.gutter_mm
    labels = [_label_lines(spec, sheet) for spec in specs]
    heights = [
        max(painters.height_mm(spec, sheet), len(lines) * sheet.line_mm)
        for spec, lines in zip(specs, labels, strict=True)
    ]
    line = sheet.line_mm
    header = (1.5 * line if title else 0.0) + 1.25 * line
    footer_lines = sheet.wrap(footer, width_mm - 2 * _EDGE, 0.85) if footer else []
    below = len(footer_lines) * line + (0.5 * line if footer_lines else 0.0)
    height_mm = _EDGE + header + sum(heights) + _GAP * len(heights) + below + _EDGE

    figure = Figure((width_mm / MM_PER_INCH, height_mm / MM_PER_INCH), facecolor="white")

    def place(x: float, y: float, text: str, **style: Any) -> None:
        """Text at millimetres from the left and the top."""
        look: dict[str, Any] = {"color": INK, "fontsize": font_size, "va": "baseline"} | style
        figure.text(x / width_mm, 1 - y / height_mm, text, parse_math=False, **look)

    y = _EDGE
    if title:
        y += 1.1 * line
        place(_EDGE, y, title, fontsize=1.2 * font_size, fontweight="bold")
        y += 0.4 * line
    y += 0.8 * line
    place(_EDGE, y, f"{viewport}  ({span_text(viewport.width)})", color=MUTED)
    if simulated:
        place(
            width_mm - _EDGE - 0.8,
            _EDGE + 0.9 * line,
            "Simulated data",
            ha="right",
            color="#A63603",
            fontweight="bold",
            bbox={"boxstyle": "round,pad=0.3", "fc": "#FEEDDE", "ec": "#A63603", "lw": 0.5},
        )
    y = _EDGE + header

    first_y, rows = y + _GAP, []
    for spec, height, lines in zip(specs, heights, labels, strict=True):
        y += _GAP
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
    _guides(figure, rows, sheet, (first_y, y), (width_mm, height_mm), left, tss)
    y += 0.5 * line
    for text in footer_lines:
        y += line
        place(_EDGE, y, text, fontsize=0.85 * font_size, color=MUTED)
    return figure


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
) -> None:
    """Rule faint verticals through all rows, so that the eye can align them."""
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


def _metadata(fmt: str, title: str, simulated: bool) -> dict[str, Any]:
    """Say what the file is; no date, which would change the bytes."""
    name = printable(title) or "Seq2Exp Browser"
    if simulated:
        name += " (simulated data)"
    if fmt == "svg":
        return {"Date": None, "Creator": "Seq2Exp Browser", "Title": name}
    if fmt == "pdf":
        return {"CreationDate": None, "Creator": "Seq2Exp Browser", "Title": name}
    return {"Software": "Seq2Exp Browser", "Title": name}
