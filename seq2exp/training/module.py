"""A network as a Lightning module: one training step, one validation pass, the optimiser."""

import hashlib
from collections.abc import Iterator

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from seq2exp.model.seq2exp import Output
from seq2exp.training.batches import Batch
from seq2exp.training.devices import gathered
from seq2exp.training.evaluation import Fit, fit_metrics
from seq2exp.training.loader import OrderedBatches
from seq2exp.training.networks import learns_mask, run_network
from seq2exp.training.objective import ADAM_BETAS, Loss, objective, parameter_groups
from seq2exp.training.phases import Optimisation, diverged


class NetworkModule(pl.LightningModule):
    """What Lightning drives.

    Before each step the random generator is seeded from (seed, step, rank), so what is sampled does
    not depend on where a run was interrupted.

    Attributes
    ----------
    model : the network that is trained.
    scan : what runs its layers, as `Backbone.scan` has it.
    validated : fit on the last validation pass, None before it.
    """

    def __init__(
        self, model: nn.Module, optimisation: Optimisation, seed: int, scan: str = "auto"
    ) -> None:
        super().__init__()
        self.model = model
        self.optimisation = optimisation
        self.seed = seed
        self.scan = scan
        self.validated: Fit | None = None
        self._seen: list[tuple[Tensor, Tensor]] = []

    @property
    def settling(self) -> bool:
        """Whether the objective is still on its way to what it is in the end."""
        end = getattr(self.model.config, "ramp", (0.0, 0.0))[1]
        return self.optimisation.progress(self.global_step) < end

    def on_fit_start(self) -> None:
        """Choose what runs the layers, the network being where it will be trained."""
        self.model.use_scan(self.scan)  # type: ignore[operator]

    def losses(self, batch: Batch) -> tuple[Output, Loss]:
        """Return what the network gives for a batch now, and its loss."""
        torch.manual_seed(step_seed(self.seed, self.global_step, self.global_rank))
        out = run_network(self.model, batch)
        # A mask that nothing moves owes nothing to its prior.
        judged = out if learns_mask(self.model) else Output(out.prediction)
        progress = self.optimisation.progress(self.global_step)
        return out, objective(judged, batch.label, self.model.config, progress, batch.weight)

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return the loss and its parts; ``loss`` is minimised."""
        out, loss = self.losses(batch)
        found = {"loss": loss.total, "prediction": loss.prediction.detach()}
        if loss.sparsity is not None and loss.continuity is not None:
            found |= {"sparsity": loss.sparsity.detach(), "continuity": loss.continuity}
        if out.mask is not None:
            mask, weight = out.mask.detach(), batch.weight
            found["mask_ratio"] = (
                mask.mean() if weight is None else (mask * weight).sum() / weight.sum()
            )
        return found

    def on_validation_epoch_start(self) -> None:
        """Forget the pass before."""
        self._seen = []

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Predict a batch with the network's own rule for the mask."""
        out = run_network(self.model, batch)
        self._seen.append((out.prediction.float().flatten(), batch.label.flatten()))

    def on_validation_epoch_end(self) -> None:
        """Score all validation examples together, those of the other processes too.

        Raises
        ------
        InputError
            A prediction that is no number.
        """
        loader = self.trainer.val_dataloaders
        assert isinstance(loader, OrderedBatches)
        both = torch.stack([torch.cat(part) for part in zip(*self._seen, strict=True)], -1)
        prediction, label = loader.in_order(gathered(both)).cpu().numpy().T
        if not np.isfinite(prediction).all():
            raise diverged("The validation error", self.global_step, self.optimisation.lr)
        self.validated = fit_metrics(prediction, label)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return AdamW with the published groups, its rate set at every step by the schedule."""
        groups = list(optimiser_groups(self.model, self.optimisation))
        # The groups' rate is 1, so that the schedule's factor is the rate itself.
        optimizer = torch.optim.AdamW([group for group, _ in groups], lr=1.0, betas=ADAM_BETAS)
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, [optimisation.rate for _, optimisation in groups]
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }


def optimiser_groups(
    model: nn.Module, optimisation: Optimisation
) -> Iterator[tuple[dict, Optimisation]]:
    """Yield AdamW's groups and how the rate of each runs.

    Beside the two of `parameter_groups` there is one for every pair of rate and decay that a
    network has of its own (HyenaDNA's filters): its rate has the same shape under that peak.
    """
    own: dict[str, dict[str, float]] = {}
    if hasattr(model, "optimiser_settings"):
        own = model.optimiser_settings()  # type: ignore[operator]
    named = dict(model.named_parameters())
    apart = {id(named[name]) for name in own}
    for group in parameter_groups(model, optimisation.weight_decay):
        group["params"] = [p for p in group["params"] if id(p) not in apart]
        yield group, optimisation
    kinds = {(settings["lr"], settings["weight_decay"]) for settings in own.values()}
    for lr, weight_decay in sorted(kinds):
        chosen = [
            named[name]
            for name, settings in own.items()
            if (settings["lr"], settings["weight_decay"]) == (lr, weight_decay)
        ]
        yield {"params": chosen, "weight_decay": weight_decay}, optimisation.at_peak(lr)


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Return a seed of 63 bits for one step of one process; a function of its arguments alone."""
    text = f"{seed} {step} {rank}" if rank else f"{seed} {step}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
