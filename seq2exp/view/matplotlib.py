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
from matplotlib.figure import Figure

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.view.paper.highlights import Highlight
from seq2exp.view.paper.page import compose
from seq2exp.view.paper.sheet import MM_PER_INCH, printable
from seq2exp.view.tracks import TrackSpec

FORMATS = ("svg", "pdf", "png")

#: Most pixels of a PNG: 150 of them take 600 MB while they are drawn.
_MOST_PIXELS = 150e6

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
    height_mm: float | None = None,
    highlights: Sequence[Highlight] = (),
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
        Width of the figure, 60-600 mm (journals: 85-90 for one column, 170-180 for two).
    dpi
        Resolution, 50-1200: of the whole PNG, and of the contact triangle inside SVG and PDF.
    title, footer
        A line above and a paragraph below the rows.
    font_size
        Points, 4-16; the smallest text is 0.8 of it.
    simulated
        Print "Simulated data" on the figure.
    height_mm
        Height of the figure, 20-600 mm; None: what the rows need. The rows with values share what
        the others leave.
    highlights
        Spans to mark through all rows.

    Returns
    -------
    bytes
        The file's content; the same for the same arguments.

    Raises
    ------
    InputError
        For an unknown format, an empty viewport, a size out of range or too low for the rows.
    """
    if fmt not in FORMATS:
        raise InputError(f"no figure format {fmt!r}: use one of {', '.join(FORMATS)}")
    if viewport.width < 1:
        raise InputError(f"nothing to draw: {viewport.chrom} at {viewport.start} has no width")
    check_page(width_mm, height_mm, font_size, dpi)
    with _LOCK, matplotlib.rc_context(_MATPLOTLIB_DEFAULTS | _STYLE):
        figure = compose(
            list(specs),
            viewport,
            width_mm,
            font_size,
            printable(title),
            printable(footer),
            simulated,
            height_mm,
            highlights,
        )
        if fmt == "png":
            _whole_pixels(figure, dpi)
        buffer = io.BytesIO()
        figure.savefig(
            buffer,
            format=fmt,
            dpi=dpi,
            metadata=_metadata(fmt, title, simulated),
            facecolor="white",
        )
    return _shorter(buffer.getvalue()) if fmt == "svg" else buffer.getvalue()


def check_page(width_mm: float, height_mm: float | None, font_size: float, dpi: float) -> None:
    """Refuse what `draw` can make no page of.

    Raises
    ------
    InputError
        Naming the size that is out of range.
    """
    for name, unit, value, low, high in (
        ("width", "mm", width_mm, 80, 600),
        ("height", "mm", 100.0 if height_mm is None else height_mm, 20, 600),
        ("font size", "pt", font_size, 4, 16),
        ("resolution", "dpi", dpi, 50, 1200),
    ):
        if not low <= value <= high:
            raise InputError(
                f"A figure's {name} of {value:g} {unit} is out of range; use {low} to {high}."
            )


def _shorter(svg: bytes) -> bytes:
    """Round path coordinates to 0.01 point, which nobody can see, and save half the file."""
    return re.sub(rb' d="[^"]*"', lambda path: re.sub(rb"(\.\d\d)\d+", rb"\1", path.group()), svg)


def png_pixels(width_mm: float, height_mm: float, dpi: float) -> tuple[int, int]:
    """Return the pixels of a page as PNG.

    Raises
    ------
    InputError
        Where they are more than can be drawn.
    """
    width, height = (round(mm / MM_PER_INCH * dpi) for mm in (width_mm, height_mm))
    if width * height > _MOST_PIXELS:
        raise InputError(
            f"A PNG of {width:,} x {height:,} pixels is too large: lower dpi or size, or use pdf."
        )
    return width, height


def _whole_pixels(figure: Figure, dpi: int) -> None:
    """Make the page a whole number of pixels; matplotlib cuts a part of one off."""
    wide, high = figure.get_size_inches() * MM_PER_INCH
    width, height = png_pixels(wide, high, dpi)
    figure.set_size_inches((width + 0.01) / dpi, (height + 0.01) / dpi)


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
