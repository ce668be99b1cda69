"""Figures of learned elements beside peaks: what is shared, what each class is like, by gene.

Colours are those of the browser's rows, told apart without colour vision and in light and dark.
Backgrounds and text are left to whoever shows the figure.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from seq2exp.analysis.compare.counts import Counts
from seq2exp.analysis.compare.gene import PARTS
from seq2exp.analysis.compare.rows import ONLY, QUANTITIES, SHARED
from seq2exp.analysis.compare.sets import LEARNED, PEAKS
from seq2exp.view.model_figures import GUIDE
from seq2exp.view.tracks import PALETTE

#: Of what both have, what only one has, and what neither has.
CLASS_COLORS: Mapping[str, str] = {
    SHARED: "#CC79A7",
    ONLY[LEARNED]: PALETTE["elements"],
    ONLY[PEAKS]: PALETTE["peaks"],
    "neither": "#BBBBBB",
}
GENOMIC_COLORS: Mapping[str, str] = {
    "promoter": "#D55E00",
    "exon": "#0072B2",
    "intron": "#E69F00",
    "intergenic": "#BBBBBB",
}
#: How the groups of intervals are called in figures, and coloured.
GROUP_NAMES: Mapping[tuple[str, str], str] = {
    (LEARNED, SHARED): "learned, shared",
    (LEARNED, ONLY[LEARNED]): "learned-only",
    (PEAKS, SHARED): "peaks, shared",
    (PEAKS, ONLY[PEAKS]): "peak-only",
}
_GROUP_COLORS = {
    (LEARNED, SHARED): "#CC79A7",
    (LEARNED, ONLY[LEARNED]): PALETTE["elements"],
    (PEAKS, SHARED): "#D55E00",
    (PEAKS, ONLY[PEAKS]): PALETTE["peaks"],
}
#: What is spread over orders of magnitude, and where its axes have ticks (bp).
_LOG = ("tss_distance", "length")
_TICKS = [digit * 10**power for power in range(6) for digit in (1, 2, 5)]
_TITLES = {
    "tss_distance": "Distance to the TSS",
    "length": "Width",
    "mean_mask": "Mask mean",
    "dnase": "DNase",
    "h3k27ac": "H3K27ac",
    "contact": "Hi-C contact with the TSS",
}
_BAR_PX = 44


def shared_bars(counts: Counts) -> go.Figure:
    """Draw what is shared as shares of all learned elements, of all peaks, and of their bases.

    Parameters
    ----------
    counts
        Learned elements (a) and peaks (b); the share of the bases that both have is the Jaccard.
    """
    learned, peaks = ONLY[LEARNED], ONLY[PEAKS]
    rows = {
        f"learned elements<br>n = {counts.a:,}": {SHARED: counts.a_shared, learned: counts.a_only},
        f"peaks<br>n = {counts.b:,}": {SHARED: counts.b_shared, peaks: counts.b_only},
        f"bases of either<br>{counts.bp_union:,} bp": {
            SHARED: counts.bp_shared,
            learned: counts.bp_a_only,
            peaks: counts.bp_b_only,
        },
    }
    return _stacked(rows, CLASS_COLORS, "Share of the row's total, %", ("", "", " bp"))


def genomic_bars(genomic: pd.DataFrame) -> go.Figure:
    """Draw in which genomic class the intervals of every group lie.

    Parameters
    ----------
    genomic
        See `seq2exp.analysis.compare.rows.genomic_table`.
    """
    rows = {}
    for group, name in GROUP_NAMES.items():
        part = genomic[(genomic["set"] == group[0]) & (genomic["class"] == group[1])]
        values = dict(zip(part["genomic"], part["intervals"], strict=True))
        rows[f"{name}<br>n = {sum(values.values()):,}"] = values
    return _stacked(rows, GENOMIC_COLORS, "Share of the group's intervals, %", ("",) * len(rows))


def composition_bars(composition: pd.DataFrame) -> go.Figure:
    """Draw in which genomic class the bases of every part of the windows lie.

    Parameters
    ----------
    composition
        See `seq2exp.analysis.compare.pooled.Comparison.composition`.
    """
    rows = {}
    for name in PARTS:
        part = composition[composition["part"] == name]
        values = dict(zip(part["genomic"], part["bp"], strict=True))
        rows[f"{name}<br>{sum(values.values()):,} bp"] = values
    return _stacked(rows, GENOMIC_COLORS, "Share of the part's bp, %", (" bp",) * len(rows))


def _stacked(
    rows: Mapping[str, Mapping[str, int]],
    colors: Mapping[str, str],
    axis: str,
    units: Sequence[str],
) -> go.Figure:
    """Draw rows of parts that add up to 100 %; rows without anything stay empty."""
    figure = go.Figure()
    totals = {name: sum(parts.values()) for name, parts in rows.items()}
    for part, color in colors.items():
        if not any(part in parts for parts in rows.values()):
            continue
        counts = [parts.get(part, 0) for parts in rows.values()]
        shares = [
            100 * count / total if total else 0.0
            for count, total in zip(counts, totals.values(), strict=True)
        ]
        said = [f"{count:,}{unit}" for count, unit in zip(counts, units, strict=True)]
        figure.add_bar(
            x=shares,
            y=list(rows),
            orientation="h",
            name=part,
            marker={"color": color, "line": {"width": 0}},
            # A part too thin for its number says it on hover.
            text=[
                f"{text} ({share:.0f} %)" if share >= 12 else text if share >= 5 else ""
                for text, share in zip(said, shares, strict=True)
            ],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": _ink(color)},
            customdata=said,
            hovertemplate="%{y}<br>" + part + ": %{customdata} (%{x:.1f} %)<extra></extra>",
        )
    figure.update_xaxes(title=axis, range=[0, 100])
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(
        barmode="stack",
        # Numbers that would have to shrink to fit are left to the hover.
        uniformtext={"minsize": 11, "mode": "hide"},
        bargap=0.25,
        height=_BAR_PX * len(rows) + 120,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        margin={"l": 10, "r": 20, "t": 40, "b": 10},
    )
    return figure


def _ink(color: str) -> str:
    """Return black or white, whichever reads better on a colour."""
    levels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # WCAG's contrast with black and with white is the same at this luminance.
    return "#000000" if luminance > 0.179 else "#FFFFFF"


def class_boxes(table: pd.DataFrame) -> go.Figure:
    """Draw quartiles (box) and 5 % to 95 % (whiskers) of every quantity of every group.

    Parameters
    ----------
    table
        See `seq2exp.analysis.compare.rows.class_table`.
    """
    titles = [f"<b>{_TITLES[name]}</b>" for name in QUANTITIES]
    # Distance counts from 1 bp on a logarithmic axis, which has no 0.
    columns, count = 3, len(QUANTITIES)
    figure = make_subplots(
        -(-count // columns),
        columns,
        subplot_titles=titles,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        vertical_spacing=0.28,
    )
    for i, (quantity, (unit, _)) in enumerate(QUANTITIES.items()):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        log = quantity in _LOG
        for group, name in GROUP_NAMES.items():
            part = table[
                (table["set"] == group[0])
                & (table["class"] == group[1])
                & (table["quantity"] == quantity)
            ].iloc[0]
            values = [part[key] for key in ("q05", "q25", "median", "q75", "q95")]
            if np.isnan(values[0]):
                # An empty group keeps its place on the axis.
                values = [None] * 5
            elif log:
                values = [max(value, 1.0) for value in values]
            low, first, middle, third, high = values
            figure.add_box(
                y=[f"{name} ({part['n']:,})"],
                lowerfence=[low],
                q1=[first],
                median=[middle],
                q3=[third],
                upperfence=[high],
                orientation="h",
                name=name,
                showlegend=False,
                line={"color": _GROUP_COLORS[group]},
                fillcolor="rgba(0, 0, 0, 0)",
                hoverinfo="x",
                **place,
            )
        figure.update_xaxes(
            title=unit,
            type="log" if log else "linear",
            tickvals=_TICKS if log else None,
            ticktext=[_short(value) for value in _TICKS] if log else None,
            **place,
        )
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(height=520, margin={"l": 10, "r": 20, "t": 50, "b": 10}, boxgap=0.35)
    return figure


def _short(bp: int) -> str:
    return f"{bp // 1000}k" if bp >= 1000 else str(bp)


def ratio_scatter(genes: pd.DataFrame) -> go.Figure:
    """Draw mask ratio against peak ratio, one point a gene.

    Parameters
    ----------
    genes
        See `seq2exp.analysis.compare.pooled.Comparison.genes`; a point's ``customdata`` is the
        number of its row.
    """
    x, y = 100 * genes["peaks_ratio_window"], 100 * genes["mask_ratio"]
    end = 1.05 * max(float(x.max()), float(y.max()), 0.1)
    figure = go.Figure()
    figure.add_scatter(
        x=[0, end],
        y=[0, end],
        mode="lines",
        line={"color": GUIDE, "width": 1, "dash": "dash"},
        name="mask ratio = peak ratio",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=x,
        y=y,
        mode="markers",
        name="genes",
        showlegend=False,
        customdata=np.arange(len(genes)),
        text=genes["gene"],
        marker={"color": PALETTE["elements"], "size": 9, "opacity": 0.75},
        hovertemplate=(
            "<b>%{text}</b><br>peak ratio %{x:.2f} %<br>mask ratio %{y:.2f} %"
            "<extra>click: open in the Browser</extra>"
        ),
    )
    figure.update_xaxes(title="Peak ratio, % of the window's bp", range=[0, end], zeroline=False)
    figure.update_yaxes(title="Mask ratio, % of the window's bp", range=[0, end], zeroline=False)
    figure.update_layout(
        height=420,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        margin={"l": 10, "r": 20, "t": 40, "b": 10},
    )
    return figure
