"""Figures of the Data page: the tracks of all cell types at one gene, and how signals compare."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from seq2exp.datasets.adding.scale import Distribution, brief
from seq2exp.genome.locus import to_one_based
from seq2exp.genome.window import SIGNALS, Window
from seq2exp.view.bins import bin_size, bin_values
from seq2exp.view.model_figures import COLORS, GUIDE
from seq2exp.view.plotly_parts import Ink
from seq2exp.view.tracks import PALETTE

#: Bins a row of the preview has at most, and its height in px.
PREVIEW_BINS, PREVIEW_PX = 700, 62
#: Height of a panel of the scales in px.
SCALE_PX = 270
#: Powers of ten that an axis of the scales shows at most, the highest.
MOST_DECADES = 6
#: Room left of a row for its number, and for a letter of its name.
_TICK_PX, _LETTER_PX = 42, 6
#: The rows of a cell type in the preview: channel of the window, title, colour.
_ROWS = (("DNase", "dnase"), ("H3K27ac", "h3k27ac"), ("Hi-C", "contact"))
_TITLES = {
    "dnase": "DNase signal",
    "h3k27ac": "H3K27ac signal",
    "contact": "Hi-C contact with the TSS",
    "expression": "Expression",
}
_UNITS = {"expression": "log10(value + 1)", "contact": "contact"}
_DASHES = ("dot", "dash", "dashdot")


def preview(
    windows: Mapping[str, Window],
    peaks: Mapping[str, pd.DataFrame] | None = None,
    dark: bool = False,
) -> go.Figure:
    """Draw DNase, H3K27ac and contact of every cell type at one gene, one under the other.

    A track has one scale in all cell types, so heights can be compared.

    Parameters
    ----------
    windows
        By cell type, the window of the same gene.
    peaks
        By cell type, its peaks (chrom, start, end), drawn as bars below its DNase.
    dark
        Whether the page is dark.
    """
    cells, ink = list(windows), Ink.of(dark)
    gene = windows[cells[0]].gene
    place = windows[cells[0]].interval
    rows = [(cell, name, key) for cell in cells for name, key in _ROWS]
    figure = make_subplots(len(rows), 1, shared_xaxes=True, vertical_spacing=0.2 / len(rows))
    tops = {
        name: max(float(windows[cell].signals[:, SIGNALS.index(name)].max()) for cell in cells)
        for name, _ in _ROWS
    }
    for i, (cell, name, key) in enumerate(rows, start=1):
        window = windows[cell]
        values = window.signals[:, SIGNALS.index(name)]
        bin_bp = bin_size(window.length, PREVIEW_BINS)
        x, _, _, high = bin_values(values, place.start, place, bin_bp)
        figure.add_scatter(
            x=x + to_one_based(0),
            y=np.round(high, 4),
            mode="lines",
            line={"color": ink.on_page(PALETTE[key]), "width": 0.8, "shape": "hv"},
            fill="tozeroy",
            name=f"{cell}, {name}",
            showlegend=False,
            hovertemplate=f"%{{x:,}}: %{{y:.3g}}<extra>{cell}, {name}</extra>",
            row=i,
            col=1,
        )
        top = tops[name] or 1.0
        floor = 0.0
        found = (peaks or {}).get(cell)
        if key == "dnase" and found is not None:
            floor = -0.18 * top
            _bars(figure, found, window, i, floor)
        figure.update_yaxes(
            range=[floor, 1.05 * top],
            tickvals=[top],
            ticktext=[brief(top)],
            showgrid=False,
            zeroline=False,
            row=i,
            col=1,
        )
        figure.add_annotation(
            text=f"<b>{name}</b><br>{cell}",
            x=0,
            xref="paper",
            xanchor="right",
            xshift=-_TICK_PX,
            y=top / 2,
            yref=f"y{i}",
            yanchor="middle",
            align="right",
            showarrow=False,
            font={"size": 11},
        )
    figure.add_vline(gene.tss + 1, line={"color": GUIDE, "dash": "dot", "width": 1})
    figure.update_xaxes(
        range=[to_one_based(place.start), place.end], tickformat=",", showgrid=False
    )
    figure.update_xaxes(title=f"{place.chrom}, bp (dotted: TSS of {gene.name})", row=len(rows))
    height = PREVIEW_PX * len(rows) + 90
    left = _TICK_PX + 20 + _LETTER_PX * max(len(name) for name in (*cells, "H3K27ac"))
    return figure.update_layout(height=height, margin={"l": left, "r": 20, "t": 10, "b": 10})


def _bars(figure: go.Figure, peaks: pd.DataFrame, window: Window, row: int, floor: float) -> None:
    """Draw the peaks of the window as bars below a row's zero."""
    place = window.interval
    here = peaks[
        (peaks["chrom"] == place.chrom)
        & (peaks["start"] < place.end)
        & (peaks["end"] > place.start)
    ]
    x: list[float | None] = []
    for start, end in zip(here["start"], here["end"], strict=True):
        x += [to_one_based(int(start)), int(end), None]
    figure.add_scatter(
        x=x,
        y=[None if each is None else floor / 2 for each in x],
        mode="lines",
        line={"color": PALETTE["peaks"], "width": 5},
        name=f"{window.cell}, peaks",
        showlegend=False,
        hovertemplate=f"%{{x:,}}<extra>{window.cell}, peak</extra>",
        row=row,
        col=1,
    )


