"""How each kind of row becomes Plotly traces, shapes and annotations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.genome.locus import Interval
from seq2exp.view.glyphs import letter_path
from seq2exp.view.tracks import BASE_COLORS, TrackSpec, to_scale

#: Plot width in px that labels are placed for: narrow, so that wider screens have room to spare.
NOMINAL_WIDTH = 760
#: Below this many bins on screen values are drawn as steps, a bin being wider than a few pixels.
STEP_BINS = 400


@dataclass(frozen=True)
class Ink:
    """The colours that depend on the page's theme."""

    dark: bool
    text: str
    muted_text: str
    muted: str
    grid: str
    paper: str

    @classmethod
    def of(cls, dark: bool) -> Ink:
        """Return the colours for a light or a dark page."""
        if dark:
            return cls(True, "#FAFAFA", "#B4B8C2", "#6B7280", "rgba(255,255,255,0.09)", "#1B2029")
        return cls(False, "#262730", "#5F6673", "#A3A8B4", "rgba(38,39,48,0.09)", "#FFFFFF")

    def on_page(self, color: str) -> str:
        """Lighten a colour that would vanish on a dark page."""
        if not self.dark:
            return color
        red, green, blue = _rgb(color)
        luma = 0.299 * red + 0.587 * green + 0.114 * blue
        if luma >= 110:
            return color
        share = (118 - luma) / (255 - luma)
        mixed = (round(c + (255 - c) * share) for c in (red, green, blue))
        return "#{:02X}{:02X}{:02X}".format(*mixed)


@dataclass(frozen=True)
class Row:
    """One row and where it stands."""

    spec: TrackSpec
    axis: str
    viewport: Interval
    ink: Ink
    font: int
    domain: tuple[float, float]

    @property
    def color(self) -> str:
        """The row's colour on this page."""
        return self.ink.on_page(self.spec.color)

    @property
    def has_values(self) -> bool:
        """Whether the row has a value axis."""
        return self.spec.kind in ("signal", "mask", "letters", "evidence")

    @property
    def y_range(self) -> list[float]:
        """Bottom and top of the row's axis as drawn."""
        data = self.spec.data
        if self.spec.kind in ("genes", "intervals"):
            return [float(data["lanes"]), 0.0]
        if self.spec.kind == "triangle":
            x = data["x"]
            return [0.0, float(x[-1] - x[0]) / 2 if len(x) else 1.0]
        if self.has_values and self.spec.y_range is not None:
            low, high = (float(v) for v in to_scale(list(self.spec.y_range), self.spec.scale))
            return [low, high + (high - low) * 0.04]
        return [0.0, 1.0]


def number(value: float) -> str:
    """Write a number for an axis or a label: 3 significant digits, thousands separated."""
    value = float(f"{value:.3g}")
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:g}"


def rgba(color: str, alpha: float) -> str:
    """Return ``#RRGGBB`` with an opacity."""
    return "rgba({},{},{},{:g})".format(*_rgb(color), alpha)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def rounded(values: Any, digits: int = 4) -> list[float | int]:
    """Round to significant digits and drop ``.0``, for short JSON."""
    array = np.asarray(values, dtype=np.float64)
    size = np.floor(np.log10(np.where(array == 0, 1.0, np.abs(array))))
    factor = 10.0 ** (digits - 1 - size)
    cut = np.round(array * factor) / factor
    # The division can leave 0.30000000000000004; the shortest text of 4 digits does not.
    return [int(v) if v == int(v) else float(f"{v:.{digits}g}") for v in cut.tolist()]


def _path(color: str, **more: Any) -> dict[str, Any]:
    return {"type": "scatter", "mode": "lines", "line": {"width": 0, "color": color}, **more}


def _polygons(
    boxes: Iterable[tuple[float, float, float, float]], color: str, axis: str, edge: float = 1.0
) -> dict[str, Any]:
    """Return one trace of filled boxes (x0, x1, y0, y1); the outline keeps thin ones visible."""
    x: list[float | None] = []
    y: list[float | None] = []
    for x0, x1, y0, y1 in boxes:
        x += [x0 + 0.5, x0 + 0.5, x1 + 0.5, x1 + 0.5, x0 + 0.5, None]
        y += [y0, y1, y1, y0, y0, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "yaxis": axis,
        "fill": "toself",
        "fillcolor": color,
        "line": {"width": edge, "color": color},
        "hoverinfo": "skip",
    }


