"""Figures of what models came to: predicted against measured, learning curves, intervals.

Colours tell apart in light and dark and without colour vision, and each has a symbol of its own;
what is only a guide to the eye is grey. Backgrounds and text are left to whoever shows the figure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

#: Okabe-Ito's that stand out on white and on black; the blue is lighter, for thin lines on black.
COLORS = ("#2088CC", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x")
GUIDE = "#8A8A8A"
ROW_PX = 26
UNIT = "log10(CAGE + 1)"


def calibration(points: pd.DataFrame, training_mean: float | None = None) -> go.Figure:
    """Draw predicted against measured expression, one point a gene in a cell type.

    Parameters
    ----------
    points
        gene_id, gene, cell, measured, predicted; a point's ``customdata`` is (gene_id, cell).
    training_mean
        Drawn as what a predictor would say that knows nothing of the gene; None leaves it out.
    """
    values = points[["measured", "predicted"]].to_numpy(dtype=float)
    known = values if training_mean is None else np.append(values, training_mean)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    margin = 0.04 * (high - low or 1.0)
    ends = [low - margin, high + margin]
    figure = go.Figure()
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": GUIDE, "width": 1},
        name="predicted = measured",
        hoverinfo="skip",
    )
    if training_mean is not None:
        figure.add_scatter(
            x=ends,
            y=[training_mean, training_mean],
            mode="lines",
            line={"color": GUIDE, "width": 1.5, "dash": "dash"},
            name=f"training mean, {training_mean:.2f}",
            hoverinfo="skip",
        )
    for i, (cell, rows) in enumerate(points.groupby("cell", sort=True)):
        figure.add_scatter(
            x=rows["measured"],
            y=rows["predicted"],
            mode="markers",
            name=str(cell),
            customdata=rows[["gene_id", "cell"]].to_numpy(),
            text=rows["gene"],
            marker={
                "color": COLORS[i % len(COLORS)],
                "symbol": SYMBOLS[i % len(SYMBOLS)],
                "size": 8,
                "opacity": 0.75,
            },
            hovertemplate=(
                f"<b>%{{text}}</b>, {cell}<br>measured %{{x:.3f}}<br>predicted %{{y:.3f}}"
                "<extra>click: open in the Browser</extra>"
            ),
        )
    figure.update_xaxes(title=f"Measured, {UNIT}", range=ends, constrain="domain", zeroline=False)
    figure.update_yaxes(title=f"Predicted, {UNIT}", range=ends, zeroline=False, scaleanchor="x")
    figure.update_layout(height=520, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    return _framed(figure)


@dataclass(frozen=True)
class Panel:
    """One panel of the learning curves.

    Attributes
    ----------
    title, unit
        What it shows; the unit stands at the vertical axis.
    lines
        Column of the log and name, one line each.
    log
        Whether the axis is logarithmic, for what spans orders of magnitude.
    """

    title: str
    unit: str
    lines: tuple[tuple[str, str], ...]
    log: bool = False


PANELS: tuple[Panel, ...] = (
    Panel(
        "Training loss",
        "loss of a window",
        (("loss", "total"), ("prediction", "prediction"), ("sparsity", "sparsity term")),
    ),
    Panel("Validation MSE", f"{UNIT} squared", (("val_mse", "validation MSE"),)),
    Panel("Mask ratio", "mean mask, 0 to 1", (("mask_ratio", "mask ratio"),)),
    Panel("Validation Pearson r", "-1 to 1", (("val_pearson", "validation Pearson r"),)),
    Panel(
        "What moves the mask: gradient at its logits",
        "norm (log scale)",
        (("grad_prediction", "from the prediction"), ("grad_sparsity", "from the sparsity term")),
        log=True,
    ),
)
_DASHES = ("solid", "dash", "dot")


def learning_curves(log: pd.DataFrame, references: Mapping[str, float] | None = None) -> go.Figure:
    """Draw a training log, one panel a quantity.

    Parameters
    ----------
    log
        See `seq2exp.analysis.cards.read_log`: step, phase and the columns of `PANELS`; those that
        are missing or empty get no panel.
    references
        By column, a value that is drawn as a dashed line, such as the training mean's MSE.
    """
    panels = [
        (panel, [line for line in panel.lines if line[0] in log and log[line[0]].notna().any()])
        for panel in PANELS
    ]
    panels = [(panel, lines) for panel, lines in panels if lines]
    columns = 2
    rows = max(-(-len(panels) // columns), 1)
    # The last panel of an odd number has the row to itself.
    specs: list[list[dict[str, int] | None]] = [[{}, {}] for _ in range(rows)]
    if len(panels) % columns:
        specs[-1] = [{"colspan": 2}, None]
    figure = make_subplots(
        rows,
        columns,
        specs=specs,
        subplot_titles=[f"<b>{panel.title}</b>" for panel, _ in panels],
        vertical_spacing=0.3 / rows,
        horizontal_spacing=0.12,
    )
    changes = log.loc[log["phase"].diff(-1) < 0, "step"]
    end = max(float(log["step"].max()), 1.0)
    for i, (panel, lines) in enumerate(panels):
        place = {"row": i // columns + 1, "col": i % columns + 1}
        legend = "legend" if i == 0 else f"legend{i + 1}"
        for k, (column, name) in enumerate(lines):
            shown = log[log[column].notna()]
            figure.add_scatter(
                x=shown["step"],
                y=shown[column],
                mode="lines+markers" if column.startswith(("val_", "grad_")) else "lines",
                marker={"size": 5, "symbol": SYMBOLS[k]},
                line={"color": COLORS[k], "width": 1.8, "dash": _DASHES[k]},
                name=name,
                legend=legend,
                showlegend=len(lines) > 1,
                hovertemplate=f"step %{{x:,}}<br>{name} %{{y:.4g}}<extra></extra>",
                **place,
            )
            if references and column in references:
                figure.add_hline(
                    references[column],
                    line={"color": GUIDE, "dash": "dash", "width": 1.5},
                    annotation_text=f"training mean, {references[column]:.3f}",
                    annotation_position="top left",
                    annotation_font_color=GUIDE,
                    **place,
                )
        for step in changes:
            figure.add_vline(float(step), line={"color": GUIDE, "dash": "dot", "width": 1}, **place)
        figure.update_xaxes(title="Training step", range=[-0.02 * end, 1.02 * end], **place)
        figure.update_yaxes(title=panel.unit, automargin=True, **place)
        if panel.log:
            values = log[[column for column, _ in lines]].to_numpy(dtype=float)
            values = np.log10(values[values > 0])
            if values.size:
                # Room for the legend above the lines.
                ends = [float(values.min()) - 0.4, float(values.max()) + 1.4]
                figure.update_yaxes(type="log", range=ends, exponentformat="power", **place)
        if len(lines) > 1:
            figure.update_layout({legend: _legend_inside(figure, i)})
    return _framed(figure.update_layout(height=320 * rows))


def _legend_inside(figure: go.Figure, i: int) -> dict[str, Any]:
    """Return where the legend of the `i`-th panel stands: inside it, at its upper right."""
    number = "" if i == 0 else str(i + 1)
    right = figure.layout[f"xaxis{number}"].domain[1]
    top = figure.layout[f"yaxis{number}"].domain[1]
    corner = {"x": right, "xanchor": "right", "y": top, "yanchor": "top"}
    return {**corner, "bgcolor": "rgba(128, 128, 128, 0.12)"}


def dots(
    labels: Sequence[str],
    values: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    axis: str,
    groups: Sequence[str] | None = None,
    reference: tuple[float, str] | None = None,
    order: Sequence[str] = (),
) -> go.Figure:
    """Draw values with their intervals, one row a label, from top to bottom.

    Parameters
    ----------
    labels, values, low, high
        All [n]; bounds may be NaN. A label may come back in another group.
    axis
        Name and unit of the values.
    groups
        [n] what tells points apart, by colour and symbol in the order of `order` (or as they
        come); None where there is one.
    reference
        A value and its name, drawn as a dashed line.
    """
    frame = pd.DataFrame(
        {"label": labels, "value": values, "low": low, "high": high, "group": groups or ""}
    ).dropna(subset="value")
    rows = list(dict.fromkeys(frame["label"]))
    # A name keeps its colour where another one has no points.
    names = list(dict.fromkeys([*order, *frame["group"]]))
    shared = frame.duplicated("label").any()
    figure = go.Figure()
    for i, name in enumerate(names):
        part = frame[frame["group"] == name]
        if part.empty:
            continue
        place = part["label"].map(rows.index)
        # Side by side within a row, so that the bars of two groups can be told apart.
        shift = 0.5 * (i / (len(names) - 1) - 0.5) if shared and len(names) > 1 else 0.0
        figure.add_scatter(
            x=part["value"],
            y=place + shift,
            mode="markers",
            name=str(name),
            showlegend=len(names) > 1,
            marker={
                "color": COLORS[i % len(COLORS)],
                "symbol": SYMBOLS[i % len(SYMBOLS)],
                "size": 9,
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (part["high"] - part["value"]).clip(lower=0),
                "arrayminus": (part["value"] - part["low"]).clip(lower=0),
                "thickness": 1.5,
                "width": 3,
            },
            customdata=[
                (row.label, "" if np.isnan(row.low) else f" [{row.low:.3f}, {row.high:.3f}]")
                for row in part.itertuples(index=False)
            ],
            hovertemplate=(
                f"<b>%{{customdata[0]}}</b><br>%{{x:.3f}}%{{customdata[1]}}<extra>{name}</extra>"
            ),
        )
    if reference is not None:
        value, text = reference
        guide = {"color": GUIDE, "dash": "dash", "width": 1.5}
        figure.add_vline(value, line=guide, name=f"{text}, {value:.3g}", showlegend=True)
    figure.update_xaxes(title=axis)
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=rows,
        range=[len(rows) - 0.4, -0.6],
        automargin=True,
        zeroline=False,
    )
    height = ROW_PX * (max(1.0, 0.6 * len(names)) if shared else 1.0) * len(rows) + 130
    figure.update_layout(
        height=int(height), legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    )
    return _framed(figure)


#: What follows the prior, of `seq2exp.analysis.result_tables.prior_sweep`: column, title, axis.
_SWEPT = (
    ("mask_ratio", "Mask ratio", "mean mask, 0 to 1"),
    ("mse", "Fit", f"MSE, {UNIT} squared"),
    ("auprc", "Mask against planted truth", "AUPRC, 0 to 1"),
)


def prior_curves(sweep: pd.DataFrame) -> go.Figure:
    """Draw what soft models came to against the prior that they were trained at.

    Parameters
    ----------
    sweep
        See `seq2exp.analysis.result_tables.prior_sweep`; one point a model.
    """
    panels = [panel for panel in _SWEPT if sweep[panel[0]].notna().any()]
    columns = max(len(panels), 1)
    titles = [f"<b>{title}</b>" for _, title, _ in panels]
    figure = make_subplots(1, columns, subplot_titles=titles, horizontal_spacing=0.1)
    for i, (column, _, axis) in enumerate(panels):
        place = {"row": 1, "col": i + 1}
        errors = None
        if column == "auprc":
            errors = {
                "type": "data",
                "symmetric": False,
                "array": (sweep["high"] - sweep["auprc"]).clip(lower=0),
                "arrayminus": (sweep["auprc"] - sweep["low"]).clip(lower=0),
                "thickness": 1.5,
                "width": 3,
            }
        figure.add_scatter(
            x=sweep["prior_mean"],
            y=sweep[column],
            error_y=errors,
            mode="markers",
            marker={"color": COLORS[i], "symbol": SYMBOLS[i], "size": 10},
            text=sweep["model_id"],
            hovertemplate="<b>%{text}</b><br>prior mean %{x:.3g}<br>%{y:.4g}<extra></extra>",
            showlegend=False,
            **place,
        )
        if column == "mask_ratio":
            ends = [0.0, 1.1 * float(sweep["prior_mean"].max())]
            guide = {"color": GUIDE, "dash": "dash", "width": 1.5}
            figure.add_scatter(
                x=ends, y=ends, mode="lines", line=guide, name="mask ratio = prior mean", **place
            )
        figure.update_xaxes(title="Prior mean (trained at)", rangemode="tozero", **place)
        # Errors differ by little, and from no common zero.
        mode = "normal" if column == "mse" else "tozero"
        figure.update_yaxes(title=axis, rangemode=mode, automargin=True, **place)
    legend = {"orientation": "h", "y": -0.25, "yanchor": "top"}
    return _framed(figure.update_layout(height=340, legend=legend))


def _framed(figure: go.Figure) -> go.Figure:
    return figure.update_layout(margin={"l": 10, "r": 20, "t": 50, "b": 10})
