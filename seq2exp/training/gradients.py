"""What moves the mask: the gradient at its logits from the prediction and from the sparsity term.

The published mask is hardly moved by the prediction; this is how that is seen in any run.
"""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.batches import Batch
from seq2exp.training.module import NetworkModule
from seq2exp.training.networks import learns_mask


class MaskGradients(pl.Callback):
    """Measure before the first step and whenever a validation is due, on the batch just trained on.

    Attributes
    ----------
    latest : norm of the gradient of either part of the loss, over all logits of the batch, as
        "grad_prediction" and "grad_sparsity"; empty for networks that learn no mask.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.latest: dict[str, float] = {}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Measure before the first step."""
        if trainer.global_step == 0:
            self._measure(trainer, pl_module, batch)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Measure when it is due."""
        step = trainer.global_step
        if step % self.every == 0 or step == trainer.max_steps:
            self._measure(trainer, pl_module, batch)

    def _measure(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch) -> None:
        assert isinstance(pl_module, NetworkModule)
        if not trainer.is_global_zero or not learns_mask(pl_module.model):
            return
        with trainer.strategy.precision_plugin.train_step_context():
            self.latest = mask_gradients(pl_module, batch)


def mask_gradients(module: NetworkModule, batch: Batch) -> dict[str, float]:
    """Return the norms of the gradients at a batch's mask logits, see `MaskGradients`."""
    assert isinstance(module.model, Seq2Exp)
    kept: list[Tensor] = []
    hook = module.model.mask_output.register_forward_hook(
        lambda layer, given, logits: kept.append(logits)
    )
    try:
        with torch.enable_grad():
            _, loss = module.losses(batch)
    finally:
        hook.remove()
    (logits,) = kept
    assert loss.sparsity is not None
    found = {}
    for name, part in (("grad_prediction", loss.prediction), ("grad_sparsity", loss.sparsity)):
        (gradient,) = torch.autograd.grad(part, logits, retain_graph=True, allow_unused=True)
        found[name] = 0.0 if gradient is None else float(gradient.float().norm())
    return found