def _segments(
    lines: Iterable[Sequence[tuple[float, float]]], color: str, axis: str, width: float = 1.0
) -> dict[str, Any]:
    """Return one trace of unconnected lines, each a sequence of (x, y)."""
    x: list[float | None] = []
    y: list[float | None] = []
    for line in lines:
        x += [*(point[0] + 0.5 for point in line), None]
        y += [*(point[1] for point in line), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "yaxis": axis,
        "line": {"width": width, "color": color},
        "hoverinfo": "skip",
    }


def traces(row: Row) -> list[dict[str, Any]]:
    """Return the traces of a row."""
    made = _DRAW[row.spec.kind](row)
    for trace in made:
        trace.setdefault("xaxis", "x")
        trace["yaxis"] = row.axis
    return made


def _ruler(row: Row) -> list[dict[str, Any]]:
    # A trace of its own makes the axis belong to the figure.
    span = row.viewport
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [span.start + 0.5, span.end + 0.5],
            "y": [-1, -1],
            "line": {"width": 0, "color": row.color},
            "hoverinfo": "skip",
        }
    ]


def _at_bins(row: Row) -> dict[str, Any]:
    """Return the part of a trace that says where its bins are: middle of the first, and step."""
    data = row.spec.data
    width = int(data["width"])
    at: dict[str, Any] = {"dx": width}
    if len(data["x"]):
        # Middle of the bin's bases: 0-based x … x + width - 1, on the 1-based axis.
        at["x0"] = float(data["x"][0]) + (width + 1) / 2
    return at


def _shape(row: Row) -> str:
    steps = row.viewport.width / max(int(row.spec.data["width"]), 1) < STEP_BINS
    return "hvh" if steps else "linear"


def _signal(row: Row) -> list[dict[str, Any]]:
    """Draw a band from smallest to largest value of each bin and its mean as a filled line."""
    spec = row.spec
    data, color, shape = spec.data, row.color, _shape(row)
    if not len(data["x"]):
        return []
    at = _at_bins(row)
    mean = rounded(to_scale(data["mean"], spec.scale))
    out: list[dict[str, Any]] = []
    if data["width"] > 1:
        thin = {"width": 0, "color": color, "shape": shape}
        out.append(
            _path(color, **at, y=rounded(to_scale(data["min"], spec.scale)), hoverinfo="skip")
        )
        out[-1]["line"] = thin
        out.append(
            _path(
                color,
                **at,
                y=rounded(to_scale(data["max"], spec.scale)),
                fill="tonexty",
                fillcolor=rgba(color, 0.30),
                hoverinfo="skip",
            )
        )
        out[-1]["line"] = thin
    unit = f" {spec.unit}" if spec.unit and spec.unit != "signal" else ""
    shown = {"y": mean, "hovertemplate": f"<b>{spec.title}</b> %{{y:.4~g}}{unit}<extra></extra>"}
    if spec.scale == "log1p":
        shown["customdata"] = rounded(data["mean"])
        shown["hovertemplate"] = f"<b>{spec.title}</b> %{{customdata:.4~g}}{unit}<extra></extra>"
    out.append(
        _path(
            color,
            **at,
            **shown,
            fill="tozeroy",
            fillcolor=rgba(color, 0.45),
        )
    )
    out[-1]["line"] = {"width": 1, "color": color, "shape": shape}
    return out


