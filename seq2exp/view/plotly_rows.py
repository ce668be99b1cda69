"""How each kind of row becomes Plotly traces, shapes and annotations."""

from __future__ import annotations

from typing import Any

from seq2exp.view import plotly_boxes, plotly_effects, plotly_values
from seq2exp.view.glyphs import letter_path
from seq2exp.view.plotly_parts import Row
from seq2exp.view.tracks import BASE_COLORS, TrackSpec


def traces(row: Row) -> list[dict[str, Any]]:
    """Return the traces of a row."""
    made = _DRAW[row.spec.kind](row)
    for trace in made:
        trace.setdefault("xaxis", "x")
        trace["yaxis"] = row.axis
    return made


def _ruler(row: Row) -> list[dict[str, Any]]:
    # Nothing to see: a trace of its own makes the axis belong to the figure, and its fill settles
    # the order of the hover box (see `figure`).
    span = row.viewport
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [span.start + 0.5, span.end + 0.5],
            "y": [-1, -1],
            "line": {"width": 0, "color": row.color},
            "fill": "tonexty",
            "hoverinfo": "skip",
        }
    ]


_DRAW = {
    "ruler": _ruler,
    "genes": plotly_boxes.genes,
    "signal": plotly_values.signal,
    "mask": plotly_values.mask,
    "letters": plotly_values.letters,
    "evidence": plotly_values.evidence,
    "intervals": plotly_boxes.intervals,
    "effects": plotly_effects.effects,
    "triangle": plotly_values.triangle,
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
    if spec.kind == "effects":
        zero = {"width": 1, "color": row.ink.muted}
        out.append({"type": "line", "xref": "x domain", "yref": row.axis, "x0": 0, "x1": 1})
        out[-1] |= {"y0": 0, "y1": 0, "line": zero}
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


def is_empty(spec: TrackSpec) -> bool:
    """Tell whether a row waits for its data or has none."""
    if spec.kind in ("intervals", "effects"):
        return not len(spec.data["start"])
    return spec.kind in ("mask", "evidence") and not len(spec.data["x"])


def labels(row: Row) -> list[dict[str, Any]]:
    """Return title and unit left of a row, notes above or in it, the threshold's value right."""
    spec, ink = row.spec, row.ink
    bottom, top = row.domain
    middle = (bottom + top) / 2
    small = max(row.font - 2, 8)
    plain = {"showarrow": False, "xref": "paper", "yref": "paper"}
    under = spec.unit
    if spec.scale == "log1p":
        under = f"{under} (log axis)".strip()
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
    if spec.note and is_empty(spec):
        out.append(
            {**plain, "x": 0.5, "y": middle, "text": f"<i>{spec.note}</i>", "font": muted}
            | {"xanchor": "center", "yanchor": "middle", "bgcolor": ink.paper, "borderpad": 3}
        )
    elif spec.note:
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
                "text": f"{spec.threshold:.3g}",
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
