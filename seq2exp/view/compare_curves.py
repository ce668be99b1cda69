"""Figures of a comparison that are no single number: sweeps, combinations of sets, enrichment."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from seq2exp.analysis.compare.shuffles import Enrichment
from seq2exp.analysis.compare.sweeps import Q_VALUE
from seq2exp.view.compare_figures import CLASS_COLORS
from seq2exp.view.model_figures import COLORS, GUIDE, SYMBOLS, dots
from seq2exp.view.tracks import PALETTE

_AGREEMENT = {"precision": "precision", "recall": "recall", "jaccard": "Jaccard"}
_DASHES = ("solid", "dash", "dot")
#: Room for a letter of a legend.
_LETTER_PX = 7.5


def sweep_curves(curve: pd.DataFrame, now: float) -> go.Figure:
    """Draw how the comparison moves with one threshold.

    Parameters
    ----------
    curve
        The rows of one parameter of `seq2exp.analysis.compare.pooled.Comparison.curves`.
    now
        The value in use, marked by a line.
    """
    parameter = str(curve["parameter"].iloc[0])
    logarithmic = parameter == Q_VALUE
    titles = ("Agreement in bp", "How much each covers", "Intervals", "Precision against recall")
    figure = make_subplots(
        2,
        2,
        subplot_titles=[f"<b>{title}</b>" for title in titles],
        vertical_spacing=0.24,
        horizontal_spacing=0.1,
    )
    lines: list[tuple[int, int, str, str, str, int]] = [
        (1, 1, name, text, COLORS[i], i) for i, (name, text) in enumerate(_AGREEMENT.items())
    ]
    lines += [
        (1, 2, "learned_ratio", "learned elements", PALETTE["elements"], 0),
        (1, 2, "peaks_ratio", "peaks", PALETTE["peaks"], 1),
        (2, 1, "learned_shared", "shared elements", CLASS_COLORS["shared"], 0),
        (2, 1, "learned_only", "learned-only", PALETTE["elements"], 1),
        (2, 1, "peaks_only", "peak-only", PALETTE["peaks"], 2),
    ]
    for row, column, name, text, color, i in lines:
        percent = 100 if name.endswith("_ratio") else 1
        figure.add_scatter(
            x=curve["value"],
            y=percent * curve[name],
            mode="lines+markers",
            name=text,
            legend=_legend(row, column),
            line={"color": color, "dash": _DASHES[i], "width": 2},
            marker={"symbol": SYMBOLS[i], "size": 7},
            hovertemplate=f"{parameter} %{{x:.3g}}<br>{text}: %{{y:,.4g}}<extra></extra>",
            row=row,
            col=column,
        )
    for row, column in ((1, 1), (1, 2), (2, 1)):
        place = {"row": row, "col": column}
        figure.add_vline(now, line={"color": GUIDE, "dash": "dash", "width": 1.5}, **place)
        figure.update_xaxes(title=f"{parameter} (dashed: {now:.3g}, in use)", **place)
        if logarithmic:
            # Stricter to the right, as a higher threshold is.
            figure.update_xaxes(type="log", autorange="reversed", exponentformat="power", **place)
    figure.add_scatter(
        x=curve["recall"],
        y=curve["precision"],
        mode="lines+markers+text",
        text=_some(curve["value"]),
        textposition="top center",
        line={"color": COLORS[0], "width": 2},
        marker={"size": 7},
        showlegend=False,
        customdata=curve["value"],
        hovertemplate=(
            f"{parameter} %{{customdata:.3g}}<br>recall %{{x:.3f}}<br>precision %{{y:.3f}}"
            "<extra></extra>"
        ),
        row=2,
        col=2,
    )
    used = curve[(curve["value"] - now).abs() <= 1e-9 * abs(now)]
    figure.add_scatter(
        x=used["recall"],
        y=used["precision"],
        mode="markers",
        marker={"size": 14, "symbol": "circle-open", "color": COLORS[4], "line": {"width": 3}},
        name="in use",
        showlegend=False,
        hoverinfo="skip",
        row=2,
        col=2,
    )
    figure.update_yaxes(title="share of bp, 0 to 1", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title="% of the counted bp", rangemode="tozero", row=1, col=2)
    figure.update_yaxes(title="intervals", rangemode="tozero", row=2, col=1)
    figure.update_yaxes(title="bp precision, 0 to 1", rangemode="tozero", row=2, col=2)
    figure.update_xaxes(title="bp recall, 0 to 1", rangemode="tozero", row=2, col=2)
    longest: dict[str, int] = {}
    for row, column, _, text, _, _ in lines:
        name = _legend(row, column)
        longest[name] = max(longest.get(name, 0), len(text))
    for row, column in ((1, 1), (1, 2), (2, 1)):
        name = _legend(row, column)
        number = {"legend": "", "legend2": "2", "legend3": "3"}[name]
        figure.update_layout(
            {
                name: {
                    "x": figure.layout[f"xaxis{number}"].domain[0],
                    "y": figure.layout[f"yaxis{number}"].domain[0] - 0.11,
                    "yanchor": "top",
                    "orientation": "h",
                    # Measured before the page's font is there, texts would run into each other.
                    "entrywidthmode": "pixels",
                    "entrywidth": _LETTER_PX * longest[name],
                }
            }
        )
    figure.update_layout(height=820, margin={"l": 10, "r": 20, "t": 40, "b": 70})
    return figure


def _legend(row: int, column: int) -> str:
    return {(1, 1): "legend", (1, 2): "legend2"}.get((row, column), "legend3")


def _some(values: pd.Series) -> list[str]:
    """Return what stands at the points of a curve: every other value, so that none overlap."""
    return [f"{value:.3g}" if i % 2 == 0 else "" for i, value in enumerate(values)]


def upset(combinations: pd.DataFrame, unit: str = "regions", most: int = 20) -> go.Figure:
    """Draw an UpSet plot: the size of every combination of sets above the sets that it joins.

    Parameters
    ----------
    combinations
        See `seq2exp.analysis.compare.upset.pool_combinations`.
    unit
        ``"regions"`` or ``"bp"``.
    most
        Combinations that are drawn, the largest first.
    """
    names = [name for name in combinations if name not in ("combination", "regions", "bp")]
    shown = combinations[combinations[unit] > 0]
    shown = shown.sort_values(unit, ascending=False, kind="stable").head(most)
    totals = {name: int(combinations.loc[combinations[name], unit].sum()) for name in names}
    figure = make_subplots(
        2,
        2,
        shared_xaxes=True,
        shared_yaxes=True,
        row_heights=[0.62, 0.38],
        column_widths=[0.22, 0.78],
        vertical_spacing=0.03,
        horizontal_spacing=0.02,
        specs=[[None, {}], [{}, {}]],
    )
    x = list(range(len(shown)))
    figure.add_bar(
        x=x,
        y=shown[unit],
        text=[f"{value:,}" for value in shown[unit]],
        textposition="outside",
        cliponaxis=False,
        marker={"color": PALETTE["elements"]},
        customdata=shown["combination"],
        hovertemplate="%{customdata}: %{y:,} " + unit + "<extra></extra>",
        row=1,
        col=2,
    )
    levels = {name: i for i, name in enumerate(names)}
    figure.add_scatter(
        x=[i for i in x for _ in names],
        y=[levels[name] for _ in x for name in names],
        mode="markers",
        marker={"color": "rgba(128, 128, 128, 0.25)", "size": 12},
        hoverinfo="skip",
        row=2,
        col=2,
    )
    for i, (_, row) in zip(x, shown.iterrows(), strict=True):
        inside = [levels[name] for name in names if row[name]]
        figure.add_scatter(
            x=[i] * len(inside),
            y=inside,
            mode="markers+lines",
            marker={"color": PALETTE["elements"], "size": 12},
            line={"color": PALETTE["elements"], "width": 3},
            hoverinfo="skip",
            row=2,
            col=2,
        )
    figure.add_bar(
        x=list(totals.values()),
        y=list(levels.values()),
        orientation="h",
        marker={"color": PALETTE["peaks"]},
        text=[f"{value:,}" for value in totals.values()],
        textposition="auto",
        insidetextfont={"color": "#000000"},
        customdata=names,
        hovertemplate="%{customdata}: %{x:,} " + unit + "<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_xaxes(showticklabels=False, zeroline=False, showgrid=False, col=2)
    figure.update_xaxes(title=f"{unit} of the set", autorange="reversed", row=2, col=1)
    figure.update_yaxes(title=unit, rangemode="tozero", row=1, col=2)
    figure.update_yaxes(showticklabels=False, showgrid=False, row=2, col=2)
    figure.update_yaxes(
        tickvals=list(levels.values()),
        ticktext=names,
        autorange="reversed",
        automargin=True,
        showgrid=False,
        zeroline=False,
        row=2,
        col=1,
    )
    figure.update_layout(
        height=300 + 34 * len(names),
        showlegend=False,
        bargap=0.35,
        margin={"l": 10, "r": 20, "t": 30, "b": 10},
    )
    return figure


def enrichment_dots(found: Sequence[Enrichment]) -> go.Figure:
    """Draw how many times more two sets share than chance would give, with 95 % of the shuffles.

    Parameters
    ----------
    found
        See `seq2exp.analysis.compare.pooled.Comparison.enrichments`; those without an expected
        overlap have no value and are left out.
    """
    known = [one for one in found if one.fold is not None]
    nan = float("nan")
    return dots(
        [f"{one.a} in {one.b}" for one in known],
        [nan if one.fold is None else one.fold for one in known],
        [nan if one.fold_low is None else one.fold_low for one in known],
        [nan if one.fold_high is None else one.fold_high for one in known],
        "Observed / mean of the shuffles (1: as by chance)",
        [one.unit for one in known],
        (1.0, "chance"),
        ("bp", "intervals"),
    )
