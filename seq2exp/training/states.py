"""What a run can go on from: its last whole state, and its best weights."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from seq2exp.errors import InputError
from seq2exp.files import atomic_path
from seq2exp.training.batches import Batch
from seq2exp.training.module import NetworkModule

BEST, LAST = "best.pt", "last.ckpt"  # in the folder of a phase


class KeepLast(pl.Callback):
    """Save the whole state regularly, so that a killed run can go on.

    It is never saved at a step that is validated, but just before it: Lightning restores a state
    saved between a step and its validation as if that validation had happened. (So it is never
    saved where each step is validated; such a run starts again.) Nor is it saved at the last step,
    after which there is nothing to go on with.

    Parameters
    ----------
    path : of the state; replaced as a whole.
    every, validated : steps between saves, and between validations.
    """

    def __init__(self, path: Path, every: int, validated: int) -> None:
        self.path = path
        self.every = every
        self.validated = validated

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        """Save when it is due."""
        step = trainer.global_step
        due = (step + 1) % self.every == 0 or (step + 1) % self.validated == 0
        if not due or step % self.validated == 0 or step == trainer.max_steps:
            return
        if trainer.is_global_zero:
            with atomic_path(self.path) as draft:
                trainer.save_checkpoint(draft)
        else:
            trainer.save_checkpoint(self.path)  # takes part, and leaves the writing to the first


class KeepBest(pl.Callback):
    """Keep the weights with the smallest validation MSE, as the published training does.

    While the objective ramps up, nothing is kept: a mask that is not yet sparse may predict better.

    Attributes
    ----------
    path : torch file with ``weights``, ``step`` and ``mse``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Replace the kept weights if these are better; an error that is no number never is."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, NetworkModule)
        fit = pl_module.validated
        assert fit is not None
        if pl_module.settling:
            return
        # A resumed run may be behind the kept weights; then what was kept came from the same steps.
        kept = load_best(self.path)["mse"] if self.path.exists() else math.inf
        if not fit.mse < kept:
            return
        state = {
            "weights": pl_module.model.state_dict(),
            "step": trainer.global_step,
            "mse": fit.mse,
        }
        with atomic_path(self.path) as draft:
            torch.save(state, draft)


def load_best(path: Path) -> dict[str, Any]:
    """Return what `KeepBest` saved, on the CPU; errors as `load_state` has them."""
    return load_state(path, ("weights", "step", "mse"))


def load_state(path: Path, parts: Sequence[str]) -> dict[str, Any]:
    """Return a saved state, on the CPU.

    Raises
    ------
    InputError
        There is none, or it is damaged or lacks one of its parts.
    """
    again = f"delete {path.parent}, and a resumed run trains this phase again."
    if not path.exists():
        raise InputError(f"There is no {path}: {again}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        lacking = [part for part in parts if part not in state]
    except Exception as error:  # of many kinds, depending on which of its bytes are wrong
        raise InputError(f"{path} is damaged ({type(error).__name__}): {again}") from error
    if lacking:
        raise InputError(f"{path} is damaged (it has no {lacking[0]}): {again}")
    return state


def check_states(folder: Path) -> None:
    """Refuse a run's folder with damaged states, before anything is made of them.

    Raises
    ------
    InputError
        The first of them; names the fix.
    """
    for path in sorted(folder.glob(f"*/{LAST}")):
        load_state(path, ("state_dict", "optimizer_states", "global_step"))
    for path in sorted(folder.glob(f"*/{BEST}")):
        load_best(path)