def _hatched(row: Row) -> list[dict[str, Any]]:
    """Hatch what is not learned: the forced-open promoter, and the blacklist in grey."""
    data = row.spec.data
    out = []
    for spans, color, pattern in (
        ([data["promoter"]], row.color, "/"),
        (data["closed"], row.ink.muted, "x"),
    ):
        if not spans:
            continue
        trace = _polygons([(a, b, 0.0, 1.0) for a, b in spans], color, row.axis, edge=0.5)
        trace["fillcolor"] = rgba(color, 0.12)
        trace["fillpattern"] = {
            "shape": pattern,
            "fgcolor": color,
            "fgopacity": 0.55,
            "bgcolor": rgba(color, 0.10),
            "size": 7,
            "solidity": 0.22,
        }
        out.append(trace)
    return out


def _mask(row: Row) -> list[dict[str, Any]]:
    """Draw the credible band, the mean, and thinly the largest mean inside each bin."""
    data, color, shape = row.spec.data, row.color, _shape(row)
    out = _hatched(row)
    if not len(data["x"]):
        return out
    at = _at_bins(row)
    lower, upper = rounded(data["lower"]), rounded(data["upper"])
    out.append(_path(color, **at, y=lower, hoverinfo="skip"))
    out[-1]["line"] = {"width": 0, "color": color, "shape": shape}
    out.append(
        _path(
            color,
            **at,
            y=upper,
            fill="tonexty",
            fillcolor=rgba(color, 0.22),
            hovertemplate="90 % below %{y:.2f}<extra></extra>",
            hoverinfo="skip",
        )
    )
    del out[-1]["hovertemplate"]
    out[-1]["line"] = {"width": 0, "color": color, "shape": shape}
    if data["width"] > 1:
        out.append(_path(color, **at, y=rounded(data["max"]), hoverinfo="skip"))
        out[-1]["line"] = {"width": 0.6, "color": rgba(color, 0.55), "shape": shape}
    out.append(
        _path(
            color,
            **at,
            y=rounded(data["mean"]),
            hovertemplate=f"<b>{row.spec.title}</b> %{{y:.3f}}<extra></extra>",
        )
    )
    out[-1]["line"] = {"width": 1.3, "color": color, "shape": shape}
    return out


def _letters(row: Row) -> list[dict[str, Any]]:
    """Carry the hover of the letters; the letters themselves are shapes."""
    data = row.spec.data
    trace = _path(
        row.color,
        **_at_bins(row),
        y=rounded(data["height"]),
        text=data["base"],
        hovertemplate=f"<b>{row.spec.title}</b> %{{text}} %{{y:.3f}}<extra></extra>",
    )
    return [*_hatched(row), trace]


def _evidence(row: Row) -> list[dict[str, Any]]:
    """Stack the shares of the sources."""
    data = row.spec.data
    if not len(data["x"]):
        return []
    at = _at_bins(row)
    out = []
    for column, (name, color) in enumerate(zip(data["names"], data["colors"], strict=True)):
        shown = row.ink.on_page(color)
        out.append(
            _path(
                shown,
                **at,
                y=[round(float(v), 3) for v in data["shares"][:, column]],
                stackgroup=row.axis,
                fillcolor=rgba(shown, 0.75),
                hovertemplate=f"Evidence: {name} %{{y:.0%}}<extra></extra>",
            )
        )
        out[-1]["line"] = {"width": 0, "color": shown, "shape": _shape(row)}
    return out


def _intervals(row: Row) -> list[dict[str, Any]]:
    """Draw boxes in lanes, one path a colour, with a tick at each summit."""
    data = row.spec.data
    starts, ends, lanes = data["start"], data["end"], data["lane"]
    out = []
    for color in dict.fromkeys(data["color"]):
        pick = [i for i, c in enumerate(data["color"]) if c == color]
        boxes = [(starts[i], ends[i], lanes[i] + 0.18, lanes[i] + 0.82) for i in pick]
        out.append(_polygons(_plain(boxes), row.ink.on_page(color), row.axis))
    summits = [
        [(int(s) + 0.5, int(lanes[i]) + 0.18), (int(s) + 0.5, int(lanes[i]) + 0.82)]
        for i, s in enumerate(data["summit"])
        if s >= 0
    ]
    if summits:
        out.append(_segments(summits, row.ink.text, row.axis, 1.2))
    if len(starts):
        hover = [f"{n} · {h}" if n else h for n, h in zip(data["name"], data["hover"], strict=True)]
        out.append(_hover_points(row, starts, ends, lanes, hover))
    return out


