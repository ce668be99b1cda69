"""How good a model is, on whole windows, beside what is cheaper: means, a linear fit, raw signals.

A mask that finds more regulatory bases than a peak caller proves little, since a raw signal may do
so already. So the mask always stands beside DNase alone, beside DNase × H3K27ac × contact, and
beside the mask of the same network before training.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from seq2exp.genome.window import SIGNALS
from seq2exp.model.seq2exp import MaskParameters, Output, Seq2Exp
from seq2exp.training.examples import Example, Examples, Progress
from seq2exp.training.networks import run_network

ANCHORS = {"DNase": "dnase", "DNase × H3K27ac × contact": "dnase_h3k27ac_contact"}

ACETYLATION = 1_001  # bases over which H3K27ac is averaged in the product

Truth = Callable[[Example], tuple[NDArray[np.bool_], NDArray[np.bool_]]]
"""From an example to (causal, counted), each bool [L]: planted causal bases, and bases to score."""


@dataclass(frozen=True)
class Fit:
    """How well predictions meet labels, both in log10(expression + 1)."""

    mse: float
    mae: float
    pearson: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Return plain values; `pearson` is None where predictions do not vary."""
        return asdict(self)


def fit_metrics(prediction: NDArray, label: NDArray) -> Fit:
    """Return MSE, MAE and Pearson's r over all examples, [N] each, in float64."""
    predicted, measured = np.asarray(prediction, np.float64), np.asarray(label, np.float64)
    error = predicted - measured
    x, y = predicted - predicted.mean(), measured - measured.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    # Rounding leaves a constant prediction with a spread of about 1e-16 of its size.
    constant = np.ptp(predicted) <= 1e-12 * max(1.0, float(np.abs(predicted).max()))
    r = None if constant or spread == 0 else float(x @ y) / spread
    return Fit(float(np.mean(error**2)), float(np.mean(np.abs(error))), r)


def average_precision(score: NDArray, truth: NDArray[np.bool_]) -> float | None:
    """Return the area under the precision-recall curve, Σ (R_n - R_(n-1)) P_n over thresholds.

    Equal scores share one threshold, so constant scores get the share of true bases.

    Parameters
    ----------
    score : float [N]; higher means more likely true.
    truth : bool [N].

    Returns
    -------
    float or None
        None where nothing is true.
    """
    positives = int(np.count_nonzero(truth))
    if positives == 0:
        return None
    order = np.argsort(score)[::-1]
    ranked = np.asarray(score)[order]
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    found = np.cumsum(truth[order])[last]
    gained = np.diff(found, prepend=0)
    return float(np.sum(gained * (found / (last + 1))) / positives)


def baselines(train: Examples, held_out: Examples) -> dict[str, Fit]:
    """Return the fit of two predictors that are fitted on the training examples alone.

    ``mean`` predicts the mean training label; ``linear`` is the least-squares fit of a constant and
    the nine features (the smallest one where features are constant or collinear).
    """

    def design(examples: Examples) -> NDArray:
        constant = np.ones((len(examples), 1))
        return np.hstack([examples.features.astype(np.float64), constant])

    label = train.label.astype(np.float64)
    weights = np.linalg.lstsq(design(train), label, rcond=None)[0]
    return {
        "mean": fit_metrics(np.full(len(held_out), label.mean()), held_out.label),
        "linear": fit_metrics(design(held_out) @ weights, held_out.label),
    }


@dataclass(frozen=True)
class MaskScores:
    """How well per-base scores find planted causal bases outside promoters, all windows pooled.

    Attributes
    ----------
    causal : share of the counted bases that are causal; what a score without information reaches.
    mask, untrained, anchors : area under the precision-recall curve of the mask's mean after and
        before training (None where that was not computed), and of the raw signals by the names of
        `ANCHORS`.
    """

    causal: float
    mask: float
    untrained: float | None
    anchors: dict[str, float]

    def to_dict(self) -> dict[str, float]:
        """Return plain values under the keys of the card."""
        areas = {f"auprc_{ANCHORS[name]}": value for name, value in self.anchors.items()}
        if self.untrained is not None:
            areas["auprc_untrained_mask"] = self.untrained
        return {"causal_share": self.causal, "auprc_mask": self.mask, **areas}


