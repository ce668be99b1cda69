"""Rows of what the user tried: edited inputs, what deletions do, masks of models of other seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from seq2exp.genome.locus import Interval
from seq2exp.view.bins import bin_edges, bin_mean
from seq2exp.view.row_boxes import boxes, inside, look, records, span_text
from seq2exp.view.scene import Scene
from seq2exp.view.tracks import GAIN_COLOR, PALETTE, ROW_TITLES, TrackSpec, ViewSettings

#: Colour of an edit by the signal that it changes; other edits have the row's own.
_SIGNAL_COLORS = {
    "H3K27ac": PALETTE["h3k27ac"],
    "DNase": PALETTE["dnase"],
    "Hi-C": PALETTE["contact"],
}
#: Above and below the bars of the effects, as a share of what they span.
_ROOM = 0.06


def edits(scene: Scene, settings: ViewSettings) -> TrackSpec | None:
    """Show where inputs were edited; None where none were."""
    if not scene.edits:
        return None
    _, color = look("edits", settings)
    places = [edit.interval for edit in scene.edits]
    dotted = "dotted line: as measured" if scene.unedited is not None else ""
    return boxes(
        "edits",
        settings,
        [place.start for place in places],
        [place.end for place in places],
        [f"edit {i}" for i in range(1, len(places) + 1)],
        np.zeros(len(places)),
        [edit.describe() for edit in scene.edits],
        color=[_SIGNAL_COLORS.get(edit.signal, color) for edit in scene.edits],
        note=dotted,
    )


def effects(scene: Scene, settings: ViewSettings) -> TrackSpec | None:
    """Show Δ log10(CAGE + 1) of each deleted interval as a bar from 0; None without deletions."""
    if scene.effects is None:
        return None
    height, color = look("effects", settings)
    frame = inside(scene.effects, scene.interval)
    values = frame["delta"].to_numpy(np.float64)
    low, high = min(values.min(initial=0.0), 0.0), max(values.max(initial=0.0), 0.0)
    room = _ROOM * (high - low) or 0.01
    hover = []
    for row in records(frame):
        share = "" if np.isnan(row.share) else f" · {-100 * row.share:+.1f} % of the predicted CAGE"
        hover.append(f"{span_text(row.start, row.end)} · Δ {row.delta:+.4f}{share}")
    return TrackSpec(
        key="effects",
        title=ROW_TITLES["effects"],
        kind="effects",
        unit="Δ log10(CAGE + 1)",
        height=height,
        color=color,
        data={
            "start": frame["start"].to_numpy(np.int64),
            "end": frame["end"].to_numpy(np.int64),
            "value": values,
            "name": [str(name) for name in frame["name"]],
            "hover": hover,
            "color": [color if value < 0 else GAIN_COLOR for value in values],
        },
        y_range=(low - room * (low < 0), high + room * (high > 0 or low == 0)),
        note=scene.effects_note,
    )


def seeds(scene: Scene, area: Interval, bin_bp: int, settings: ViewSettings) -> TrackSpec | None:
    """Show mean, lowest and highest mask over models of several seeds; None without any.

    What lies between lowest and highest is where training left the mask to chance.
    """
    if not scene.seeds and not scene.seeds_note:
        return None
    height, color = look("seeds", settings)
    origin = scene.interval.start
    x, each = np.zeros(0, np.int64), np.zeros((1, 0))
    count = len(scene.seeds) + 1
    if scene.seeds and scene.posterior is not None:
        posteriors = [scene.posterior, *scene.seeds]
        each = np.stack([bin_mean(p.edit(p.mean), origin, area, bin_bp) for p in posteriors])
        x = bin_edges(area, bin_bp)[:-1]
    lowest, highest = each.min(0), each.max(0)
    data: dict[str, Any] = {"x": x, "width": bin_bp, "mean": each.mean(0)}
    data |= {"min": lowest, "max": highest, "lower": lowest, "upper": highest}
    data |= {"band": f"lowest to highest of {count} seeds"}
    data |= {"promoter": scene.promoter, "closed": scene.closed}
    return TrackSpec(
        key="seeds",
        title=ROW_TITLES["seeds"],
        kind="mask",
        unit="mean, range",
        height=height,
        color=color,
        data=data,
        y_range=(0.0, 1.0),
        note=scene.seeds_note,
    )
