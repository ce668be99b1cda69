"""How well base-by-base scores find what was planted: bases, elements, and which decoys they take.

Scored are the bases on the chromosome outside the promoter (TSS ± 1 kb), in the window of every
gene and cell type, all windows pooled. Memory holds one window and per-gene counts.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2exp.analysis.evaluate.calls import Calls
from seq2exp.analysis.evaluate.metrics import (
    BaseCounts,
    Floats,
    Wins,
    bin_edges,
    estimate,
    share,
    threshold,
)
from seq2exp.analysis.evaluate.planted import Planted, decoys
from seq2exp.analysis.evaluate.scores import Score, smoothed
from seq2exp.training.evaluation import average_precision

#: Told of the share of the work that is done, 0 to 1.
Tell = Callable[[float], None]

#: Widths of running means, in bp, of which each score takes the one that is best on validation.
WIDTHS = (21, 41, 81, 161, 321)
#: The width where there are no validation examples.
USUAL_WIDTH = 41
#: Most validation windows that a width is chosen on, spread over the split: their 1.2 million
#: sampled bases tell five widths apart, and all others would only cost a pass of the network each.
WIDTH_WINDOWS = 96
#: The share of bases that the paper's retraining keeps.
TOP = 0.1

_STRIDE = 16  # of the bases that thresholds, bins and widths are chosen by


def width_windows(count: int) -> list[int]:
    """Return which of `count` validation windows widths are chosen on, evenly spread."""
    return np.linspace(0, count - 1, min(count, WIDTH_WINDOWS)).round().astype(int).tolist()


def best_width(score: Score, planted: Planted, progress: Tell) -> int:
    """Return the width of `WIDTHS` at which a score's running mean has the largest AUPRC.

    Every sixteenth base of `width_windows` is looked at.
    """
    kept: dict[int, list[NDArray[np.float32]]] = {width: [] for width in WIDTHS}
    true: list[NDArray[np.bool_]] = []
    chosen = width_windows(len(planted.examples))
    for number, i in enumerate(chosen):
        values = score.values(i)
        causal, at = _sampled(planted, i)
        true.append(causal)
        for width in WIDTHS:
            kept[width].append(smoothed(values, width)[at])
        progress((number + 1) / len(chosen))
    causal = np.concatenate(true)
    areas = {
        width: average_precision(np.concatenate(parts), causal) or 0.0
        for width, parts in kept.items()
    }
    return max(areas, key=lambda width: areas[width])


def _sampled(planted: Planted, i: int) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return causal or not, and the place, of every sixteenth counted base of a window."""
    causal, counted = planted.bases(i)
    at = np.flatnonzero(counted)[i % _STRIDE :: _STRIDE]
    return causal[at], at


def score_rows(
    score: Score,
    planted: Planted,
    *,
    split: str,
    widths: Sequence[int],
    ratios: Sequence[float],
    weights: Floats,
    progress: Tell,
) -> list[dict[str, Any]]:
    """Return the rows of ``truth.parquet`` on one score, each with its resamples as ``draws``.

    Parameters
    ----------
    widths : of the running means that are judged, in bp; 0: none.
    ratios : shares of bases at which F1 is taken; elements are called at the first of them. Calls
        have a share of their own, which is used instead, and F1 is taken at the others, too.
    weights : [1 + R, G], from `gene_weights`.
    progress : told of the share that is done.
    """
    count = len(planted.examples)
    parts: dict[int, list[NDArray[np.float32]]] = {width: [] for width in widths}
    if not score.calls:
        for i in _reported(count, progress, 0.0, 0.3):
            values = score.values(i)
            _, at = _sampled(planted, i)
            for width in widths:
                parts[width].append(smoothed(values, width)[at])
    tallies = {}
    for width in widths:
        if score.calls:
            edges, cut = np.array([0, 1], np.float32), 1.0
        else:
            sample = np.concatenate(parts.pop(width))
            edges, cut = bin_edges(sample), threshold(sample, ratios[0])
        tallies[width] = _Tally(planted, edges, cut)
    for i in _reported(count, progress, 0.3, 0.7):
        values = score.values(i)
        for width, tally in tallies.items():
            tally.add(i, smoothed(values, width))
    rows = []
    for width, tally in tallies.items():
        for metric, drawn, ratio in tally.measured(ratios, weights, score.calls):
            row = {
                "score": score.name,
                **score.label,
                "split": split,
                "metric": metric,
                "smoothing_bp": width,
                "ratio": ratio,
            }
            genes = {"n_genes": len(planted.genes)}
            rows.append({**row, **estimate(drawn)._asdict(), **genes, "draws": drawn[1:]})
    return rows


