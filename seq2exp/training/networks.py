"""Running any of the networks on a batch, with a mask or without one."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from seq2exp.model.seq2exp import Output, Seq2Exp
from seq2exp.training.batches import Batch
from seq2exp.training.examples import Examples, Progress


def run_network(model: nn.Module, batch: Batch) -> Output:
    """Run a whole network on a batch, in the mode (training or evaluation) it is in.

    Of windows longer than its own a network reads the centre, and its mask is as long as that.
    Networks without a mask give a prediction alone.

    Raises
    ------
    InputError
        The window does not fit, or the network reads peaks and the batch has none.
    """
    window: int = model.config.window  # type: ignore[union-attr, assignment]
    if batch.codes.shape[1] > window:
        batch = batch.crop(window)
    if isinstance(model, Seq2Exp):
        with model.given_means(batch.weight is not None):  # those of a compaction
            return model(batch.one_hot, batch.signals, batch.features, blacklist=batch.blacklist)
    return Output(model(batch.one_hot, batch.signals, batch.features, batch.peaks))


def learns_mask(model: nn.Module) -> bool:
    """Say whether a network has a mask that training moves."""
    return isinstance(model, Seq2Exp) and model.learns_mask


@torch.no_grad()
def predict_all(
    model: nn.Module,
    examples: Examples,
    *,
    device: torch.device | str = "cpu",
    title: str = "Evaluation",
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the predictions of all examples, whole windows one at a time, [N]."""
    model = model.to(device).eval()
    count = len(examples)
    predicted = np.empty(count, np.float32)
    for i in range(count):
        batch = examples.batch([i]).to(device)
        predicted[i] = run_network(model, batch).prediction.float().item()
        if progress:
            progress((i + 1) / count, f"{title}: window {i + 1:,} of {count:,}")
    return predicted


@torch.no_grad()
def calibrate(
    model: nn.Module,
    examples: Examples,
    *,
    device: torch.device | str = "cpu",
    title: str = "Calibration",
    progress: Progress | None = None,
) -> tuple[float, float]:
    """Set slope and level of the predictions by least squares on some examples, whole windows.

    A network trained on windows cut down to their open bases meets more of them in whole ones, and
    its predictions spread too far there. What changes is the last layer; correlations stay.

    Returns
    -------
    slope, shift : float
        A prediction p has become slope · p + shift, log10(expression + 1). The slope is 1 where
        predictions do not vary, or fall where labels rise.
    """
    predicted = predict_all(model, examples, device=device, title=title, progress=progress)
    x, y = predicted.astype(np.float64), examples.label.astype(np.float64)
    spread = float(np.sum((x - x.mean()) ** 2))
    slope = float(np.sum((x - x.mean()) * (y - y.mean())) / spread) if spread > 1e-12 else 1.0
    slope = slope if slope > 0 else 1.0
    shift = float(y.mean() - slope * x.mean())
    last: nn.Linear = model.pToExpr[-1]  # type: ignore[index, assignment]
    last.weight.mul_(slope)
    last.bias.mul_(slope).add_(shift)
    return slope, shift