def preview_frame(
    windows: Mapping[str, Window], peaks: Mapping[str, pd.DataFrame] | None = None
) -> pd.DataFrame:
    """Return the preview in numbers, one row a track of a cell type.

    Returns
    -------
    DataFrame
        ``cell``, ``track``, ``mean``, ``highest`` (over the bases of the window, in the file's
        unit; contact as log10(1 + contact)), ``covered`` (share of the bases that are not 0),
        ``peaks`` (imported ones that overlap the window by at least 1 bp; DNase only).
    """
    rows: list[dict[str, Any]] = []
    for cell, window in windows.items():
        found = (peaks or {}).get(cell)
        place = window.interval
        for name, key in _ROWS:
            values = window.signals[:, SIGNALS.index(name)]
            count = None
            if key == "dnase" and found is not None:
                inside = (found["start"] < place.end) & (found["end"] > place.start)
                count = int((inside & (found["chrom"] == place.chrom)).sum())
            rows.append(
                {
                    "cell": cell,
                    "track": name,
                    "mean": float(values.mean(dtype=np.float64)),
                    "highest": float(values.max()),
                    "covered": float(np.count_nonzero(values) / len(values)),
                    "peaks": count,
                }
            )
    return pd.DataFrame(rows)


def scales(found: Mapping[str, Sequence[Distribution]]) -> go.Figure:
    """Draw which share of the bases reaches which value, one panel a track.

    A curve above the others means larger values; one that falls earlier a sparser signal; a flat
    one a narrow range, as logarithms have.

    Parameters
    ----------
    found
        By track ("dnase", "h3k27ac", "contact", "expression"), the new cell type's distribution
        first, then those of the cell types it is compared with.
    """
    tracks = [track for track in _TITLES if found.get(track)]
    columns, rows = 2, max(-(-len(tracks) // 2), 1)
    titles = [f"<b>{_TITLES[track]}</b>" for track in tracks]
    figure = make_subplots(
        rows, columns, subplot_titles=titles, horizontal_spacing=0.1, vertical_spacing=0.36 / rows
    )
    named: set[str] = set()
    others = list(dict.fromkeys(each.label for track in tracks for each in list(found[track])[1:]))
    for i, track in enumerate(tracks):
        genes = track == "expression"
        place = {"row": 1 + i // columns, "col": 1 + i % columns}
        for k, each in enumerate(found[track]):
            above = each.values > 0
            # Wide and pale, so that those it is compared with can be seen on top of it.
            color, width, dash = COLORS[4], 6, "solid"
            if k:
                at = others.index(each.label)
                color, width, dash = COLORS[at % 4], 2, _DASHES[at % len(_DASHES)]
            name = f"{each.label} (new)" if k == 0 else each.label
            group = "new" if k == 0 else each.label
            figure.add_scatter(
                x=100 * each.shares[above],
                y=each.values[above],
                mode="lines",
                line={"color": color, "dash": dash, "width": width},
                opacity=1.0 if k else 0.55,
                name=name,
                legendgroup=group,
                showlegend=group not in named,
                hovertemplate=(
                    f"%{{x:.3g}} % of {'genes' if genes else 'bases'} have at least %{{y:.3g}}"
                    f"<extra>{each.label}</extra>"
                ),
                **place,
            )
            named.add(group)
        what = "genes" if genes else "bases"
        figure.update_xaxes(
            # Short: two of them stand side by side on a narrow screen.
            title={"text": f"% of {what} ≥ the value", "font": {"size": 13}},
            type="linear" if genes else "log",
            dtick=None if genes else 1,
            exponentformat="none",
            autorange="reversed",
            **place,
        )
        figure.update_yaxes(
            title={"text": _UNITS.get(track, "signal"), "font": {"size": 13}},
            type="linear" if genes else "log",
            range=None if genes else _decades(found[track]),
            dtick=None if genes else 1,
            exponentformat="none",
            automargin=True,
            **place,
        )
    return figure.update_layout(
        height=60 + SCALE_PX * rows,
        margin={"l": 10, "r": 20, "t": 80, "b": 10},
        legend={"orientation": "h", "y": 1 + 50 / (SCALE_PX * rows), "yanchor": "bottom"},
    )


def _decades(found: Sequence[Distribution]) -> list[float] | None:
    """Return the powers of ten that an axis shows: of all values above 0, at most `MOST_DECADES`.

    Smoothed signals fade to values far below anything that matters.
    """
    above = np.concatenate([each.values[each.values > 0] for each in found])
    if not above.size:
        return None
    high = float(np.log10(above.max()))
    low = max(float(np.log10(above.min())), high - MOST_DECADES)
    margin = 0.05 * max(high - low, 1.0)
    return [low - margin, high + margin]
