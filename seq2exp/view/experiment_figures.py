"""Figures of in-silico experiments: what deletions, windows and variants do to the prediction.

Colours tell apart in light and dark and without colour vision; backgrounds and text are left to
whoever shows the figure. Positions are 1-based, as people read them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from seq2exp.genome.locus import Interval, to_one_based
from seq2exp.view.model_figures import COLORS, GUIDE, ROW_PX, SYMBOLS, UNIT

DELTA = f"Δ {UNIT}"
#: What was deleted, in the colours that the Browser has for it.
KIND_COLORS = {
    "element": "#009E73",
    "peak": "#56B4E9",
    "selection": "#E69F00",
    "tile": "#8A8A8A",
    "span": "#CC79A7",
}
#: Bars of a ranking; the table has the others.
MOST_BARS = 40
#: Height of a bar, in rows.
BAR_ROWS = 0.7
REGULATED, NOT_REGULATED = "#0072B2", "#8A8A8A"


def ranked(frame: pd.DataFrame, to_tss: pd.Series) -> go.Figure:
    """Draw the largest effects of deletions as bars, the largest on top.

    Parameters
    ----------
    frame
        As `seq2exp.analysis.deletion.Deletions.frame`, with `of`, a key of `KIND_COLORS`.
    to_tss
        How far each interval's middle lies from the TSS, in bp along the gene, with the index of
        `frame`.
    """
    top = frame.sort_values("rank", kind="stable").head(MOST_BARS)
    figure = go.Figure()
    place = np.arange(len(top))
    for kind, color in KIND_COLORS.items():
        mine = (top["of"] == kind).to_numpy()
        if not mine.any():
            continue
        rows = top[mine]
        figure.add_bar(
            x=rows["delta"],
            y=place[mine],
            # Else as wide as the gap to the next bar of the same kind.
            width=BAR_ROWS,
            orientation="h",
            name=kind,
            marker={"color": color},
            customdata=_described(rows),
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>Δ %{x:.4f}"
            "<br>%{customdata[2]}<extra></extra>",
        )
    names = [
        f"{name}, {'promoter' if role == 'promoter' else f'{at / 1000:+.1f} kb'}"
        for name, role, at in zip(top["name"], top["role"], to_tss[top.index], strict=True)
    ]
    figure.add_vline(0, line={"color": GUIDE, "width": 1})
    figure.update_xaxes(title=f"{DELTA} without it", zeroline=False)
    figure.update_yaxes(
        tickvals=list(range(len(top))),
        ticktext=names,
        range=[len(top) - 0.4, -0.6],
        automargin=True,
        zeroline=False,
    )
    figure.update_layout(height=ROW_PX * max(len(top), 3) + 110, barmode="overlay")
    return _framed(figure)


def _described(rows: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return name, place and lost share of deleted intervals, for hovering."""
    return [
        (row.name, str(Interval(row.chrom, row.start, row.end)), lost(row.share))
        for row in rows.itertuples(index=False)
    ]


def lost(share: float) -> str:
    """Say in words which share of the predicted CAGE is lost or gained."""
    if not np.isfinite(share):
        return "nothing is predicted to lose"
    return f"{abs(share):.1%} of the predicted CAGE {'lost' if share >= 0 else 'gained'}"


def along(frame: pd.DataFrame, window: Interval, tss: int) -> go.Figure:
    """Draw the effects of deletions where the intervals lie, as bars from 0.

    Parameters
    ----------
    frame
        As in `ranked`.
    window
        What is shown.
    tss
        0-based; marked.
    """
    figure = go.Figure()
    for kind, color in KIND_COLORS.items():
        rows = frame[frame["of"] == kind]
        if rows.empty:
            continue
        x: list[float | None] = []
        y: list[float | None] = []
        for start, end, delta in zip(rows["start"], rows["end"], rows["delta"], strict=True):
            x += [start + 0.5, start + 0.5, end + 0.5, end + 0.5, start + 0.5, None]
            y += [0, delta, delta, 0, 0, None]
        figure.add_scatter(
            x=x,
            y=y,
            mode="lines",
            fill="toself",
            # What is narrower than a pixel is seen by its outline.
            line={"color": color, "width": 1.5},
            name=kind,
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=(rows["start"] + rows["end"] + 1) / 2,
            y=rows["delta"],
            mode="markers",
            marker={"color": color, "size": 4},
            showlegend=False,
            customdata=_described(rows),
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[1]}<br>Δ %{y:.4f}"
            "<br>%{customdata[2]}<extra></extra>",
        )
    _mark_tss(figure, tss)
    figure.add_hline(0, line={"color": GUIDE, "width": 1})
    figure.update_xaxes(
        title=f"Position on {window.chrom} (bp)",
        range=[window.start + 0.5, window.end + 0.5],
        tickformat=",.0f",
        nticks=7,
        zeroline=False,
    )
    figure.update_yaxes(title=DELTA, zeroline=False, automargin=True)
    return _framed(figure.update_layout(height=260))


