"""One phase of training, on one device or on several, from its last state if there is one."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from seq2exp.errors import TERMINATED
from seq2exp.training.devices import Devices, is_first
from seq2exp.training.evaluation import Truth
from seq2exp.training.examples import Examples, Progress
from seq2exp.training.gradients import MaskGradients
from seq2exp.training.loader import Batches, OrderedBatches
from seq2exp.training.logs import Log, Report
from seq2exp.training.look import MaskPictures
from seq2exp.training.module import NetworkModule
from seq2exp.training.networks import learns_mask
from seq2exp.training.objective import GRADIENT_CLIP
from seq2exp.training.phases import Phase
from seq2exp.training.runfolder import FINISHED
from seq2exp.training.states import BEST, LAST, KeepBest, KeepLast, load_best


@dataclass(frozen=True)
class Way:
    """What a phase's outcome does not depend on, but for rounding: where and how it is computed.

    Attributes
    ----------
    devices : to train on.
    gpu_precision : of GPUs where `devices` does not say.
    scan : what runs the layers: "auto", or a selective scan by its name.
    """

    devices: Devices
    gpu_precision: str = "bf16-mixed"
    scan: str = "auto"


def fit(
    model: nn.Module,
    phase: Phase,
    training: Examples,
    validation: Examples,
    folder: Path,
    *,
    seed: int,
    way: Way,
    truth: Truth | None,
    report: Progress,
) -> torch.device:
    """Train one phase and return on which device this process did.

    Afterwards `model` has the phase's best weights by validation MSE.

    The first process leaves in `folder`: ``best.pt`` and ``last.ckpt``, ``log.csv``, the same for
    TensorBoard, and pictures of one gene's mask. A phase that is finished there is not done again.

    Raises
    ------
    InputError
        The loss or the validation error is no finite number any more, or a state is damaged.
    KeyboardInterrupt
        It was interrupted by the user.
    SystemExit
        It was terminated (SIGTERM), as a cluster's scheduler does; the state is kept.
    """
    steps = phase.optimisation.steps
    last, finished = folder / LAST, folder / FINISHED
    if is_first():
        folder.mkdir(exist_ok=True)
    every = phase.validate_every
    gradients = MaskGradients(every)
    log = Log(folder, max(1, min(10, every)), gradients)
    callbacks: Sequence[pl.Callback] = [
        gradients,
        log,
        KeepBest(folder / BEST),
        KeepLast(last, phase.save_every, every),
        MaskPictures(folder / "masks", validation, phase.window, truth),
        Report(report, f"Training, {phase.name} phase"),
    ]
    trainer = way.devices.trainer(
        way.gpu_precision,
        max_steps=steps,
        max_epochs=1,
        val_check_interval=every,
        num_sanity_val_steps=0,
        gradient_clip_val=GRADIENT_CLIP,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
    )
    if not finished.exists():
        held = phase.hold_mask and learns_mask(model)
        if held:
            model.hold_mask()  # type: ignore[operator]
        module = NetworkModule(model, phase.optimisation, seed, way.scan)
        place = {"rank": trainer.global_rank, "ranks": trainer.world_size}
        pin = trainer.strategy.root_device.type == "cuda"
        cut = phase.cut_for(model.config)
        batches = Batches(
            training,
            phase.batch_size,
            steps,
            seed,
            phase.window,
            change=cut,
            pin=pin,
            **place,
        )
        held_out = OrderedBatches(
            validation,
            max(1, phase.batch_size // trainer.world_size),
            phase.window,
            change=cut,
            **place,
        )
        try:
            _run(trainer, module, batches, held_out, last if last.exists() else None, phase)
        finally:
            log.close()
            if held:
                model.hold_mask(False)  # type: ignore[operator]
        if is_first():
            finished.touch()
        trainer.strategy.barrier()
    model.load_state_dict(load_best(folder / BEST)["weights"])
    return trainer.strategy.root_device


def _run(
    trainer: pl.Trainer,
    module: NetworkModule,
    batches: Batches,
    held_out: OrderedBatches,
    state: Path | None,
    phase: Phase,
) -> None:
    # The mode is whatever evaluation left behind.
    module.train()
    steps = phase.optimisation.steps
    with warnings.catch_warnings():
        # Lightning 2.6 uses what torch 2.13 is about to drop; nobody who trains can change that.
        warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
        # Of several devices' gradients; it costs a copy of a few numbers.
        warnings.filterwarnings("ignore", "Grad strides do not match", UserWarning)
        try:
            trainer.fit(module, batches, held_out, ckpt_path=state, weights_only=True)
        except SIGTERMException:  # as it is, it would end the process as one that came through
            raise SystemExit(TERMINATED) from None
        if trainer.global_step < steps:
            raise KeyboardInterrupt
        if steps % phase.validate_every:
            trainer.validate(module, held_out, verbose=False)
