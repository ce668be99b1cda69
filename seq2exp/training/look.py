"""An early look at a mask: one gene's, drawn at every validation."""

from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from seq2exp.files import atomic_path
from seq2exp.genome.window import SIGNALS
from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.evaluation import Truth
from seq2exp.training.examples import Example, Examples
from seq2exp.training.module import NetworkModule
from seq2exp.training.networks import run_network

_BINS = 900
_PROMOTER, _CAUSAL = "#dddddd", "#e69f00"
_ROWS = {  # title and colour (Okabe and Ito's) of each signal
    "DNase": ("DNase", "#0072b2"),
    "H3K27ac": ("H3K27ac", "#009e73"),
    "Hi-C": ("Hi-C contact\nwith the TSS\nlog10(1 + x)", "#56b4e9"),
}
_MASK = "#d55e00"


class MaskPictures(pl.Callback):
    """Write ``step-000100.png`` and so on: the mask under the signals of one validation window.

    It is the first window with planted causal elements, which are shaded, wherever there is planted
    truth; else the first of all. Networks without a mask leave no pictures.

    Parameters
    ----------
    folder : where the pictures go; made when there is one.
    length : bases of the central part that is drawn.
    """

    def __init__(self, folder: Path, examples: Examples, length: int, truth: Truth | None) -> None:
        self.folder = folder
        self.examples = examples
        self.length = length
        self.index, self.causal = _worth_seeing(examples, length, truth)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Draw."""
        assert isinstance(pl_module, NetworkModule)
        model = pl_module.model
        if not trainer.is_global_zero or not isinstance(model, Seq2Exp):
            return
        batch = self.examples.batch([self.index], self.length).to(pl_module.device)
        with torch.no_grad(), trainer.strategy.precision_plugin.val_step_context():
            out = run_network(model, batch)
        assert out.alpha is not None and out.beta is not None
        mean = (out.alpha / (out.alpha + out.beta))[0].float().cpu().numpy()
        signals = batch.signals[0].cpu().numpy()
        example, step = self.examples.table[self.index], trainer.global_step
        figure = draw(example, signals, mean, model.config.promoter, self.causal)
        figure.suptitle(
            f"{example.name} in {example.cell} after {step:,} steps: expression predicted "
            f"{out.prediction.item():.2f}, measured {batch.label.item():.2f} (log10(x + 1))",
            fontsize=10,
        )
        with atomic_path(self.folder / f"step-{step:06d}.png") as draft:
            figure.savefig(draft, dpi=110)


def _worth_seeing(
    examples: Examples, length: int, truth: Truth | None
) -> tuple[int, NDArray[np.bool_] | None]:
    """Return which example to draw, and its causal bases [length]; None without planted truth.

    The first whose window has causal bases and ends on the chromosome; else the first of all.
    """
    if truth is None:
        return 0, None
    start = (examples.length - length) // 2
    part = slice(start, start + length)
    for index, example in enumerate(examples.table):
        true, counted = (values[part] for values in truth(example))
        if (true & counted).any() and counted[0] and counted[-1]:
            return index, true
    return 0, truth(examples.table[0])[0][part]


def draw(
    example: Example,
    signals: NDArray[np.float32],
    mean: NDArray[np.float32],
    promoter: int,
    causal: NDArray[np.bool_] | None,
) -> Figure:
    """Return the figure of one window's centre.

    Each bin shows its highest base and planted elements are drawn a little wide, so that none is
    lost; signals are cut at their 99.9th percentile, so that no single base hides the others.

    Parameters
    ----------
    signals : [L, 3], as in `Batch`.
    mean : of the mask, [L].
    promoter : central bases that are always open.
    causal : planted causal bases, [L], or None.
    """
    length = len(mean)
    first = (example.start + example.end - length) // 2
    edges = np.linspace(0, length, min(_BINS, length) + 1).astype(int)
    at = (first + 1 + edges[:-1]) / 1e6  # shown from 1
    tss = first + 1 + length // 2
    figure = Figure(figsize=(10, 5), layout="constrained")
    rows = [
        (signals[:, SIGNALS.index(name)], colour, title) for name, (title, colour) in _ROWS.items()
    ]
    rows.append((mean, _MASK, "learned mask\n0 closed, 1 open"))
    panels = figure.subplots(len(rows), 1, sharex=True, height_ratios=[1, 1, 1, 1.6])
    for axes, (values, colour, title) in zip(panels, rows, strict=True):
        shown = np.maximum.reduceat(values, edges[:-1])
        axes.fill_between(at, shown, color=colour, linewidth=0, step="post")
        axes.set_ylim(0, max(1.05 * float(np.quantile(values, 0.999)), 1e-3))
        axes.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0)
        half = promoter / 2
        axes.axvspan((tss - half) / 1e6, (tss + half) / 1e6, color=_PROMOTER, zorder=0)
        for start, end in [] if causal is None else runs(causal) + first + 1:
            wide = max(0.0, length / 200 - (end - start)) / 2
            place = (start - wide) / 1e6, (end + wide) / 1e6
            axes.axvspan(*place, color=_CAUSAL, alpha=0.4, linewidth=0, zorder=0)
    panels[0].annotate(
        *("TSS", (tss / 1e6, 1), (0, 2)),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        fontsize=8,
    )
    panels[-1].set_ylim(0, 1)
    panels[-1].set_xlabel(f"{example.chrom} (Mb)", fontsize=9)
    keys = [Patch(color=_PROMOTER, label="promoter, always open")]
    if causal is not None:
        keys.append(Patch(color=_CAUSAL, alpha=0.4, label="planted elements that regulate it"))
    figure.legend(handles=keys, loc="outside lower right", ncols=2, fontsize=8, frameon=False)
    return figure


def runs(marked: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return where runs of marked bases start and end, [n, 2]."""
    return np.flatnonzero(np.diff(marked, prepend=False, append=False)).reshape(-1, 2)
