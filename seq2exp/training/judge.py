"""What a trained network is worth on whole windows, with its mask where it has one."""

from dataclasses import dataclass

import torch
from torch import nn

from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.evaluation import Evaluation, Fit, Truth, evaluate, fit_metrics
from seq2exp.training.examples import Examples, Progress
from seq2exp.training.networks import predict_all


@dataclass(frozen=True)
class Judged:
    """A network on one split.

    Attributes
    ----------
    fit : of its predictions.
    mask : what is known of its mask; None for networks without one.
    """

    fit: Fit
    mask: Evaluation | None = None


def judge(
    model: nn.Module,
    examples: Examples,
    *,
    untrained: nn.Module | None,
    truth: Truth | None,
    device: torch.device,
    title: str,
    progress: Progress,
) -> Judged:
    """Run a network over whole windows; for the parameters see `evaluate`."""
    if isinstance(model, Seq2Exp):
        assert untrained is None or isinstance(untrained, Seq2Exp)
        found = evaluate(
            model,
            examples,
            untrained=untrained,
            truth=truth,
            device=device,
            title=title,
            progress=progress,
        )
        return Judged(found.fit, found)
    predicted = predict_all(model, examples, device=device, title=title, progress=progress)
    return Judged(fit_metrics(predicted, examples.label))
