"""Rows as one Plotly figure, a plain JSON dictionary.

The x axis is 1-based, as people read it: the base at 0-based ``p`` covers ``p + 0.5`` to
``p + 1.5`` and a tick at ``p + 1`` stands on its middle, at every zoom.

Everything is filled SVG paths: bars are several times slower to redraw and WebGL scatter has no
fills. Numbers are rounded to 4 significant digits, so the full window stays well below 400 KB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seq2exp.genome.locus import Interval
from seq2exp.view import plotly_boxes, plotly_rows
from seq2exp.view.plotly_parts import Ink, Row, Trace, number
from seq2exp.view.tracks import TrackSpec, ViewSettings, to_scale

#: Pixels round the rows: titles and values left, threshold label right, ruler numbers on top.
MARGIN = {"l": 166, "r": 44, "t": 26, "b": 6}
#: Pixels between rows; rows with a note or legend above them get the larger gap.
GAP, NOTE_GAP = 9, 17
HIGHLIGHT = "#F0E442"


def to_axis(edge: float) -> float:
    """Return where a 0-based edge between bases stands on the 1-based axis."""
    return edge + 0.5


def figure(
    specs: Sequence[TrackSpec],
    viewport: Interval,
    window: Interval,
    settings: ViewSettings,
    dark: bool = False,
    highlights: Sequence[Interval] = (),
) -> dict[str, Any]:
    """Draw rows under each other on one genome axis.

    Parameters
    ----------
    specs : sequence of TrackSpec
        From :func:`seq2exp.view.rows.build_tracks`.
    viewport : Interval
        What is on screen.
    window : Interval
        How far one can pan and zoom out.
    settings : ViewSettings
        For the font size; the rest is in the specs.
    dark : bool
        Whether the page is dark; the background stays transparent.
    highlights : sequence of Interval
        Spans marked through all rows.

    Returns
    -------
    dict
        ``data`` and ``layout`` of a Plotly figure, plain lists, numbers and strings;
        ``layout.meta`` holds the alt text and, per row, key, title and axis.
    """
    ink = Ink.of(dark)
    font = settings.font_size
    gaps = [NOTE_GAP if _has_heading(spec) else GAP for spec in specs]
    if gaps:
        gaps[0] = 0
    body = max(sum(spec.height for spec in specs) + sum(gaps), 1.0)
    layout = _layout(body, viewport, window, ink, font)
    traces: list[Trace] = []
    rows = []
    top = 1.0
    for index, (spec, gap) in enumerate(zip(specs, gaps, strict=True)):
        top -= gap / body
        bottom = max(top - spec.height / body, 0.0)
        axis = "y" if index == 0 else f"y{index + 1}"
        row = Row(spec, axis, viewport, ink, font, (bottom, min(top, 1.0)))
        # The hover box lists traces from last to first as soon as one fills to the next, which
        # the ruler's always does; so rows are handed over bottom first.
        traces = plotly_rows.traces(row) + traces
        layout["yaxis" + axis[1:]] = _y_axis(row)
        layout["shapes"] += plotly_rows.shapes(row)
        layout["annotations"] += plotly_rows.labels(row)
        rows.append({"key": spec.key, "title": spec.title, "axis": axis})
        top = bottom
    layout["shapes"] += _marks(highlights)
    layout["meta"] = {
        "alt": alt_text(specs, viewport),
        "rows": rows,
        "paper": ink.paper,
        "dark": dark,
    }
    for spec in specs:
        if spec.kind == "genes":
            layout["meta"] |= plotly_boxes.gene_map(spec, viewport, font)
    return {"data": traces, "layout": layout}


def _has_heading(spec: TrackSpec) -> bool:
    """Tell whether a line of text stands above a row; the same with and without its data."""
    if spec.kind in ("mask", "letters", "evidence"):
        return True
    return bool(spec.note) and spec.key != "elements"


def _layout(
    body: float, viewport: Interval, window: Interval, ink: Ink, font: int
) -> dict[str, Any]:
    bin_title = f"{window.chrom}:%{{x:,.0f}}"
    return {
        "height": round(body + MARGIN["t"] + MARGIN["b"]),
        "margin": MARGIN,
        "autosize": True,
        "showlegend": False,
        "dragmode": "pan",
        "hovermode": "x unified",
        "hoversubplots": "axis",
        "hoverdistance": 14,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": font, "color": ink.text},
        "hoverlabel": {
            "bgcolor": ink.paper,
            "bordercolor": ink.muted,
            "font": {"size": max(font - 1, 8), "color": ink.text},
            "align": "left",
            "namelength": 0,
        },
        "uirevision": str(window),
        "shapes": [],
        "annotations": [],
        "xaxis": {
            "side": "top",
            "anchor": "free",
            "position": 1,
            "range": [to_axis(viewport.start), to_axis(viewport.end)],
            "minallowed": to_axis(window.start),
            "maxallowed": to_axis(window.end),
            "tickformat": ",.0f",
            "nticks": 12,
            "tickangle": 0,
            "ticks": "outside",
            "ticklen": 4,
            "tickcolor": ink.muted,
            "tickfont": {"size": font - 1, "color": ink.text},
            "showline": True,
            "linecolor": ink.muted,
            "gridcolor": ink.grid,
            "griddash": "dot",
            "zeroline": False,
            "showspikes": True,
            "spikemode": "across",
            "spikesnap": "cursor",
            "spikethickness": 1,
            "spikedash": "solid",
            "spikecolor": ink.muted,
            "unifiedhovertitle": {"text": bin_title},
        },
    }


def _y_axis(row: Row) -> dict[str, Any]:
    """Two numbers, bottom and top, as genome browsers do; nothing for rows without values."""
    spec, ink = row.spec, row.ink
    axis: dict[str, Any] = {
        "domain": [round(row.domain[0], 6), round(row.domain[1], 6)],
        "anchor": "x",
        "fixedrange": True,
        "zeroline": False,
        "showgrid": False,
        "showticklabels": False,
        "range": row.y_range,
    }
    if row.has_values and spec.y_range is not None:
        low, high = spec.y_range
        axis |= {
            "showticklabels": True,
            "tickvals": [float(v) for v in to_scale([low, high], spec.scale)],
            "ticktext": [number(low), number(high)],
            "tickfont": {"size": max(row.font - 2, 8), "color": ink.muted_text},
            "ticks": "outside",
            "ticklen": 3,
            "tickcolor": ink.muted,
            "showline": True,
            "linecolor": ink.muted,
        }
    return axis


def _marks(spans: Sequence[Interval]) -> list[dict[str, Any]]:
    """Return highlights, drawn through all rows."""
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": to_axis(span.start),
            "x1": to_axis(span.end),
            "y0": 0,
            "y1": 1,
            "fillcolor": HIGHLIGHT,
            "opacity": 0.22,
            "line": {"width": 0},
            "layer": "below",
        }
        for span in spans
    ]


def alt_text(specs: Sequence[TrackSpec], viewport: Interval) -> str:
    """Say in words what the figure shows, for readers who do not see it."""
    sentences = [f"Genome browser view of {viewport}, {viewport.width:,} bp."]
    for spec in specs:
        if spec.kind == "ruler":
            sentences.append(
                f"The transcription start site of {spec.data['gene']} is at "
                f"{spec.data['tss'] + 1:,} on the {spec.data['strand']} strand."
            )
        elif spec.kind == "genes":
            here = [
                row["name"]
                for row in spec.data["rows"]
                if row["start"] < viewport.end and row["end"] > viewport.start
            ]
            names = list(dict.fromkeys(here))
            listed = ", ".join(names[:8]) + (" and others" if len(names) > 8 else "")
            sentences.append(f"Genes: {listed or 'none'}.")
        elif spec.kind == "intervals":
            count = sum(
                1
                for start, end in zip(spec.data["start"], spec.data["end"], strict=True)
                if start < viewport.end and end > viewport.start
            )
            sentences.append(f"{spec.title}: {count} on screen.")
        elif spec.kind == "effects" and len(spec.data["start"]):
            most = int(np.abs(spec.data["value"]).argmax())
            sentences.append(
                f"{spec.title}: {len(spec.data['start'])} intervals were deleted; the largest "
                f"change is {number(spec.data['value'][most])} log10(CAGE + 1) without "
                f"{spec.data['name'][most]}."
            )
        elif spec.kind in ("signal", "mask", "letters") and len(spec.data["x"]):
            x, mean = spec.data["x"], spec.data["mean"]
            seen = (x < viewport.end) & (x + spec.data["width"] > viewport.start)
            if seen.any():
                at = int(x[seen][int(mean[seen].argmax())])
                unit = f" {spec.unit}" if spec.unit else ""
                sentences.append(
                    f"{spec.title} is highest near {at + 1:,} ({number(mean[seen].max())}{unit})."
                )
    return " ".join(sentences)