@dataclass(frozen=True)
class Evaluation:
    """A model on all examples of one split, each as one whole window.

    Attributes
    ----------
    fit : with the variant's own mask rule.
    promoter_only : the same with every base outside the promoter masked; None where that was not
        computed.
    mask_ratio : mean of Σ mask / L (soft masks: the mean of soft values, as the paper reports).
    mask_high : mean over windows of the value that a share of the bases exceeds in the mask's mean,
        unedited: at about this threshold a hard rule keeps `ModelConfig.kept_share` of the window.
    mask_scores : None where the data set has no planted truth.
    predictions : float32 [N].
    """

    examples: int
    fit: Fit
    promoter_only: Fit | None
    mask_ratio: float
    mask_high: float
    mask_scores: MaskScores | None
    predictions: NDArray[np.float32]


@torch.no_grad()
def evaluate(
    model: Seq2Exp,
    examples: Examples,
    *,
    untrained: Seq2Exp | None = None,
    truth: Truth | None = None,
    device: torch.device | str = "cpu",
    title: str = "Evaluation",
    progress: Progress | None = None,
) -> Evaluation:
    """Run a model over whole windows, one at a time.

    Parameters
    ----------
    untrained : the network before training. Where it is given, what training changed is measured,
        too: the mask before it, and the prediction from promoters alone. That doubles the time.
    truth : without it there are no mask scores.
    """
    model = model.to(device).eval()
    if untrained is not None:
        untrained = untrained.to(device).eval()
    count = len(examples)
    promoter = model.promoter(examples.length)
    predicted, closed, ratios, high = np.empty((4, count), np.float32)
    causal: list[NDArray[np.bool_]] = []
    scores: dict[str, list[NDArray[np.float32]]] = {}
    for i, example in enumerate(examples.table):
        batch = examples.batch([i]).to(device)
        out = run_network(model, batch)
        assert out.mask is not None
        bases = batch.one_hot
        predicted[i] = out.prediction.float().item()
        ratios[i] = out.mask.float().mean().item()
        mean = _mean(out)
        high[i] = np.quantile(mean, 1 - model.config.kept_share)
        if untrained is not None:
            alone = torch.zeros_like(out.mask)
            alone[:, promoter] = 1
            closed[i] = model.predict(bases, batch.signals, batch.features, alone).float().item()
        if truth is not None:
            values = {"mask": mean, **anchor_scores(batch.signals[0].cpu().numpy())}
            if untrained is not None:
                values["untrained"] = _mean(untrained.posterior_parameters(bases, batch.signals))
            true, counted = truth(example)
            causal.append(true[counted])
            for name, value in values.items():
                scores.setdefault(name, []).append(value[counted])
        if progress:
            progress((i + 1) / count, f"{title}: window {i + 1:,} of {count:,}")
    return Evaluation(
        count,
        fit_metrics(predicted, examples.label),
        None if untrained is None else fit_metrics(closed, examples.label),
        float(ratios.mean()),
        float(high.mean()),
        _mask_scores(causal, scores),
        predicted,
    )


def _mean(posterior: Output | MaskParameters) -> NDArray[np.float32]:
    """Return the mean of a window's posterior, [L]."""
    assert posterior.alpha is not None and posterior.beta is not None
    return (posterior.alpha / (posterior.alpha + posterior.beta))[0].float().cpu().numpy()


def anchor_scores(signals: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return the raw-signal scores of `ANCHORS`, float32 [L] each, of signals [L, 3].

    The product follows the activity-by-contact score: H3K27ac is averaged over 1 kb, because it
    stands beside the open bases, not on them, and the channel log10(1 + contact) is turned back
    into contact.
    """
    h3k27ac, dnase, contact = (signals[:, SIGNALS.index(s)] for s in ("H3K27ac", "DNase", "Hi-C"))
    around = uniform_filter1d(h3k27ac, ACETYLATION, mode="constant")
    product = dnase * around * (10**contact - 1)
    return dict(zip(ANCHORS, (dnase, product.astype(np.float32)), strict=True))


def _mask_scores(
    causal: list[NDArray[np.bool_]], scores: dict[str, list[NDArray[np.float32]]]
) -> MaskScores | None:
    """Pool the windows; None where there is nothing planted."""
    if not causal:
        return None
    true = np.concatenate(causal)
    areas = {name: average_precision(np.concatenate(parts), true) for name, parts in scores.items()}
    found = {name: area for name, area in areas.items() if area is not None}
    if len(found) < len(areas):
        return None
    mask, untrained = found.pop("mask"), found.pop("untrained", None)
    return MaskScores(float(true.mean()), mask, untrained, found)