def distal(
    curve: pd.DataFrame, measured: float | None = None, measured_name: str = "CAGE"
) -> go.Figure:
    """Draw the prediction against how much of the window is read.

    Parameters
    ----------
    curve
        See `seq2exp.analysis.distal.distal_curve`.
    measured
        Measured log10(x + 1), as a guide; None leaves it out.
    measured_name
        What x is.
    """
    figure = go.Figure()
    lines = (
        ("cut", "window cut to this length", "solid"),
        ("closed", "whole window, mask closed outside", "dash"),
    )
    for i, (column, name, dash) in enumerate(lines):
        figure.add_scatter(
            x=curve["length"] / 1000,
            y=curve[column],
            mode="lines+markers",
            name=name,
            line={"color": COLORS[i], "width": 2, "dash": dash},
            marker={"symbol": SYMBOLS[i], "size": 9},
            customdata=100 * curve["kept"],
            hovertemplate="%{x:g} kb around the TSS<br>%{y:.3f}<br>%{customdata:.1f} % of the "
            f"mask is inside<extra>{name}</extra>",
        )
    if measured is not None:
        figure.add_hline(
            measured,
            line={"color": GUIDE, "dash": "dot", "width": 1.5},
            name=f"measured log10({measured_name} + 1), {measured:.3f}",
            showlegend=True,
        )
    ticks = [length / 1000 for length in curve["length"]]
    figure.update_xaxes(
        title="Window around the TSS (kb, log scale)",
        type="log",
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
    )
    figure.update_yaxes(title=f"Predicted, {UNIT}", automargin=True)
    return _framed(figure.update_layout(height=380))


def seed_band(bins: pd.DataFrame, window: Interval, tss: int) -> go.Figure:
    """Draw mean, lowest and highest mask over models of several seeds, in bins.

    Parameters
    ----------
    bins
        See `seq2exp.analysis.distal.Agreement.frame`.
    window, tss
        What is shown, and the 0-based TSS, which is marked.
    """
    figure = go.Figure()
    # Each bin from its first to past its last base.
    x = np.column_stack([bins["start"], bins["end"]]).ravel() + 0.5
    steps = {name: np.repeat(bins[name].to_numpy(), 2) for name in ("low", "mean", "high")}
    band = {"width": 0, "color": COLORS[4]}
    figure.add_scatter(x=x, y=steps["low"], line=band, hoverinfo="skip", showlegend=False)
    figure.add_scatter(
        x=x,
        y=steps["high"],
        line=band,
        fill="tonexty",
        fillcolor="rgba(213, 94, 0, 0.3)",
        name="lowest to highest seed",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=x,
        y=steps["mean"],
        line={"width": 1.5, "color": COLORS[4]},
        name="mean over seeds",
        customdata=np.column_stack([steps["low"], steps["high"]]),
        hovertemplate="%{x:,.0f}<br>mean %{y:.3f}<br>%{customdata[0]:.3f} to "
        "%{customdata[1]:.3f}<extra></extra>",
    )
    figure.update_traces(mode="lines")
    _mark_tss(figure, tss)
    figure.update_xaxes(
        title=f"Position on {window.chrom} (bp)", tickformat=",.0f", nticks=7, zeroline=False
    )
    figure.update_yaxes(title="Mask, 0 to 1", rangemode="tozero", automargin=True)
    return _framed(figure.update_layout(height=280))