def _reported(count: int, progress: Tell, begun: float, part: float) -> Iterator[int]:
    for i in range(count):
        yield i
        progress(begun + part * (i + 1) / count)


class _Tally:
    """What is counted of one score at one width, window by window.

    Parameters
    ----------
    edges : of the bins of scores.
    cut : the score from which on bases are called.
    """

    def __init__(self, planted: Planted, edges: NDArray[np.float32], cut: float) -> None:
        genes = len(planted.genes)
        self.planted, self.cut = planted, cut
        self.bases, self.calls = BaseCounts.empty(edges, genes), Calls(genes)
        self.means: list[Floats] = []

    def add(self, i: int, values: NDArray[np.float32]) -> None:
        """Count example `i`, whose bases score `values` [L]."""
        planted, gene = self.planted, int(self.planted.gene[i])
        causal, counted = planted.bases(i)
        self.bases.add(gene, values[counted], causal[counted])
        elements = planted.elements(i)
        self.calls.add(gene, (values >= self.cut) & counted, elements)
        inside = [values[a:b][counted[a:b]].mean(dtype=np.float64) for a, b in elements.spans]
        self.means.append(np.array(inside, np.float64))

    def measured(
        self, ratios: Sequence[float], weights: Floats, calls: bool
    ) -> Iterator[tuple[str, Floats, float | None]]:
        """Yield each metric's name, its values [1 + R] and the share of bases that it is at."""
        every, true = self.bases.every, self.bases.true
        kept = float(every[:, 0].sum() / every.sum()) if calls else ratios[0]
        others = [r for r in ratios if not (calls and np.isclose(r, kept, rtol=1e-9))]
        area, at_ratios = self.bases.summary(others, weights)
        yield "auprc", area, None
        if calls:
            yield "f1_at_ratio", share(2 * true[:, 0], every[:, 0] + true.sum(1), weights), kept
        for ratio, f1 in zip(others, at_ratios, strict=True):
            yield "f1_at_ratio", f1, ratio
        for kind, auc in self._aucs(weights):
            yield f"element_auc:{kind}", auc, None
        for name, shares in self.calls.shares(weights).items():
            yield name, shares, kept

    def _aucs(self, weights: Floats) -> Iterator[tuple[str, Floats]]:
        """Yield the element AUC of causal elements against each kind of decoy that there is."""
        planted = self.planted
        score = np.concatenate(self.means)
        elements = [planted.elements(i) for i in range(len(self.means))]
        roles = np.concatenate([part.roles for part in elements])
        gene = np.repeat(planted.gene, [len(part.roles) for part in elements])
        causal = roles == "causal"
        for kind, chosen in decoys(roles).items():
            if causal.any() and chosen.any():
                wins = Wins.of(
                    score[causal], gene[causal], score[chosen], gene[chosen], len(planted.genes)
                )
                yield kind, wins.auc(weights)


def called_share(score: Score, planted: Planted) -> float:
    """Return the share of the counted bases that are called: MACS3's ratio, for its peaks."""
    kept = total = 0
    for i in range(len(planted.examples)):
        _, counted = planted.bases(i)
        kept += int((score.values(i)[counted] > 0.5).sum())
        total += int(counted.sum())
    return kept / total


@dataclass(frozen=True)
class Judge:
    """Judges scores against what is planted in one split.

    Attributes
    ----------
    planted, validation : of the split, and of the split that widths are chosen on (None: there is
        none, and the width is `USUAL_WIDTH`).
    split : its name.
    ratios : see `score_rows`.
    weights : see `score_rows`.
    """

    planted: Planted
    validation: Planted | None
    split: str
    ratios: tuple[float, ...]
    weights: Floats

    def rows(
        self, score: Score, on_validation: Score | None, progress: Tell
    ) -> list[dict[str, Any]]:
        """Return the rows on one score, raw and smoothed, as `score_rows` does.

        Parameters
        ----------
        on_validation : the same score of the validation examples.
        progress : told of the share that is done.
        """
        widths, begun = [0], 0.0
        if not score.calls:
            width = USUAL_WIDTH
            if on_validation is not None and self.validation is not None:
                begun = 0.3
                width = best_width(
                    on_validation, self.validation, lambda done: progress(begun * done)
                )
            widths.append(width)
        return score_rows(
            score,
            self.planted,
            split=self.split,
            widths=widths,
            ratios=self.ratios,
            weights=self.weights,
            progress=lambda done: progress(begun + (1 - begun) * done),
        )
