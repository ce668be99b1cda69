"""Rows with a value axis, and the contact triangle, as Plotly traces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.view.plotly_parts import Row, path, polygons, rgba, rounded
from seq2exp.view.tracks import to_scale

#: Below this many bins on screen values are drawn as steps, a bin being wider than a few pixels.
STEP_BINS = 600


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


def signal(row: Row) -> list[dict[str, Any]]:
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
            path(color, **at, y=rounded(to_scale(data["min"], spec.scale), 3), hoverinfo="skip")
        )
        out[-1]["line"] = thin
        out.append(
            path(
                color,
                **at,
                y=rounded(to_scale(data["max"], spec.scale), 3),
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
        path(
            color,
            **at,
            **shown,
            fill="tozeroy",
            fillcolor=rgba(color, 0.45),
        )
    )
    out[-1]["line"] = {"width": 1, "color": color, "shape": shape}
    return out + _before(row)


def _before(row: Row) -> list[dict[str, Any]]:
    """Draw, dotted, what was there before the user's edits."""
    values = row.spec.data.get("before")
    if values is None:
        return []
    shown = _with_gaps(to_scale(values, row.spec.scale))
    trace = path(row.ink.text, **_at_bins(row), y=shown)
    trace["line"] = {"width": 1, "color": row.ink.text, "dash": "dot", "shape": _shape(row)}
    trace["hovertemplate"] = f"{row.spec.title} without edits %{{y:.4~g}}<extra></extra>"
    if row.spec.scale == "log1p":
        trace["customdata"] = _with_gaps(values)
        trace["hovertemplate"] = trace["hovertemplate"].replace("%{y:", "%{customdata:")
    return [trace]


def _with_gaps(values: NDArray[Any]) -> list[float | int | None]:
    """Round values; NaN becomes None, where a line is broken."""
    known = np.isfinite(values)
    numbers = iter(rounded(values[known]))
    return [next(numbers) if here else None for here in known]


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
        trace = polygons([(a, b, 0.0, 1.0) for a, b in spans], color, row.axis, edge=0.5)
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


def mask(row: Row) -> list[dict[str, Any]]:
    """Draw the credible band, the mean, and thinly the largest mean inside each bin."""
    data, color, shape = row.spec.data, row.color, _shape(row)
    out = _hatched(row)
    if not len(data["x"]):
        return out
    at = _at_bins(row)
    out += _band(row)
    if data["width"] > 1:
        out.append(path(color, **at, y=rounded(data["max"], 3), hoverinfo="skip"))
        out[-1]["line"] = {"width": 0.6, "color": rgba(color, 0.55), "shape": shape}
    out.append(
        path(
            color,
            **at,
            y=rounded(data["mean"]),
            hovertemplate=f"<b>{row.spec.title}</b> %{{y:.3f}}<extra></extra>",
        )
    )
    out[-1]["line"] = {"width": 1.3, "color": color, "shape": shape}
    return _before(row) + out


def _band(row: Row) -> list[dict[str, Any]]:
    """Draw what lies between `lower` and `upper`."""
    data, color, at = row.spec.data, row.color, _at_bins(row)
    line = {"width": 0, "color": color, "shape": _shape(row)}
    lower = path(color, **at, y=rounded(data["lower"], 3), hoverinfo="skip")
    upper = path(color, **at, y=rounded(data["upper"], 3), hoverinfo="skip")
    upper |= {"fill": "tonexty", "fillcolor": rgba(color, 0.22)}
    return [lower | {"line": line}, upper | {"line": line}]


def letters(row: Row) -> list[dict[str, Any]]:
    """Carry the hover of the letters; the letters themselves are shapes."""
    data = row.spec.data
    trace = path(
        row.color,
        **_at_bins(row),
        y=rounded(data["height"]),
        text=data["base"],
        hovertemplate=f"<b>{row.spec.title}</b> %{{text}} %{{y:.3f}}<extra></extra>",
    )
    return [*_hatched(row), *_band(row), trace]


def evidence(row: Row) -> list[dict[str, Any]]:
    """Stack the shares of the sources."""
    data = row.spec.data
    if not len(data["x"]):
        return []
    at = _at_bins(row)
    out = []
    for column, (name, color) in enumerate(zip(data["names"], data["colors"], strict=True)):
        shown = row.ink.on_page(color)
        out.append(
            path(
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


def triangle(row: Row) -> list[dict[str, Any]]:
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
                path(
                    row.color,
                    x=x,
                    y=y,
                    fill="toself",
                    fillcolor=rgba(row.color, round(step / 9, 2)),
                    hoverinfo="skip",
                )
            )
    return out
