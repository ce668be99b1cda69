"""The contact triangle."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from seq2exp.view.paper.sheet import MUTED, Sheet, note, number
from seq2exp.view.tracks import TrackSpec, to_scale


def triangle(axes: Axes, spec: TrackSpec, sheet: Sheet, height: float) -> None:
    """Turn the contact matrix by 45 degrees: x is a pair's midpoint, y half its distance."""
    edges = np.asarray(spec.data["x"], dtype=np.float64)
    matrix = np.asarray(spec.data["matrix"], dtype=np.float64)
    n = len(edges) - 1
    reach = min(sheet.viewport.width / 2, (edges[-1] - edges[0]) / 2 if n > 0 else 1.0)
    axes.set_ylim(0, reach)
    if n < 1 or not np.isfinite(matrix).any():
        note(axes, sheet, spec.note or "no contacts in view", 0.5, 0.5, ha="center", va="center")
        return
    first, second = np.meshgrid(edges, edges, indexing="ij")
    upper = np.triu(np.ones((n, n), dtype=bool))
    shown = np.ma.masked_where(~upper | ~np.isfinite(matrix), to_scale(matrix, "log1p"))
    top = float(np.ma.max(shown)) or 1.0
    colors = LinearSegmentedColormap.from_list("contact", ["#FFFFFF", spec.color, "#5B1F45"])
    mesh = axes.pcolormesh(
        (first + second) / 2, (second - first) / 2, shown, cmap=colors, vmin=0, vmax=top
    )
    # 1,600 cells as vectors show hairlines between them in most viewers.
    mesh.set_rasterized(True)
    axes.set_xlim(sheet.viewport.start, sheet.viewport.end)
    axes.set_ylim(0, reach)
    if spec.note:
        note(axes, sheet, spec.note, 0.0, 1.0, va="top")
    _color_bar(axes, spec, sheet, colors, top, height)


def _color_bar(
    axes: Axes,
    spec: TrackSpec,
    sheet: Sheet,
    colors: LinearSegmentedColormap,
    top: float,
    height: float,
) -> None:
    """Put the colour scale, in the data's unit, under the row's title."""
    # The row's unit may already name the displayed logarithm.
    last = top if spec.unit.startswith("log10") else 10**top - 1
    bar = axes.inset_axes(
        (
            (0.8 - sheet.gutter_mm) / sheet.plot_mm,
            0.5 - (1.4 * sheet.line_mm + 1.3) / height,
            0.6 * sheet.label_mm / sheet.plot_mm,
            1.3 / height,
        )
    )
    bar.imshow(np.linspace(0, 1, 64)[None, :], aspect="auto", cmap=colors, extent=(0, 1, 0, 1))
    bar.set_yticks([])
    bar.set_xticks([0, 1], ["0", number(last)])
    bar.tick_params(axis="x", length=0, pad=1.0, labelsize=0.8 * sheet.font_size, labelcolor=MUTED)
    for side in bar.spines.values():
        side.set_linewidth(0.3)
        side.set_color(MUTED)
