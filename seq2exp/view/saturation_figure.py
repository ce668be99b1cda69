"""The figure of saturation mutagenesis: letters as tall as bases matter, and every substitution."""

import math

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from seq2exp.analysis.saturation import Saturation
from seq2exp.genome.window import BASES
from seq2exp.view.experiment_figures import DELTA
from seq2exp.view.glyphs import letter_path
from seq2exp.view.model_figures import GUIDE
from seq2exp.view.tracks import BASE_COLORS

#: In longer spans (bp) letters are too thin to be seen before one zooms in, so bars stand behind.
WIDE = 120
#: From less to more expression, through nothing: told apart in light, dark and without colour.
SCALE = ((0.0, "#D55E00"), (0.5, "rgba(128, 128, 128, 0.12)"), (1.0, "#0072B2"))


def saturation_figure(found: Saturation) -> go.Figure:
    """Draw letters as a dynseq track does, and below them Δ of every substitution.

    A letter stands up where the base there adds to the prediction beside the other three, and hangs
    down where it takes from it.
    """
    figure = make_subplots(2, 1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.62, 0.38])
    first = found.interval.start
    heights = found.letters
    known = np.isfinite(heights)
    positions = np.arange(first, found.interval.end) + 1
    bases = [base for base, here in zip(found.sequence, known, strict=True) if here]
    colors = [BASE_COLORS[base] for base in bases]
    # Carries the hover; the letters themselves are shapes.
    figure.add_scatter(
        x=positions[known],
        y=heights[known],
        mode="markers",
        marker={"opacity": 0},
        text=bases,
        hovertemplate="%{x:,.0f}<br><b>%{text}</b> adds %{y:.3g}<extra></extra>",
        showlegend=False,
        row=1,
        col=1,
    )
    if found.interval.width > WIDE:
        figure.add_bar(
            x=positions[known],
            y=heights[known],
            marker={"color": colors, "opacity": 0.5, "line": {"width": 0}},
            hoverinfo="skip",
            showlegend=False,
            row=1,
            col=1,
        )
    top = float(np.abs(heights[known]).max(initial=0.0)) or 1.0
    digits = max(3 - math.floor(math.log10(top)), 0)
    for base in BASES[:4]:
        path = "".join(
            letter_path(base, float(x) - 0.5, float(height), digits=digits)
            for x, letter, height, here in zip(
                positions, found.sequence, heights, known, strict=True
            )
            if here and letter == base and height != 0
        )
        if path:
            figure.add_shape(
                type="path",
                path=path,
                fillcolor=BASE_COLORS[base],
                fillrule="evenodd",
                line={"width": 0},
                xref="x",
                yref="y",
            )
    figure.add_hline(0, line={"color": GUIDE, "width": 1}, row=1, col=1)
    most = float(np.nanmax(np.abs(found.effects), initial=0.0)) or 1.0
    figure.add_heatmap(
        x=positions,
        y=list(BASES[:4]),
        z=found.effects.T,
        zmin=-most,
        zmax=most,
        colorscale=[list(step) for step in SCALE],
        colorbar={
            "title": {"text": DELTA, "side": "right"},
            "thickness": 12,
            "exponentformat": "e",
        },
        hovertemplate="%{x:,.0f} → <b>%{y}</b><br>Δ %{z:.3g}<extra></extra>",
        hoverongaps=False,
        row=2,
        col=1,
    )
    low = min(float(heights[known].min(initial=0.0)), 0.0)
    high = max(float(heights[known].max(initial=0.0)), 0.0)
    figure.update_yaxes(
        title="What the base adds",
        range=[low - 0.05 * top, high + 0.05 * top],
        exponentformat="e",
        automargin=True,
        zeroline=False,
        row=1,
        col=1,
    )
    figure.update_yaxes(
        title="Put there", autorange="reversed", showgrid=False, row=2, col=1, automargin=True
    )
    figure.update_xaxes(tickformat=",.0f", nticks=9, showgrid=False, zeroline=False)
    figure.update_xaxes(title=f"Position on {found.interval.chrom} (bp)", row=2, col=1)
    figure.update_xaxes(range=[first + 0.5, found.interval.end + 0.5])
    return figure.update_layout(bargap=0, height=460, margin={"l": 10, "r": 20, "t": 30, "b": 10})
