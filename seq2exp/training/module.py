"""Seq2Exp as a Lightning module: one training step, one validation pass, the optimiser."""

import hashlib
from dataclasses import dataclass

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from seq2exp.model.seq2exp import Seq2Exp
from seq2exp.training.batches import Batch
from seq2exp.training.evaluation import Fit, fit_metrics, run_model
from seq2exp.training.objective import (
    ADAM_BETAS,
    PEAK_LR,
    WARM_UP,
    WEIGHT_DECAY,
    objective,
    parameter_groups,
    schedule,
)


@dataclass(frozen=True)
class Optimisation:
    """How far and how fast one phase of training goes; the defaults are the published ones."""

    steps: int = 50_000
    lr: float = PEAK_LR
    lr_start: float | None = None
    lr_floor: float | None = None
    warm_up: float = WARM_UP
    weight_decay: float = WEIGHT_DECAY

    def rate(self, step: int) -> float:
        """Return the learning rate of optimiser step `step`."""
        return schedule(step, self.steps, self.lr, self.lr_start, self.lr_floor, self.warm_up)


class Seq2ExpModule(pl.LightningModule):
    """What Lightning drives.

    Before each step the random generator is seeded from (seed, step), so the masks that are sampled
    do not depend on where a run was interrupted.

    Attributes
    ----------
    model : the network that is trained.
    scan : what runs its layers, as `Backbone.scan` has it.
    validated : fit on the last validation pass, None before it.
    """

    def __init__(
        self, model: Seq2Exp, optimisation: Optimisation, seed: int, scan: str = "auto"
    ) -> None:
        super().__init__()
        self.model = model
        self.optimisation = optimisation
        self.seed = seed
        self.scan = scan
        self.validated: Fit | None = None
        self._seen: list[tuple[Tensor, Tensor]] = []

    def on_fit_start(self) -> None:
        """Choose what runs the layers, the network being where it will be trained."""
        self.model.use_scan(self.scan)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss and its parts; ``loss`` is minimised."""
        torch.manual_seed(step_seed(self.seed, self.global_step))
        out = run_model(self.model, batch)
        config = self.model.config
        loss = objective(
            out.prediction,
            batch.label,
            out.alpha,
            out.beta,
            out.mask,
            prior=config.prior,
            kl_weight=config.kl_weight,
        )
        return {
            "loss": loss.total,
            "prediction": loss.prediction.detach(),
            "kl": loss.kl.detach(),
            "continuity": loss.continuity,
            "mask_ratio": out.mask.detach().mean(),
        }

    def on_validation_epoch_start(self) -> None:
        """Forget the pass before."""
        self._seen = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Predict a batch with the variant's own rule for the mask."""
        out = run_model(self.model, batch)
        self._seen.append((out.prediction.float().flatten().cpu(), batch.label.flatten().cpu()))

    def on_validation_epoch_end(self) -> None:
        """Score all validation examples together."""
        prediction, label = (torch.cat(part).numpy() for part in zip(*self._seen, strict=True))
        self.validated = fit_metrics(prediction, label)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW with the published groups, its rate set at every step by the schedule."""
        # The groups' rate is 1, so that the schedule's factor is the rate itself.
        optimizer = torch.optim.AdamW(
            parameter_groups(self.model, self.optimisation.weight_decay), lr=1.0, betas=ADAM_BETAS
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.optimisation.rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def step_seed(seed: int, step: int) -> int:
    """Return a seed of 63 bits for one training step; a function of its arguments alone."""
    text = f"{seed} {step}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
