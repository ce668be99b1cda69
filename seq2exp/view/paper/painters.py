"""Which painter and how much paper each kind of row gets."""

from collections.abc import Callable

from matplotlib.axes import Axes

from seq2exp.view.paper import boxes, values
from seq2exp.view.paper.effects import effects
from seq2exp.view.paper.sheet import MM_PER_PIXEL, MM_PER_POINT, Sheet
from seq2exp.view.paper.triangle import triangle
from seq2exp.view.tracks import PALETTE, ROW_HEIGHTS, TrackSpec

#: Millimetres that the values of a row need to be read.
LEAST_MM = 4.0

_WITH_LEGEND = frozenset({"mask", "letters", "evidence"})
_FIXED = frozenset({"ruler", "genes", "intervals"})
_PAINTERS: dict[str, Callable[[Axes, TrackSpec, Sheet, float], None]] = {
    "ruler": values.ruler,
    "genes": boxes.genes,
    "signal": values.signal,
    "mask": values.mask,
    "letters": values.letters,
    "evidence": values.evidence,
    "intervals": boxes.intervals,
    "effects": effects,
    "triangle": triangle,
}


def plain_ruler() -> TrackSpec:
    """Return the ruler of a figure that was not given one."""
    return TrackSpec("ruler", "Position", "ruler", "", ROW_HEIGHTS["ruler"], PALETTE["ruler"], {})


def fixed_mm(spec: TrackSpec, sheet: Sheet) -> float:
    """Return what a row needs on paper however high the page is: its boxes, names, legends."""
    if spec.kind == "ruler":
        return 2.4 + 1.1 * sheet.font_size * MM_PER_POINT
    if spec.kind == "genes":
        lanes = len({lane for _, lane in boxes.place_genes(spec, sheet)})
        return max(lanes, 1) * boxes.gene_lane_mm(sheet)
    if spec.kind == "intervals":
        return boxes.interval_lanes(spec) * boxes.LANE_MM + boxes.interval_note_mm(spec, sheet)
    return values.legend_mm(spec, sheet) if spec.kind in _WITH_LEGEND else 0.0


def stretch_mm(spec: TrackSpec) -> float:
    """Return the usual height of a row's values on paper; 0 for rows that have none."""
    return 0.0 if spec.kind in _FIXED else max(spec.height * MM_PER_PIXEL, LEAST_MM)


def label_center(spec: TrackSpec, sheet: Sheet, height: float) -> float:
    """Return where, in mm from the row's top, its title belongs."""
    if spec.kind == "ruler":
        return height - 1.7 - 0.5 * sheet.font_size * MM_PER_POINT
    if spec.kind == "intervals":
        return boxes.interval_center(spec, sheet, height)
    if spec.kind in _WITH_LEGEND:
        return (height + values.legend_mm(spec, sheet)) / 2
    return height / 2


def paint(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Paint one row of `height` mm on its axes, whose x is the genome position.

    Raises
    ------
    ValueError
        For a kind of row that does not exist.
    """
    if spec.kind not in _PAINTERS:
        raise ValueError(f"no painter for rows of kind {spec.kind!r}")
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    _PAINTERS[spec.kind](axes, spec, sheet, height)
