"""What a run leaves behind while it goes: a CSV log, the last and the best state, its progress."""

import csv
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from seq2exp.files import atomic_path
from seq2exp.training.batches import Batch, Progress
from seq2exp.training.module import Seq2ExpModule

COLUMNS = (
    "step",
    "lr",
    "loss",
    "prediction",
    "kl",
    "continuity",
    "mask_ratio",
    "val_mse",
    "val_mae",
    "val_pearson",
    "seconds",
)


class CsvLog(pl.Callback):
    """Append a row every few steps (means since the row before) and after each validation.

    A resumed run first drops the rows after the state it starts from, so each step is there once.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path = path
        self.every = every
        self._sums: dict[str, float] = {}
        self._count = 0
        self._begun = 0.0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the header, or drop rows that are about to be computed again."""
        rows: list[dict[str, str]] = []
        if self.path.exists():
            with open(self.path, newline="") as file:
                rows = [r for r in csv.DictReader(file) if int(r["step"]) <= trainer.global_step]
        with atomic_path(self.path) as draft, open(draft, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        already = max((float(r["seconds"]) for r in rows), default=0.0)
        self._begun = time.monotonic() - already

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Add the step to the running means; write them when they are due."""
        for name in ("loss", "prediction", "kl", "continuity", "mask_ratio"):
            self._sums[name] = self._sums.get(name, 0.0) + float(outputs[name])
        self._count += 1
        step = trainer.global_step
        if step % self.every == 0 or step == trainer.max_steps:
            means = {name: total / self._count for name, total in self._sums.items()}
            assert isinstance(pl_module, Seq2ExpModule)
            self._write(step, lr=pl_module.optimisation.rate(step - 1), **means)
            self._sums, self._count = {}, 0

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the validation metrics."""
        assert isinstance(pl_module, Seq2ExpModule)
        fit = pl_module.validated
        assert fit is not None
        self._write(trainer.global_step, val_mse=fit.mse, val_mae=fit.mae, val_pearson=fit.pearson)

    # Lightning stores these in its checkpoints.
    def state_dict(self) -> dict[str, Any]:
        """Return the means that are not yet written."""
        return {"sums": dict(self._sums), "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with these means."""
        self._sums, self._count = dict(state_dict["sums"]), state_dict["count"]

    def _write(self, step: int, **values: float | None) -> None:
        given = {name: value for name, value in values.items() if value is not None}
        row: dict[str, object] = {name: f"{value:.6g}" for name, value in given.items()}
        row["step"] = step
        row["seconds"] = f"{time.monotonic() - self._begun:.1f}"
        with open(self.path, "a", newline="") as file:
            csv.DictWriter(file, COLUMNS).writerow(row)


class KeepLast(pl.Callback):
    """Save the whole state regularly, so that a killed run can go on.

    It is saved one step before validation is due, never at it: Lightning restores a state saved
    between a step and its validation as if that validation had happened.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path = path
        self.every = every

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Save when it is due."""
        if (trainer.global_step + 1) % self.every == 0:
            with atomic_path(self.path) as draft:
                trainer.save_checkpoint(draft)


class KeepBest(pl.Callback):
    """Keep the weights with the smallest validation MSE, as the published training does.

    Attributes
    ----------
    path : torch file with ``weights``, ``step`` and ``mse``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace the kept weights if these are better."""
        assert isinstance(pl_module, Seq2ExpModule)
        fit = pl_module.validated
        assert fit is not None
        # A resumed run may be behind the kept weights; then what was kept came from the same steps.
        if self.path.exists() and load_best(self.path)["mse"] <= fit.mse:
            return
        if trainer.is_global_zero:
            state = {
                "weights": pl_module.model.state_dict(),
                "step": trainer.global_step,
                "mse": fit.mse,
            }
            with atomic_path(self.path) as draft:
                torch.save(state, draft)


def load_best(path: Path) -> dict[str, Any]:
    """Return what `KeepBest` saved, on the CPU."""
    return torch.load(path, map_location="cpu", weights_only=True)


class Report(pl.Callback):
    """Tell how far training is."""

    def __init__(self, progress: Progress, phase: str) -> None:
        self.progress = progress
        self.phase = phase
        self._loss: float | None = None

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Report the step, a running mean of the loss, and the last validation."""
        loss = float(outputs["loss"])
        self._loss = loss if self._loss is None else 0.98 * self._loss + 0.02 * loss
        step, steps = trainer.global_step, trainer.max_steps
        text = f"{self.phase}: step {step:,} of {steps:,}, loss {self._loss:.4f}"
        assert isinstance(pl_module, Seq2ExpModule)
        if pl_module.validated:
            text += f", validation MSE {pl_module.validated.mse:.4f}"
        self.progress(step / steps, text)