def variant_bars(frame: pd.DataFrame) -> go.Figure:
    """Draw the effects of variants as bars, the largest on top.

    Parameters
    ----------
    frame
        See `seq2exp.analysis.variant_effect.VariantEffects.frame`; rows without numbers are left
        out.
    """
    known = frame[frame["delta"].notna()]
    top = known.reindex(known["delta"].abs().sort_values(ascending=False).index).head(MOST_BARS)
    figure = go.Figure(
        go.Bar(
            x=top["delta"],
            y=list(range(len(top))),
            orientation="h",
            marker={"color": [COLORS[4] if delta < 0 else COLORS[0] for delta in top["delta"]]},
            customdata=[(row.variant, lost(row.share)) for row in top.itertuples(index=False)],
            hovertemplate="<b>%{customdata[0]}</b><br>Δ %{x:.3g}<br>%{customdata[1]}"
            "<extra></extra>",
        )
    )
    figure.add_vline(0, line={"color": GUIDE, "width": 1})
    figure.update_xaxes(title=f"{DELTA}, alternative − reference", zeroline=False)
    figure.update_yaxes(
        tickvals=list(range(len(top))),
        ticktext=list(top["name"]),
        range=[len(top) - 0.4, -0.6],
        automargin=True,
        zeroline=False,
    )
    return _framed(figure.update_layout(height=ROW_PX * max(len(top), 3) + 90, bargap=0.35))


def mask_change(around: Interval, change: ArrayLike, variant: Interval) -> go.Figure:
    """Draw how a variant changes the mask around it.

    Parameters
    ----------
    around
        The n bases shown.
    change
        Δ mask [n], alternative - reference.
    variant
        Marked.
    """
    figure = go.Figure(
        go.Scatter(
            x=np.arange(around.start, around.end) + 1,
            y=np.asarray(change, np.float64),
            mode="lines",
            line={"color": COLORS[4], "width": 1.5, "shape": "hvh"},
            fill="tozeroy",
            fillcolor="rgba(213, 94, 0, 0.3)",
            hovertemplate="%{x:,.0f}<br>Δ mask %{y:.3g}<extra></extra>",
        )
    )
    figure.add_vrect(
        variant.start + 0.5,
        variant.end + 0.5,
        line={"color": GUIDE, "width": 1},
        annotation_text=f"{to_one_based(variant.start):,}",
        annotation_position="top right",
    )
    figure.update_xaxes(title=f"Position on {around.chrom} (bp)", tickformat=",.0f", nticks=7)
    figure.update_yaxes(title="Δ mask (alternative − reference)", automargin=True)
    return _framed(figure.update_layout(height=280))


def crispri(frame: pd.DataFrame, scores: Sequence[tuple[str, str]]) -> go.Figure:
    """Draw what silencing did against what the model says, one panel a score.

    Parameters
    ----------
    frame
        See `seq2exp.analysis.crispri_check.CrispriCheck.frame`; rows without a measured effect are
        left out.
    scores
        Column and axis title of each panel.
    """
    known = frame[frame["effect"].notna()]
    figure = make_subplots(1, max(len(scores), 1), horizontal_spacing=0.12, shared_yaxes=True)
    groups = (
        ("regulated", known["regulated"], REGULATED, "circle"),
        ("not regulated", ~known["regulated"], NOT_REGULATED, "circle-open"),
    )
    for i, (column, title) in enumerate(scores):
        place = {"row": 1, "col": i + 1}
        for name, mine, color, symbol in groups:
            rows = known[mine]
            figure.add_scatter(
                x=rows[column],
                y=100 * rows["effect"],
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=i == 0,
                marker={"color": color, "symbol": symbol, "size": 9, "line": {"width": 1.5}},
                customdata=[
                    (str(Interval(row.chrom, row.start, row.end)), row.p_adjusted, row.dataset)
                    for row in rows.itertuples(index=False)
                ],
                hovertemplate="<b>%{customdata[0]}</b><br>silenced: %{y:+.0f} % expression, "
                "adjusted p %{customdata[1]:.2g}<br>" + title + " %{x:.3g}"
                f"<br>%{{customdata[2]}}<extra>{name}</extra>",
                **place,
            )
        figure.update_xaxes(title=title, **place)
    figure.update_yaxes(title="Expression when silenced (% change)", automargin=True, col=1)
    figure.add_hline(0, line={"color": GUIDE, "width": 1})
    return _framed(figure.update_layout(height=400))


def _mark_tss(figure: go.Figure, tss: int) -> None:
    figure.add_vline(
        to_one_based(tss),
        line={"color": GUIDE, "dash": "dot", "width": 1},
        annotation_text="TSS",
        annotation_position="top",
        annotation_font_color=GUIDE,
    )


def _framed(figure: go.Figure) -> go.Figure:
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    return figure.update_layout(margin={"l": 10, "r": 20, "t": 50, "b": 10}, legend=legend)