def _plain(boxes: Iterable[Sequence[Any]]) -> list[tuple[float, float, float, float]]:
    return [(int(a), int(b), round(float(c), 3), round(float(d), 3)) for a, b, c, d in boxes]


def _hover_points(
    row: Row,
    starts: Sequence[int] | NDArray[np.int64],
    ends: Sequence[int] | NDArray[np.int64],
    lanes: Sequence[int] | NDArray[np.int64],
    text: Sequence[str],
    ids: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Put unseen points inside boxes so that a cursor anywhere in one finds it.

    Plotly looks for points, not areas, so a wide box carries one every hundredth of the screen.
    """
    step = max(row.viewport.width / 100, 1.0)
    half = row.viewport.width // 2
    low, high = row.viewport.start - half, row.viewport.end + half
    x: list[float | None] = []
    y: list[float | None] = []
    label: list[str] = []
    custom: list[str] = []
    for index, (start, end, lane) in enumerate(zip(starts, ends, lanes, strict=True)):
        left, right = max(int(start), low), min(int(end), high)
        if right <= left:
            continue
        count = max(1, round((right - left) / step))
        points = left + (np.arange(count) + 0.5) * (right - left) / count
        x += [round(float(p) + 0.5, 1) for p in points] + [None]
        y += [int(lane) + 0.5] * count + [None]
        label += [text[index]] * count + [""]
        custom += [ids[index] if ids else ""] * count + [""]
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "text": label,
        "line": {"width": 0, "color": row.color},
        "hovertemplate": f"<b>{row.spec.title}</b> %{{text}}<extra></extra>",
    }
    if ids:
        trace["customdata"] = custom
    return trace


def _genes(row: Row) -> list[dict[str, Any]]:
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
        out.append(_segments(lines, styles[name], row.axis, 1.0))
        out.append(_polygons(_plain(boxes), styles[name], row.axis, 0.6))
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
        _hover_points(
            row,
            [gene["start"] for gene in rows],
            [gene["end"] for gene in rows],
            [gene["lane"] for gene in rows],
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


def _triangle(row: Row) -> list[dict[str, Any]]:
    """Draw the contact map turned by 45°, in nine steps of opacity of log10(1 + count)."""
    edges = np.asarray(row.spec.data["x"], dtype=np.float64)
    value = np.log10(1.0 + np.asarray(row.spec.data["matrix"], dtype=np.float64))
    if value.size == 0:
        return []
    top = float(np.percentile(value, 99.5)) or 1.0
    level = np.clip(np.ceil(value / top * 9), 0, 9).astype(int)
    out = []
    for step in range(1, 10):
        x: list[float | None] = []
        y: list[float | None] = []
        for i, j in zip(*np.nonzero(np.triu(level == step)), strict=True):
            corners = ((i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j), (i, j))
            x += [*(round(float(edges[a] + edges[b]) / 2 + 0.5) for a, b in corners), None]
            y += [*(max(round(float(edges[b] - edges[a]) / 2), 0) for a, b in corners), None]
        if x:
            out.append(
                _path(
                    row.color,
                    x=x,
                    y=y,
                    fill="toself",
                    fillcolor=rgba(row.color, round(step / 9, 2)),
                    hoverinfo="skip",
                )
            )
    return out


_DRAW = {
    "ruler": _ruler,
    "genes": _genes,
    "signal": _signal,
    "mask": _mask,
    "letters": _letters,
    "evidence": _evidence,
    "intervals": _intervals,
    "triangle": _triangle,
}


def shapes(row: Row) -> list[dict[str, Any]]:
    """Return threshold, TSS line and letters of a row."""
    spec = row.spec
    out: list[dict[str, Any]] = []
    if spec.kind == "ruler":
        tss = spec.data["tss"] + 1
        line = {"width": 1, "color": row.ink.muted_text, "dash": "dot"}
        out.append({"type": "line", "xref": "x", "yref": "paper", "x0": tss, "x1": tss})
        out[-1] |= {"y0": 0, "y1": 1, "line": line, "layer": "below"}
    if spec.threshold is not None:
        line = {"width": 1.2, "color": row.ink.text, "dash": "dash"}
        out.append({"type": "line", "xref": "x domain", "yref": row.axis, "x0": 0, "x1": 1})
        out[-1] |= {"y0": spec.threshold, "y1": spec.threshold, "line": line}
    if spec.kind == "letters":
        for base in "ACGTN":
            path = "".join(
                letter_path(base, int(x) + 0.5, float(height))
                for x, letter, height in zip(
                    spec.data["x"], spec.data["base"], spec.data["height"], strict=True
                )
                if letter == base and height > 0.002
            )
            if path:
                color = row.ink.on_page(BASE_COLORS[base])
                out.append({"type": "path", "xref": "x", "yref": row.axis, "path": path})
                out[-1] |= {"fillcolor": color, "line": {"width": 0}, "fillrule": "evenodd"}
    return out


def annotations(row: Row) -> list[dict[str, Any]]:
    """Return title and unit left of a row, notes above or in it, the threshold's value right."""
    spec, ink = row.spec, row.ink
    bottom, top = row.domain
    middle = (bottom + top) / 2
    small = max(row.font - 2, 8)
    plain = {"showarrow": False, "xref": "paper", "yref": "paper"}
    under = spec.unit
    if spec.scale == "log1p":
        under = f"{under} (log axis)".strip()
    if spec.kind == "intervals" and spec.note and len(spec.data["start"]):
        under = spec.note
    title = spec.title if len(spec.title) <= 18 else spec.title[:17] + "…"
    second = f"<br><span style='font-size:{small}px;color:{ink.muted_text}'>{under}</span>"
    out: list[dict[str, Any]] = [
        {
            **plain,
            "x": 0,
            "y": middle,
            "xanchor": "right",
            "yanchor": "middle",
            "xshift": -40,
            "align": "right",
            "text": f"<b>{title}</b>" + (second if under and spec.kind != "ruler" else ""),
            "font": {"size": row.font, "color": ink.text},
            "name": f"title:{spec.key}",
        }
    ]
    muted = {"size": small, "color": ink.muted_text}
    empty = spec.kind == "intervals" and not len(spec.data["start"])
    if spec.note and (empty or (spec.kind == "mask" and not len(spec.data["x"]))):
        out.append(
            {**plain, "x": 0.5, "y": middle, "text": f"<i>{spec.note}</i>", "font": muted}
            | {"xanchor": "center", "yanchor": "middle"}
        )
    elif spec.note and spec.kind != "intervals":
        out.append(
            {**plain, "x": 1, "y": top, "text": spec.note, "font": muted}
            | {"xanchor": "right", "yanchor": "bottom", "yshift": -1}
        )
    if spec.kind == "evidence":
        names = zip(spec.data["names"], spec.data["colors"], strict=True)
        text = "   ".join(
            f"<span style='color:{ink.on_page(color)}'>■</span> {name}" for name, color in names
        )
        out.append(
            {**plain, "x": 0, "y": top, "text": text, "font": muted}
            | {"xanchor": "left", "yanchor": "bottom", "yshift": -1}
        )
    if spec.threshold is not None:
        out.append(
            {
                "showarrow": False,
                "xref": "paper",
                "yref": row.axis,
                "x": 1,
                "y": spec.threshold,
                "xanchor": "left",
                "xshift": 4,
                "text": f"{spec.threshold:.2f}",
                "font": {"size": small, "color": ink.text},
            }
        )
    if spec.kind == "ruler":
        arrow = "TSS →" if spec.data["strand"] == "+" else "← TSS"
        out.append(
            {
                "showarrow": False,
                "xref": "x",
                "yref": "paper",
                "x": spec.data["tss"] + 1,
                "y": middle,
                "text": f"<b>{arrow}</b>",
                "font": {"size": small + 1, "color": ink.text},
                "bgcolor": ink.paper,
                "borderpad": 1,
            }
        )
    return out
