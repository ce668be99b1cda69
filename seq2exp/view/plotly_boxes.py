"""Genes and intervals as Plotly traces."""

from __future__ import annotations

from typing import Any

import numpy as np

from seq2exp.genome.locus import Interval
from seq2exp.view.plotly_parts import (
    NOMINAL_WIDTH,
    Row,
    hover_points,
    plain,
    polygons,
    segments,
)
from seq2exp.view.tracks import TrackSpec

#: More boxes than this on screen are joined where less than a pixel lies between them.
DENSE = 1_000


def intervals(row: Row) -> list[dict[str, Any]]:
    """Draw boxes in lanes, one path a colour, with a tick at each summit.

    Only what the view and half a screen on either side hold is drawn; the lanes, and so the height
    of the row, are those of the whole window.
    """
    items = _on_screen(row)
    if len(items) > DENSE:
        items = _joined(items, row.viewport.width / NOMINAL_WIDTH)
    out = []
    for color in dict.fromkeys(item[3] for item in items):
        boxes = [(a, b, lane + 0.18, lane + 0.82) for a, b, lane, c, *_ in items if c == color]
        out.append(polygons(plain(boxes), row.ink.on_page(color), row.axis))
    summits = [
        [(summit + 0.5, lane + 0.18), (summit + 0.5, lane + 0.82)]
        for start, end, lane, _, _, summit in items
        # In a box of a few pixels a tick would only darken it.
        if summit >= 0 and end - start > row.viewport.width * 8 / NOMINAL_WIDTH
    ]
    if summits:
        out.append(segments(summits, row.ink.text, row.axis, 1.2))
    if items:
        starts, ends, lanes, _, text, _ = zip(*items, strict=True)
        out.append(hover_points(row, starts, ends, [lane + 0.5 for lane in lanes], text))
    return out


#: Start, end, lane, colour, hover text, summit (-1 none).
Box = tuple[int, int, int, str, str, int]


def _on_screen(row: Row) -> list[Box]:
    data = row.spec.data
    half = row.viewport.width // 2
    seen = (data["start"] < row.viewport.end + half) & (data["end"] > row.viewport.start - half)
    out = []
    for i in np.flatnonzero(seen):
        name, hover = data["name"][i], data["hover"][i]
        start, end, lane = (int(data[key][i]) for key in ("start", "end", "lane"))
        text = f"{name} · {hover}" if name else hover
        out.append((start, end, lane, data["color"][i], text, int(data["summit"][i])))
    return out


def _joined(items: list[Box], gap: float) -> list[Box]:
    """Join boxes of a lane and colour that one cannot tell apart on screen."""
    out: list[Box] = []
    counts: list[int] = []
    last: dict[tuple[int, str], int] = {}
    for start, end, lane, color, text, summit in sorted(items):
        at = last.get((lane, color))
        if at is not None and start - out[at][1] < gap:
            counts[at] += 1
            joined = f"{counts[at]:,} intervals too close to tell apart"
            out[at] = (out[at][0], max(end, out[at][1]), lane, color, joined, -1)
        else:
            last[lane, color] = len(out)
            out.append((start, end, lane, color, text, summit))
            counts.append(1)
    return out


def genes(row: Row) -> list[dict[str, Any]]:
    """Draw introns as lines with strand chevrons, exons as boxes, coding exons thicker."""
    styles = {
        "target": row.ink.text,
        "coding": row.ink.on_page("#4D4D4D"),
        "other": row.ink.on_page("#9A9A9A"),
    }
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in styles}
    for gene in row.spec.data["rows"]:
        coding = "coding" if gene["biotype"] == "protein_coding" or gene["cds"] else "other"
        groups["target" if gene["target"] else coding].append(gene)
    out = []
    for name, members in groups.items():
        if not members:
            continue
        lines: list[list[tuple[float, float]]] = []
        boxes = []
        for gene in members:
            y = gene["lane"] + 0.28
            lines.append([(gene["start"], y), (gene["end"], y)])
            lines += _chevrons(gene, y, row.viewport)
            for start, end in gene["exons"]:
                boxes.append((start, end, y - 0.10, y + 0.10))
                if gene["cds"] and start < gene["cds"][1] and end > gene["cds"][0]:
                    low, high = max(start, gene["cds"][0]), min(end, gene["cds"][1])
                    boxes.append((low, high, y - 0.2, y + 0.2))
        out.append(segments(lines, styles[name], row.axis, 1.0))
        out.append(polygons(plain(boxes), styles[name], row.axis, 0.6))
    rows = row.spec.data["rows"]
    if not rows:
        return out
    labels = [gene_label(gene, row.viewport, row.font) for gene in rows]
    out.append(
        {
            "type": "scatter",
            "mode": "text",
            "x": [x for _, x in labels],
            "y": [gene["lane"] + 0.74 for gene in rows],
            "text": [
                f"<b>{text}</b>" if gene["target"] else text
                for gene, (text, _) in zip(rows, labels, strict=True)
            ],
            "textfont": {
                "size": max(row.font - 1, 8),
                "color": [row.ink.text if g["target"] else row.ink.muted_text for g in rows],
            },
            "hoverinfo": "skip",
        }
    )
    out.append(
        hover_points(
            row,
            [gene["start"] for gene in rows],
            [gene["end"] for gene in rows],
            [gene["lane"] + 0.5 for gene in rows],
            [f"{gene['name']} ({gene['strand']}) {gene['biotype']}".strip() for gene in rows],
            [gene["gene_id"] for gene in rows],
        )
    )
    return out


def gene_label(gene: dict[str, Any], view: Interval, font: int) -> tuple[str, float]:
    """Return a gene's label and where its middle stands on the axis.

    It is centred under the part on screen and moved inwards where the edge would cut it.
    """
    text = f"{gene['name']} →" if gene["strand"] == "+" else f"← {gene['name']}"
    left, right = max(gene["start"], view.start), min(gene["end"], view.end)
    if right <= left:
        return text, (gene["start"] + gene["end"]) / 2
    half = view.width * 6.6 * (font / 12) / NOMINAL_WIDTH * len(text) / 2
    low, high = view.start + half, view.end - half
    middle = (left + right) / 2
    return text, round(min(max(middle, low), high) if low < high else middle, 1)


def gene_map(spec: TrackSpec, view: Interval, font: int) -> dict[str, Any]:
    """Return where genes stand, for clicks: id, name, start, end, lane and middle of the label."""
    return {
        "gene_lanes": spec.data["lanes"],
        "genes": [
            [g["gene_id"], g["name"], g["start"], g["end"], g["lane"], gene_label(g, view, font)[1]]
            for g in spec.data["rows"]
        ],
    }


def _chevrons(gene: dict[str, Any], y: float, view: Interval) -> list[list[tuple[float, float]]]:
    """Return small arrow heads along the introns, evenly spaced on screen."""
    spacing = max(view.width / 60, 2.0)
    reach = view.width / 480 * (1 if gene["strand"] == "+" else -1)
    half = view.width // 2
    low = max(gene["start"], view.start - half)
    high = min(gene["end"], view.end + half)
    first = int(np.ceil(low / spacing))
    out = []
    for index in range(first, int(high / spacing) + 1):
        at = index * spacing
        if any(a - abs(reach) * 2 <= at <= b + abs(reach) * 2 for a, b in gene["exons"]):
            continue
        out.append(
            [
                (round(at - reach, 1), round(y - 0.1, 3)),
                (round(at, 1), y),
                (round(at - reach, 1), round(y + 0.1, 3)),
            ]
        )
    return out
