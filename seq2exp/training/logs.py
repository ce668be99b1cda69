"""What is written down while a run goes: a table, the same for TensorBoard, and where it stands."""

import csv
import math
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from seq2exp.files import atomic_path
from seq2exp.training.batches import Batch
from seq2exp.training.devices import gathered
from seq2exp.training.examples import Progress
from seq2exp.training.gradients import MaskGradients
from seq2exp.training.module import NetworkModule
from seq2exp.training.phases import diverged

MEANS = ("loss", "prediction", "sparsity", "continuity", "mask_ratio")
COLUMNS = (
    "step",
    "lr",
    *MEANS,
    "val_mse",
    "val_mae",
    "val_pearson",
    "grad_prediction",
    "grad_sparsity",
    "seconds",
)

_PAUSE = 0.2  # seconds between two reports; each waits for the device


class Log(pl.Callback):
    """Append a row every few steps (means since the row before) and at each validation.

    ``log.csv`` has the rows, the folder ``tensorboard`` the same numbers. A resumed run first drops
    the rows after the state it starts from, so each step is there once. Of several processes the
    means are taken over all, and the first one writes.

    Columns: step; lr; loss, prediction, sparsity (with its weight) and continuity of
    `seq2exp.training.objective`; mask_ratio; val_mse, val_mae, val_pearson; grad_prediction and
    grad_sparsity of `MaskGradients`, from before the first step on; seconds of training.
    """

    def __init__(self, folder: Path, every: int, gradients: MaskGradients) -> None:
        self.folder = folder
        self.path = folder / "log.csv"
        self.every = every
        self.gradients = gradients
        self._sums: dict[str, Tensor] = {}
        self._count = 0
        self._begun = 0.0
        self._board: SummaryWriter | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the header, or drop rows that are about to be computed again."""
        if not trainer.is_global_zero:
            return
        done = trainer.global_step
        rows = [row for row in read_rows(self.path) if done and int(row["step"]) <= done]
        with atomic_path(self.path) as draft, open(draft, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        already = max((float(row["seconds"]) for row in rows), default=0.0)
        self._begun = time.monotonic() - already
        again = done + 1 if done else 0
        self._board = SummaryWriter(str(self.folder / "tensorboard"), purge_step=again)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        """Write the gradients before the first step."""
        if trainer.global_step == 0:
            self._write(trainer, **self.gradients.latest)

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Add the step to the running sums; write their means when they are due.

        Raises
        ------
        InputError
            A loss that is no number; it is looked at here, as each look waits for the device.
        """
        for name in MEANS:
            if name in outputs:
                self._sums[name] = self._sums.get(name, 0.0) + outputs[name].detach().float()
        self._count += 1
        step = trainer.global_step
        if step % self.every == 0 or step == trainer.max_steps:
            means = torch.stack(list(self._sums.values())) / self._count
            found = trainer.strategy.reduce(means, reduce_op="mean")
            assert isinstance(pl_module, NetworkModule)
            rate = pl_module.optimisation.rate(step - 1)
            row = dict(zip(self._sums, found.tolist(), strict=True))
            self._write(trainer, lr=rate, **row)
            self._sums, self._count = {}, 0
            if not math.isfinite(row["loss"]):
                raise diverged("The loss", step, pl_module.optimisation.lr)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the validation metrics and the gradients."""
        assert isinstance(pl_module, NetworkModule)
        fit = pl_module.validated
        assert fit is not None
        self._write(
            trainer,
            val_mse=fit.mse,
            val_mae=fit.mae,
            val_pearson=fit.pearson,
            **self.gradients.latest,
        )
        if self._board is not None:
            self._board.flush()

    def close(self) -> None:
        """Close what is open; training and a last validation write to the same log."""
        if self._board is not None:
            self._board.close()
            self._board = None

    # Lightning stores these in its checkpoints.
    def state_dict(self) -> dict[str, Any]:
        """Return the sums that are not yet written, as means over all processes."""
        sums = {}
        if self._sums:
            means = gathered(torch.stack(list(self._sums.values()))).mean(0)
            sums = dict(zip(self._sums, means.tolist(), strict=True))
        return {"sums": sums, "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with these sums."""
        self._sums = {name: torch.tensor(total) for name, total in state_dict["sums"].items()}
        self._count = state_dict["count"]

    def _write(self, trainer: pl.Trainer, **values: float | None) -> None:
        given = {name: value for name, value in values.items() if value is not None}
        if not given or not trainer.is_global_zero:
            return
        row: dict[str, object] = {name: f"{value:.6g}" for name, value in given.items()}
        row["step"] = trainer.global_step
        row["seconds"] = f"{time.monotonic() - self._begun:.1f}"
        with open(self.path, "a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)
        if self._board is not None:
            for name, value in given.items():
                self._board.add_scalar(name, value, trainer.global_step)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return a log's rows, without one that a killed run left unfinished; [] without a log."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        text = file.read()
    whole = text[: text.rfind("\n") + 1]
    return list(csv.DictReader(whole.splitlines()))


class Report(pl.Callback):
    """Tell how far training is."""

    def __init__(self, progress: Progress, phase: str) -> None:
        self.progress = progress
        self.phase = phase
        self._loss: Tensor | None = None
        self._told = 0.0

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Report the step, a running mean of the loss, and the last validation."""
        loss = outputs["loss"].detach()
        self._loss = loss if self._loss is None else 0.98 * self._loss + 0.02 * loss
        step, steps = trainer.global_step, trainer.max_steps
        now = time.monotonic()
        if not trainer.is_global_zero or (now - self._told < _PAUSE and step < steps):
            return
        self._told = now
        text = f"{self.phase}: step {step:,} of {steps:,}, loss {self._loss.item():.4f}"
        assert isinstance(pl_module, NetworkModule)
        if pl_module.validated:
            text += f", validation MSE {pl_module.validated.mse:.4f}"
        self.progress(step / steps, text)
