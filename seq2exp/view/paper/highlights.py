"""Spans marked through all rows of a printed figure, with their labels above the rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from seq2exp.errors import InputError
from seq2exp.genome.locus import Interval
from seq2exp.view.paper.sheet import Sheet, printable

#: What a span is marked with where no colour is asked for: the yellow of a text marker.
COLOR = "#F0E442"
_ALPHA = 0.3
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Highlight:
    """A span to mark.

    Attributes
    ----------
    interval
        0-based half-open; what lies outside the view is left out.
    color
        ``#RRGGBB``, drawn thinly enough for the rows to be read through it.
    label
        Text above the rows; empty for none.

    Raises
    ------
    InputError
        For a colour of another form.
    """

    interval: Interval
    color: str = COLOR
    label: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no colour."""
        if not _COLOR.fullmatch(self.color):
            raise InputError(
                f"'{self.color}' is no colour of a highlight; write it as #RRGGBB, as {COLOR}."
            )


@dataclass(frozen=True)
class Label:
    """A label's text, its middle in mm from the rows' left end, and its lane from the top."""

    text: str
    middle: float
    lane: int


def in_view(highlights: Sequence[Highlight], viewport: Interval) -> list[Highlight]:
    """Return the highlights that touch the view, from left to right."""
    seen = [one for one in highlights if one.interval.overlaps(viewport)]
    return sorted(seen, key=lambda one: one.interval)


def place_labels(highlights: Sequence[Highlight], sheet: Sheet) -> list[Label]:
    """Stack labels so that none covers another, each as near the middle of its span as it fits."""
    placed: list[Label] = []
    ends: list[float] = []
    for one in highlights:
        text = printable(one.label)
        part = one.interval.intersection(sheet.viewport)
        if not text or part is None:
            continue
        half = sheet.text_mm(text, 0.8) / 2
        middle = ((part.start + part.end) / 2 - sheet.viewport.start) / sheet.bp_per_mm
        middle = max(min(middle, sheet.plot_mm - half), half)
        lane = next((i for i, end in enumerate(ends) if end + 1.0 <= middle - half), len(ends))
        if lane == len(ends):
            ends.append(0.0)
        ends[lane] = middle + half
        placed.append(Label(text, middle, lane))
    return placed


def paint_highlights(axes: Axes, highlights: Sequence[Highlight], least_bp: float) -> None:
    """Mark spans on axes whose x is the genome and whose y runs from 0 to 1.

    A span narrower than `least_bp` is widened about its middle to be seen.
    """
    for index, one in enumerate(highlights):
        start, end = float(one.interval.start), float(one.interval.end)
        if end - start < least_bp:
            middle = (start + end) / 2
            start, end = middle - least_bp / 2, middle + least_bp / 2
        box = Rectangle((start, 0), end - start, 1, fc=one.color, ec="none", alpha=_ALPHA)
        box.set_gid(f"highlight-{index}")
        axes.add_patch(box)
