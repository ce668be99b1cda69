"""The page of a printed figure: its measures, its colours, and how numbers and texts are set."""

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from seq2exp.genome.locus import Interval, from_one_based, to_one_based

MM_PER_INCH = 25.4
MM_PER_POINT = MM_PER_INCH / 72
#: Paper height of one CSS pixel of the browser's rows.
MM_PER_PIXEL = 0.18

INK = "#222222"
MUTED = "#666666"


@dataclass(frozen=True)
class Sheet:
    """What a painter has to know of the page.

    Attributes
    ----------
    viewport
        Shown region, 0-based half-open.
    plot_mm, gutter_mm, label_mm
        Widths of the rows, of all that stands left of them, and of the titles in there.
    font_size
        Points.
    """

    viewport: Interval
    plot_mm: float
    gutter_mm: float
    label_mm: float
    font_size: float

    @property
    def line_mm(self) -> float:
        """Return the distance of two lines of text."""
        return 1.25 * self.font_size * MM_PER_POINT

    @property
    def bp_per_mm(self) -> float:
        """Return bases per millimetre of paper."""
        return self.viewport.width / self.plot_mm

    def text_mm(self, text: str, size: float = 1.0, **font: Any) -> float:
        """Return the width of a text of `size` times the font size."""
        properties = FontProperties(size=size * self.font_size, **font)
        width, _, _ = text_to_path.get_text_width_height_descent(text, properties, ismath=False)
        return width * MM_PER_POINT

    def wrap(self, text: str, width_mm: float, size: float, **font: Any) -> list[str]:
        """Break a text between words into lines of at most `width_mm`; words stay whole."""
        lines: list[str] = []
        for word in printable(text).split():
            if lines and self.text_mm(f"{lines[-1]} {word}", size, **font) <= width_mm:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
        return lines

    def ticks(self) -> list[tuple[float, str]]:
        """Return (0-based centre of the base, its 1-based coordinate) at round coordinates."""
        room = 1.5 * self.text_mm(f"{max(self.viewport.end, 1):,}")
        step = nice_step(self.viewport.width * room / self.plot_mm)
        first = -(-to_one_based(self.viewport.start) // step) * step
        return [
            (from_one_based(value) + 0.5, f"{value:,}")
            for value in range(first, self.viewport.end + 1, step)
        ]


def nice_step(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, … that is not below `least`."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= least:
                return factor * power
        power *= 10


def span_text(bp: int) -> str:
    """Return a width as people say it: ``200 kb``, ``1.5 Mb``, ``87 bp``."""
    if bp >= 1_000_000:
        return f"{bp / 1e6:.3g} Mb"
    if bp >= 10_000:
        return f"{bp / 1e3:.4g} kb"
    return f"{bp:,} bp"


def number(value: float) -> str:
    """Return an axis limit with three significant digits and no exponent where possible."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:,.0f}" if abs(value) >= 100 else f"{float(f'{value:.3g}'):g}"
    return f"{value:.1e}"


def printable(text: str) -> str:
    """Return a text without the control characters that would break an SVG."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def identifier(text: str) -> str:
    """Return a text usable as an XML id."""
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in text)


def note(axes: Axes, sheet: Sheet, text: str, x: float, y: float, **style: Any) -> None:
    """Write small grey text at a place given in fractions of the row."""
    look: dict[str, Any] = {"color": MUTED, "zorder": 20, "bbox": PAD} | style
    axes.text(
        x,
        y,
        printable(text),
        transform=axes.transAxes,
        fontsize=0.8 * sheet.font_size,
        parse_math=False,
        **look,
    )


#: Keeps what lies behind a text from crossing it.
PAD: dict[str, Any] = {"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.4}
